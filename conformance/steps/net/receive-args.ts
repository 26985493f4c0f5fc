import type { FrameArg } from '../../kits/frame-spec.ts';
import { HDR_FIELDS, type NetHdr } from '../../kits/net-header.ts';
import type { KickMode } from '../request/release.ts';
import { type Count, INT, list, obj } from '../step.ts';
import type { FrameJson, MatchArgs } from './frame-match.ts';
import type { Lay } from './layouts.ts';

/** What a header field must be. */
export type Want =
  | number
  | number[]
  | { min?: number; max?: number; mask?: number; is?: number; not?: number };

const WANT = {
  anyOf: [INT, list(INT), obj({ min: INT, max: INT, mask: INT, is: INT, not: INT })],
};

export type WantHdr = Partial<Record<keyof NetHdr, Want>>;

export const WANTS = obj(Object.fromEntries(HDR_FIELDS.map((name) => [name, WANT])));

export interface PostArgs {
  queue?: number;
  sizes?: number[];
  size?: number;
  count?: number;
  lay?: Lay;
  indirect?: boolean;
  as?: string;
  publish?: boolean;
  kick?: KickMode;
}

export interface ExpectArgs extends MatchArgs {
  queue?: number;
  hdr?: WantHdr;
  'gso-hdr'?: WantHdr;
  'partial-hdr'?: WantHdr;
  pseudo?: boolean;
  'fits-segments'?: boolean;
  'rsc-segments'?: number;
  buffers?: Count;
  model?: boolean;
  together?: boolean;
  cite?: Record<string, string>;
}

export interface NetRxArgs {
  post?: PostArgs;
  expect?: ExpectArgs;
  has?: FrameArg;
  none?: FrameArg;
  unused?: Count;
  saw?: 'gso' | 'partial' | 'packet' | 'data-valid' | 'rsc';
  queue?: number;
  forget?: boolean;
  breached?: boolean;
}

export interface PacketJson extends FrameJson {
  hdr: NetHdr;
  lens: number[];
  rooms: number[];
  missing?: number;
  open?: boolean;
}

export interface NetRxSeen {
  mac: string;
  mergeable: boolean;
  /** Features in force, when the model is to judge the headers. */
  features?: string;
  packets: PacketJson[];
  unused?: number;
  /** The device asks for a reset. */
  broken?: boolean;
  indexes?: number[];
  flags?: number[][];
}
