import { SECTOR } from '../../kits/blk.ts';
import type { Buffer } from '../../session/buffers.ts';
import type { Session } from '../../session/session.ts';
import { release } from '../request/release.ts';
import { defineStep, INT, obj } from '../step.ts';
import { CONTENT, type Content } from './content.ts';
import { DATA, type DataArg } from './expect.ts';
import { judgeSeen } from './judge.ts';
import { look, type Seen } from './look.ts';
import { type BlkArgs, limits, submit } from './submit.ts';

/**
 * Bytes that `blk-fill` and `blk-verify` move in one request: 8 sectors suit block sizes up to 4096. Long stretches are
 * moved in larger pieces, as many as these.
 */
const CHUNK = 4096;

const MOST_PIECES = 64;

interface StretchArgs extends Content {
  sector: number;
  sectors: number;
}

/**
 * Go over a stretch of sectors in requests of one data segment each, all in the same memory. Returns what was seen of
 * the first bad one.
 */
function stretch(
  session: Session,
  args: StretchArgs,
  request: (sector: number, sectors: number) => BlkArgs,
): Seen | null {
  const { segments, size } = limits(session);
  const pieces = Math.ceil((args.sectors * SECTOR) / MOST_PIECES / CHUNK);
  const step = Math.max(1, Math.floor(Math.min(CHUNK * Math.max(1, pieces), segments * size) / SECTOR));
  let buffer: Buffer | undefined;
  for (let done = 0; done < args.sectors; done += step) {
    const args_ = request(args.sector + done, Math.min(step, args.sectors - done));
    buffer = submit(session, args_, buffer);
    release(session, 0, {});
    session.quiet();
    session.queues.collect(0);
    const seen = look(session, buffer, args_.expect ?? {});
    if (judgeSeen(seen, {}).length > 0) return { ...seen, name: `${args_.op} of sector ${args_.sector}` };
  }
  return null;
}

/** `blk-fill`: prepare sectors. */
export const blkFillStep = defineStep<StretchArgs, { bad: Seen | null }>({
  name: 'blk-fill',
  summary:
    'Write known content to sectors, 8 at a time (more in long stretches). When a write fails the case is blocked.',
  example: '{blk-fill: {sector: 0, sectors: 24, fill: 255}}',
  schema: obj({ sector: INT, sectors: INT, ...CONTENT }, ['sector', 'sectors']),
  run: (session, args) => ({
    bad: stretch(session, args, (sector, sectors) => ({ ...args, op: 'out', sector, sectors })),
  }),
  judge: (_, { bad }) =>
    bad === null ? [] : judgeSeen(bad, {}).map((problem) => ({ ...problem, blocked: true })),
});

/** `blk-verify`: look at sectors. */
export const blkVerifyStep = defineStep<StretchArgs & { data?: DataArg }, { bad: Seen | null }>({
  name: 'blk-verify',
  summary:
    'Read sectors, 8 at a time (more in long stretches), and compare: with what is known (default), or as `data` says.',
  example: '{blk-verify: {sector: 0, sectors: 24, data: zeroes}}',
  schema: obj({ sector: INT, sectors: INT, data: DATA }, ['sector', 'sectors']),
  run: (session, { sector, sectors, data }) => ({
    bad: stretch(session, { sector, sectors }, (at, count) => ({
      op: 'in',
      sector: at,
      sectors: count,
      expect: { data },
    })),
  }),
  judge: (_, { bad }) => (bad === null ? [] : judgeSeen(bad, {})),
});
