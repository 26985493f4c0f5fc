import type { FrameMeta } from '../../../framework/peer.ts';
import { compareFrames } from '../../kits/frame-compare.ts';
import type { Macs } from '../../kits/frame-headers.ts';
import type { SeenFrame } from '../../kits/frame-normal.ts';
import type { FrameArg } from '../../kits/frame-spec.ts';
import { buildFrames } from '../../kits/frames.ts';
import { fromHex } from '../../kits/hex.ts';
import { ownMac, PEER_MAC } from '../../kits/net.ts';
import type { Session } from '../../session/session.ts';
import { BOOL, type Problem } from '../step.ts';
import { FRAMES } from './frame-args.ts';

export const macsOf = (session: Session): Macs => ({ dev: ownMac(session), peer: PEER_MAC });

/** Bytes and metadata as JSON. */
export interface FrameJson {
  hex: string;
  meta?: FrameMeta;
}

export const fromJson = ({ hex, meta }: FrameJson): SeenFrame => ({
  bytes: fromHex(hex),
  ...(meta ? { meta } : {}),
});

export const macsFrom = (hex: string): Macs => ({
  dev: fromHex(hex),
  peer: PEER_MAC,
});

/** Options of comparing frames that `peer: expect` and `net-rx: expect` share. */
export interface MatchArgs {
  frames: FrameArg;
  missing?: boolean;
  others?: boolean;
  'any-order'?: boolean;
  loose?: boolean;
}

export const MATCH = {
  frames: FRAMES,
  missing: { ...BOOL, description: 'Frames may be missing; those that came must be right.' },
  others: { ...BOOL, description: 'Other frames may come as well.' },
  'any-order': BOOL,
  loose: {
    ...BOOL,
    description: 'TCP frames may have been merged or cut: ids, PSH and FIN are not compared.',
  },
};

export function judgeFrames(
  args: MatchArgs,
  macs: Macs,
  seen: readonly SeenFrame[],
  cite?: string,
): Problem[] {
  const options = {
    missing: args.missing,
    others: args.others,
    anyOrder: args['any-order'],
    loose: args.loose,
  };
  return compareFrames(buildFrames(args.frames, macs), seen, options).map(({ expected, actual }) => ({
    expected,
    actual,
    ...(cite ? { requirement: cite } : {}),
  }));
}
