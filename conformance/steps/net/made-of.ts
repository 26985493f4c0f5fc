import { describe } from '../../kits/frame-difference.ts';
import type { FrameArg } from '../../kits/frame-spec.ts';
import { buildFrames } from '../../kits/frames.ts';
import { toHex } from '../../kits/hex.ts';
import { takenFrames } from '../../kits/net.ts';
import { headersOf } from '../../kits/sums.ts';
import type { Session } from '../../session/session.ts';
import { type Count, judgeCount, type Problem } from '../step.ts';
import { macsOf } from './frame-match.ts';
import type { PeerSeen } from './peer-args.ts';

/** Whether everything that was forwarded comes out of `frames`: content only, headers may have been rewritten. */
export function madeOf(session: Session, frames: FrameArg): PeerSeen {
  session.quiet();
  for (const queue of session.queues.all) session.queues.collect(queue.idx);
  const macs = macsOf(session);
  const sent = buildFrames(frames, macs).map(({ bytes }) => Buffer.from(bytes));
  const taken = takenFrames(session).splice(0);
  const odd = taken.find((bytes) => !sent.some((whole) => comesFrom(whole, bytes)));
  const problem = odd === undefined ? {} : { problem: describe(odd) };
  return { mac: toHex(macs.dev), accepts: [], frames: [], made: { count: taken.length, ...problem } };
}

/** Longest headers that cutting may rewrite: Ethernet with tag, IPv4 and TCP with all options. */
const REWRITTEN = 14 + 4 + 60 + 60;

function comesFrom(sent: Buffer, frame: Uint8Array): boolean {
  // As long as it was, or padded with zeros to the Ethernet minimum, with a checksum or two stored into it.
  const full = Math.max(60, sent.length);
  if (frame.length > full) return false;
  if (frame.length >= sent.length) {
    let differences = 0;
    for (let i = 0; i < frame.length; i++) if (frame[i] !== (i < sent.length ? sent[i] : 0)) differences++;
    return differences <= 4;
  }
  const { payload, ip, l4, fragment } = headersOf(frame);
  if (ip === 0) return false;
  const start = fragment ? l4 + 8 : payload;
  const content = frame.subarray(Math.min(frame.length, start, REWRITTEN));
  return sent.includes(Buffer.from(content));
}

export function judgeMade(
  count: Count | undefined,
  { count: came, problem }: { count: number; problem?: string },
): Problem[] {
  const problems = judgeCount('forwarded frames', count, came);
  return problem ? [...problems, { expected: 'only bytes of the packets sent', actual: problem }] : problems;
}
