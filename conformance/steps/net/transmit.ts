import type { FrameArg } from '../../kits/frame-spec.ts';
import { buildFrames } from '../../kits/frames.ts';
import { type HdrArg, hdrBytes } from '../../kits/net-header.ts';
import type { Part } from '../../session/buffers.ts';
import { addOptions, outcomeOf, type RequestOutcome } from '../../session/requests.ts';
import { judgeOutcome } from '../request/judge-outcome.ts';
import { KICK, type KickMode, release } from '../request/release.ts';
import { BOOL, defineStep, INT, obj, TEXT } from '../step.ts';
import { FRAMES, HDR } from './frame-args.ts';
import { macsOf } from './frame-match.ts';
import { LAY, type Lay, sizesOf } from './layouts.ts';
import { needsReset } from './needs-reset.ts';

interface NetTxArgs {
  queue?: number;
  hdr?: HdrArg;
  frame: FrameArg;
  lay?: Lay;
  write?: number;
  indirect?: boolean;
  as?: string;
  publish?: boolean;
  kick?: KickMode;
  done?: boolean;
  overwrite?: boolean;
  breach?: string;
}

/** `net-tx`: transmit packets. */
export const netTxStep = defineStep<
  NetTxArgs,
  { outcomes: RequestOutcome[]; packed: boolean; broken: boolean }
>({
  name: 'net-tx',
  summary:
    'Transmit each frame behind header `hdr` (default H0) in a buffer of its own, laid out as `lay`; several are ' +
    'made available at once. Then the buffers must come back, with used length 0 (not with `done: false`). ' +
    '`overwrite` fills each with EE as soon as it is used.',
  example: '{net-tx: {hdr: Hcsum4, frame: {t4: 100, sum: pseudo}, lay: L5}}',
  schema: obj(
    {
      queue: INT,
      hdr: HDR,
      frame: FRAMES,
      lay: LAY,
      write: { ...INT, description: 'Bytes of a device-writable part behind the frame (a breach).' },
      indirect: BOOL,
      as: TEXT,
      publish: BOOL,
      kick: KICK,
      done: BOOL,
      overwrite: BOOL,
      breach: {
        ...TEXT,
        description: 'The rule that the driver breaks: the device may also ask for a reset.',
      },
    },
    ['frame'],
  ),
  run(session, args) {
    const queue = args.queue ?? 1;
    const lay = args.lay ?? 'L1';
    const header = hdrBytes(args.hdr);
    const frames = buildFrames(args.frame, macsOf(session));
    if (args.breach) session.breach(args.breach);
    const buffers = frames.map(({ bytes }, i) => {
      const all = new Uint8Array(header.length + bytes.length);
      all.set(header);
      all.set(bytes, header.length);
      let at = 0;
      const parts: Part[] = sizesOf(lay, all.length).map((size) => {
        at += size;
        return { read: all.subarray(at - size, at) };
      });
      if (args.write) parts.push({ write: args.write });
      const name = args.as === undefined ? '' : frames.length === 1 ? args.as : `${args.as}-${i}`;
      const buffer = session.buffers.create(queue, name, parts);
      const indirect = args.indirect ?? lay === 'L6';
      session.queues.add(buffer, addOptions(session, { indirect }, parts.length));
      return buffer;
    });
    release(session, queue, args);
    if (args.overwrite) {
      for (let i = 0; i < 4 * buffers.length && buffers.some(({ used }) => used === undefined); i++) {
        session.pump(1);
        for (const { readable } of session.queues.collect(queue))
          for (const [, pa, size] of readable) session.memory.bytes({ pa, size }).fill(0xee);
      }
    }
    if (args.publish === false || args.done === false) return undefined;
    session.quiet();
    session.queues.collect(queue);
    return {
      outcomes: buffers.map((buffer) => outcomeOf(session, buffer)),
      packed: session.queues.must(queue).packed,
      broken: args.breach !== undefined && needsReset(session),
    };
  },
  judge: (_, { outcomes, packed, broken }) =>
    outcomes
      .filter(({ used }) => used || !broken)
      .flatMap((outcome) => judgeOutcome(outcome, packed ? 'any' : 'bounded')),
});
