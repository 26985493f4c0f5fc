import { BYTES } from '../buffer-steps.ts';
import { FRAMING } from '../request/framing.ts';
import { KICK, release } from '../request/release.ts';
import { BOOL, defineStep, INT, list, obj, oneOf, TEXT } from '../step.ts';
import { CONTENT } from './content.ts';
import { EXPECT, type Expect } from './expect.ts';
import { judgeSeen } from './judge.ts';
import { look, type Seen } from './look.ts';
import { SECTOR_ARG, SEGMENT } from './segments.ts';
import { type BlkArgs, submit, TYPES } from './submit.ts';

/** `blk`: one request of a block device. */
export const blkStep = defineStep<BlkArgs, Seen>({
  name: 'blk',
  summary:
    'A block device request. in, out: `sectors` (default 1, or `size` bytes) at `sector`, written with `fill` or ' +
    '`pattern`. discard, write-zeroes: `segments`. other: `type`. `out` adds readable, `in` writable data. `each` cuts ' +
    'the data into segments of so many bytes (default: as large as can be). Waits and checks `expect`; with `wait: false` a ' +
    'later `blk-done` does. What the session knows to be on the disk is kept up to date.',
  example: '{blk: {op: write-zeroes, segments: [{sector: 8, num: 8, flags: 1}], expect: {status: OK}}}',
  schema: obj(
    {
      op: oneOf('other', ...Object.keys(TYPES)),
      type: INT,
      sector: SECTOR_ARG,
      sectors: INT,
      size: INT,
      ...CONTENT,
      reserved: INT,
      segments: list(SEGMENT),
      out: BYTES,
      in: INT,
      each: INT,
      as: TEXT,
      wait: BOOL,
      publish: BOOL,
      kick: KICK,
      save: { ...TEXT, description: 'Keep the data of a read for `same`.' },
      expect: EXPECT,
      ...FRAMING,
    },
    ['op'],
  ),
  run(session, args) {
    const buffer = submit(session, args);
    release(session, 0, args);
    if (args.wait === false) return undefined;
    session.quiet();
    session.queues.collect(0);
    return look(session, buffer, args.expect ?? {});
  },
  judge: (args, seen) => judgeSeen(seen, args.expect ?? {}),
});

/** `blk-done`: block device requests that were not waited for. */
export const blkDoneStep = defineStep<{ as: string | string[]; expect?: Expect }, Seen[]>({
  name: 'blk-done',
  summary: 'Collect used buffers, then check `blk` requests that were submitted with `wait: false`.',
  example: '{blk-done: {as: [a, b], expect: {status: [OK, IOERR]}}}',
  schema: obj({ as: { anyOf: [TEXT, list(TEXT, 1)] }, expect: EXPECT }, ['as']),
  run(session, args) {
    session.queues.collect(0);
    return [args.as].flat().map((name) => {
      const buffer = session.buffers.named(name) ?? session.stop(`no buffer is called ${name}`);
      return look(session, buffer, args.expect ?? {});
    });
  },
  judge: (args, seen) => seen.flatMap((one) => judgeSeen(one, args.expect ?? {})),
});
