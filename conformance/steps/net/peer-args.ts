import type { PeerOffload } from '../../../framework/peer.ts';
import type { FrameArg } from '../../kits/frame-spec.ts';
import type { Count } from '../step.ts';
import type { FrameJson, MatchArgs } from './frame-match.ts';

export interface PeerArgs {
  accept?: PeerOffload[];
  link?: 'up' | 'down';
  stall?: boolean;
  announce?: boolean;
  forget?: boolean;
  send?: FrameArg;
  expect?: FrameArg | (MatchArgs & { at?: number });
  has?: FrameArg;
  none?: FrameArg;
  'made-of'?: { frames: FrameArg; count?: Count };
}

export interface PeerSeen {
  mac: string;
  made?: { count: number; problem?: string };
  accepts: PeerOffload[];
  frames: FrameJson[];
}
