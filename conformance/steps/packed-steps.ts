import { PackedDriverRing } from '../../framework/virtqueue/driver/packed.ts';
import {
  readPackedDesc,
  readPackedEvent,
  writePackedDesc,
} from '../../framework/virtqueue/driver/raw-packed.ts';
import { DESC_F, EVENT_FLAGS } from '../../specs/virtio-1.1/ring-layout.ts';
import type { Buffer } from '../session/buffers.ts';
import type { Session } from '../session/session.ts';
import { DATA_QUEUE_ARG, queueIndex } from './request/queue-arg.ts';
import {
  BOOL,
  COUNT,
  type Count,
  defineStep,
  INT,
  judgeCount,
  list,
  obj,
  type Problem,
  TEXT,
} from './step.ts';

const bufferNamed = (session: Session, name: string): Buffer =>
  session.buffers.named(name) ?? session.stop(`no buffer is called ${name}`);

/** `expose`: head flags of later buffers become visible before those of earlier ones. */
export const exposeStep = defineStep<{ as: string | string[] }, never>({
  name: 'expose',
  summary:
    'Packed: store the head flags of buffers that were submitted with `publish: false`, ahead of `publish`. Legal: ' +
    'stores to different descriptors may become visible in any order. They count as available from `publish` on.',
  example: '{expose: {as: [b, c]}}',
  schema: obj({ as: { anyOf: [TEXT, list(TEXT)] } }, ['as']),
  run(session, args) {
    for (const name of [args.as].flat()) {
      const buffer = bufferNamed(session, name);
      const queue = session.queues.must(buffer.q);
      if (!(queue.ring instanceof PackedDriverRing)) session.stop('expose is a step for packed queues');
      else if (!queue.ring.exposeHead(buffer.id)) session.stop(`${name} is not waiting to be made available`);
    }
  },
});

interface SlotArgs {
  queue?: number | string;
  at: number;
  used?: 0 | 1;
  'not-used'?: 0 | 1;
  by?: string;
  'one-of'?: string[];
  write?: boolean;
  len?: Count;
}

interface SlotSeen {
  flags: number;
  id: number;
  len: number;
  /** Ids of the buffers named in the arguments. */
  ids: Record<string, number>;
}

/** `slot`: what stands in one slot of a packed ring. */
export const slotStep = defineStep<SlotArgs, SlotSeen>({
  name: 'slot',
  summary:
    'Packed: look at slot `at` of the descriptor ring. `used: 1` wants a used descriptor of a lap with wrap counter 1 ' +
    '(AVAIL and USED both 1), `not-used: 1` wants no such thing; `by` (or `one-of`) names the buffer whose id stands ' +
    'there; `write` and `len` are the WRITE flag and the length of a used descriptor.',
  example: '{slot: {at: 0, used: 1, by: a}}',
  schema: obj(
    {
      queue: DATA_QUEUE_ARG,
      at: INT,
      used: INT,
      'not-used': INT,
      by: TEXT,
      'one-of': list(TEXT),
      write: BOOL,
      len: COUNT,
    },
    ['at'],
  ),
  run(session, args) {
    const queue = session.queues.must(queueIndex(session, args.queue));
    if (!queue.packed) session.stop('slot is a step for packed queues');
    const { flags, id, len } = readPackedDesc(
      session.memory.host,
      queue.areas.desc.pa + 16 * (args.at % queue.num),
    );
    const names = [...(args['one-of'] ?? []), ...(args.by === undefined ? [] : [args.by])];
    return {
      flags,
      id,
      len,
      ids: Object.fromEntries(names.map((name) => [name, bufferNamed(session, name).id])),
    };
  },
  judge(args, { flags, id, len, ids }) {
    const problems: Problem[] = [];
    const avail = (flags & DESC_F.AVAIL) === 0 ? 0 : 1;
    const used = (flags & DESC_F.USED) === 0 ? 0 : 1;
    const where = `slot ${args.at}`;
    const actual = `AVAIL ${avail}, USED ${used}, id ${id}`;
    const { used: lap, 'not-used': notLap } = args;
    if (lap !== undefined && (avail !== lap || used !== lap)) {
      problems.push({ expected: `${where} holds a used descriptor, AVAIL and USED both ${lap}`, actual });
      return problems;
    }
    if (notLap !== undefined && avail === notLap && used === notLap)
      problems.push({ expected: `${where} holds no used descriptor with AVAIL and USED ${notLap}`, actual });
    if (args.by !== undefined && ids[args.by] !== id)
      problems.push({ expected: `${where}: id ${ids[args.by]} of ${args.by}`, actual: `id ${id}` });
    if (args['one-of'] && !args['one-of'].some((name) => ids[name] === id))
      problems.push({ expected: `${where}: id of ${args['one-of'].join(' or ')}`, actual: `id ${id}` });
    const write = (flags & DESC_F.WRITE) !== 0;
    if (args.write !== undefined && write !== args.write)
      problems.push({ expected: `${where}: WRITE flag ${args.write}`, actual: `${write}` });
    if (args.len !== undefined && write) problems.push(...judgeCount(`${where}: length`, args.len, len));
    return problems;
  },
});

/** `read-back`: device loads from memory that it was only to write. */
export const readBackStep = defineStep<{ as: string | string[]; count?: Count }, { count: number }>({
  name: 'read-back',
  summary:
    'Count the device loads so far that fell into device-writable parts of the named buffers. Needs `trace: reads`.',
  example: '{read-back: {as: a, count: 0}}',
  schema: obj({ as: { anyOf: [TEXT, list(TEXT)] }, count: COUNT }, ['as']),
  run(session, args) {
    if (!session.recorder.traceReads) session.stop('read-back needs `trace: reads`');
    const parts = [args.as].flat().flatMap((name) => bufferNamed(session, name).writable);
    let count = 0;
    for (const event of session.recorder.events) {
      if (event.k === 'load' && parts.some(([, pa, n]) => event.pa < pa + n && event.pa + event.n > pa))
        count++;
    }
    return { count };
  },
  judge: (args, { count }) => judgeCount('loads from device-writable memory', args.count, count),
});

interface EventAreaSeen {
  word: number;
  flags: number;
  num: number;
  eventIdx: boolean;
}

/** `event-area`: whether the device event suppression area holds a valid value. */
export const eventAreaStep = defineStep<{ queue?: number | string }, EventAreaSeen>({
  name: 'event-area',
  summary:
    'Packed: the device event suppression area is valid: flags 0 or 1, or 2 with EVENT_IDX and then an offset inside ' +
    'the ring; reserved bits 0.',
  example: '{event-area: {}}',
  schema: obj({ queue: DATA_QUEUE_ARG }),
  run(session, args) {
    const queue = session.queues.must(queueIndex(session, args.queue));
    if (!queue.packed) session.stop('event-area is a step for packed queues');
    const { offset, wrap, flags } = readPackedEvent(session.memory.host, queue.areas.device.pa);
    return {
      word: offset | (wrap << 15),
      flags,
      num: queue.num,
      eventIdx: session.has('VIRTIO_F_EVENT_IDX'),
    };
  },
  judge(_, { word, flags, num, eventIdx }) {
    const problems: Problem[] = [];
    const most = eventIdx ? EVENT_FLAGS.DESC : EVENT_FLAGS.DISABLE;
    if (flags > most)
      problems.push({ expected: `device event flags from 0 to ${most}`, actual: `0x${flags.toString(16)}` });
    else if (flags === EVENT_FLAGS.DESC && (word & 0x7fff) >= num)
      problems.push({ expected: `device event offset below ${num}`, actual: String(word & 0x7fff) });
    return problems;
  },
});

/** `table-flags`: flags that a driver must not set inside an indirect table. */
export const tableFlagsStep = defineStep<{ as: string; entry: number; set: number }, never>({
  name: 'table-flags',
  summary:
    'Packed: OR flag bits into entry `entry` of the indirect table that was allocated last (for buffer `as`). Bits other ' +
    'than WRITE are a driver breach; WRITE itself stays as it is.',
  example: '{table-flags: {as: a, entry: 0, set: 1}}',
  schema: obj({ as: TEXT, entry: INT, set: INT }, ['as', 'entry', 'set']),
  run(session, args) {
    const table = session.memory.named('table') ?? session.stop(`${args.as} has no indirect table`);
    const pa = table.pa + 16 * args.entry;
    if (16 * (args.entry + 1) > table.size) session.stop(`the table has no entry ${args.entry}`);
    session.breach('flags other than WRITE inside an indirect table');
    const { flags } = readPackedDesc(session.memory.host, pa);
    writePackedDesc(session.memory.host, pa, { flags: flags | (args.set & 0xffff & ~DESC_F.WRITE) });
  },
});
