import { buildFrames } from '../../kits/frames.ts';
import { NET_HDR, ownMac, PEER_MAC } from '../../kits/net.ts';
import { readHdr } from '../../kits/net-header.ts';
import { topUp } from '../../kits/net-probes.ts';
import { BOOL, defineStep, obj, type Problem, TEXT } from '../step.ts';

interface Offloaded {
  /** Packets that arrived, and how many of them were super-frames or had a partial checksum. */
  packets: number;
  gso: number;
  partial: number;
  /** The same, as an earlier step saw it. */
  before?: { gso: number; partial: number };
}

/** `net-offloaded`: is a frame still received the offloaded way? */
export const netOffloadedStep = defineStep<
  { frame: string; save?: string; like?: string; plain?: boolean; lossy?: boolean },
  Offloaded
>({
  name: 'net-offloaded',
  summary:
    'The peer sends a frame with metadata (P3, P4 …); `save` how it was received: as a super-frame, with a partial ' +
    'checksum, or plain. With `like`, what an earlier step saw offloaded must be so again; `plain`: it must not arrive as a super-frame. `lossy`: it may be lost. Buffers of 4096 bytes.',
  example: '{net-offloaded: {frame: P4, save: first}}',
  schema: obj({ frame: TEXT, save: TEXT, like: TEXT, plain: BOOL, lossy: BOOL }, ['frame']),
  run(session, args) {
    const peer = session.instance.peer ?? session.lacks('the parent offers no packet peer');
    topUp(session, 0, 4, 4096);
    for (const { bytes, meta } of buildFrames(args.frame, { dev: ownMac(session), peer: PEER_MAC }))
      session.guarded('peer.send', () => peer.send(bytes, meta));
    session.quiet();
    const seen: Offloaded = { packets: 0, gso: 0, partial: 0 };
    for (const buffer of session.queues.collect(0)) {
      const hdr = readHdr(session.buffers.written(buffer).subarray(0, NET_HDR));
      seen.packets++;
      if ((hdr.gso_type & 0x7f) !== 0) seen.gso++;
      if ((hdr.flags & 1) !== 0) seen.partial++;
    }
    if (args.save !== undefined)
      session.saved.set(`offloaded:${args.save}`, { gso: seen.gso, partial: seen.partial });
    if (args.like !== undefined)
      seen.before = session.saved.get(`offloaded:${args.like}`) as Offloaded['before'];
    return seen;
  },
  judge(args, seen) {
    const problems: Problem[] = [];
    if (seen.packets === 0 && !args.lossy)
      problems.push({ expected: `${args.frame} is received`, actual: 'it is not' });
    if (seen.before && seen.before.gso > 0 && seen.gso === 0)
      problems.push({
        expected: `${args.frame} as a super-frame, as before`,
        actual: `${seen.packets} plain packets`,
      });
    if (seen.before && seen.before.partial > 0 && seen.partial === 0)
      problems.push({
        expected: `${args.frame} with a partial checksum, as before`,
        actual: 'a complete one',
      });
    if (args.plain && seen.gso > 0)
      problems.push({ expected: `${args.frame} in plain packets`, actual: `${seen.gso} super-frames` });
    return problems;
  },
});
