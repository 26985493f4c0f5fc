import { writePackedDesc } from '../../framework/virtqueue/driver/raw-packed.ts';
import { writeSplitDesc } from '../../framework/virtqueue/driver/raw-split.ts';
import { toHex } from '../kits/hex.ts';
import type { Session } from '../session/session.ts';
import { BYTES, type BytesArg, bytesOf } from './buffer-steps.ts';
import { QUEUE_ARG, queueIndex } from './request/queue-arg.ts';
import { BOOL, defineStep, INT, obj, orExpression, type Problem, TEXT } from './step.ts';

const AREA = { enum: ['desc', 'driver', 'device'] };

/** An address as authors write it: a number, text of 64 bits ("0xfffffffffffffff8"), or a place in named memory. */
type AddressArg = number | string | { of: string; part?: number; plus?: number };
const ADDRESS = { anyOf: [INT, TEXT, obj({ of: TEXT, part: INT, plus: INT }, ['of'])] };

function addressOf(session: Session, arg: AddressArg): number | bigint {
  if (typeof arg === 'number') return arg;
  if (typeof arg === 'string') return BigInt(arg);
  const region =
    session.memory.named(arg.part === undefined ? arg.of : `${arg.of}.${arg.part}`) ??
    session.memory.named(`${arg.of}.0`) ??
    session.stop(`no memory is called ${arg.of}`);
  return region.iova + (arg.plus ?? 0);
}

interface DescArgs {
  queue?: number | string;
  slot?: number;
  table?: string;
  addr?: AddressArg;
  len?: number;
  flags?: number;
  next?: number;
  id?: number;
  legal?: boolean;
}

/** `desc`: write descriptor fields as they stand. */
export const descStep = defineStep<DescArgs, never>({
  name: 'desc',
  summary:
    'Write fields of descriptor `slot` of a queue, or of entry `slot` of the indirect table in memory `table`. Counts ' +
    'as a driver breach unless `legal` is set. A device-writable range becomes one the device may write.',
  example: '{desc: {slot: 0, addr: {of: data}, len: 512, flags: 1, next: 0}}',
  schema: obj({
    queue: QUEUE_ARG,
    slot: INT,
    table: TEXT,
    addr: ADDRESS,
    len: INT,
    flags: INT,
    next: INT,
    id: INT,
    legal: BOOL,
  }),
  run(session, args) {
    const queue = session.queues.must(queueIndex(session, args.queue));
    if (!args.legal) session.breach('descriptor written by hand');
    const table = args.table === undefined ? undefined : session.memory.named(args.table);
    if (args.table !== undefined && !table) session.stop(`no memory is called ${args.table}`);
    const pa = (table?.pa ?? queue.areas.desc.pa) + 16 * (args.slot ?? 0);
    const fields = {
      ...(args.addr === undefined ? {} : { addr: addressOf(session, args.addr) }),
      ...(args.len === undefined ? {} : { len: args.len >>> 0 }),
      ...(args.flags === undefined ? {} : { flags: args.flags }),
    };
    const { memory } = session;
    if (queue.packed)
      writePackedDesc(memory.host, pa, { ...fields, ...(args.id === undefined ? {} : { id: args.id }) });
    else
      writeSplitDesc(memory.host, pa, { ...fields, ...(args.next === undefined ? {} : { next: args.next }) });
    exposeDescriptor(session, pa);
  },
});

/** Tell the history that the descriptor at `pa` exposes a device-writable range, if it does. */
function exposeDescriptor(session: Session, pa: number): void {
  const { view } = session.memory.host;
  if ((view.getUint16(pa + (session.queues.all[0]?.packed ? 14 : 12), true) & 2) === 0) return;
  const iova = view.getUint32(pa + 4, true) * 0x1_0000_0000 + view.getUint32(pa, true);
  const at = session.memory.physical(iova);
  if (at >= 0) session.recorder.push({ k: 'expose', w: [[iova, at, view.getUint32(pa + 8, true)]] });
}

interface PokeArgs {
  queue?: number | string;
  area?: 'desc' | 'driver' | 'device';
  memory?: string;
  at?: number;
  u16?: number;
  u32?: number;
  bytes?: BytesArg;
  legal?: boolean;
}

/** `poke`: write bytes into a ring area or into named memory. */
export const pokeStep = defineStep<PokeArgs, never>({
  name: 'poke',
  summary:
    'Write a 16-bit or 32-bit little-endian value or bytes at offset `at` of a ring area (`desc`, `driver`, `device`) ' +
    'or of named memory. A ring area counts as a driver breach unless `legal` is set.',
  example: '{poke: {area: driver, at: 2, u16: 7}}',
  schema: obj({
    queue: QUEUE_ARG,
    area: AREA,
    memory: TEXT,
    at: INT,
    u16: INT,
    u32: INT,
    bytes: BYTES,
    legal: BOOL,
  }),
  run(session, args) {
    const place = placeOf(session, args);
    if (args.area !== undefined) session.recorder.push({ k: 'by-hand', q: queueIndex(session, args.queue) });
    if (args.area !== undefined && !args.legal) session.breach(`${args.area} area written by hand`);
    const { view, bytes } = session.memory.host;
    const pa = place.pa + (args.at ?? 0);
    if (args.u16 !== undefined) view.setUint16(pa, args.u16 & 0xffff, true);
    if (args.u32 !== undefined) view.setUint32(pa, args.u32 >>> 0, true);
    if (args.bytes !== undefined) bytes.set(bytesOf(args.bytes), pa);
  },
});

interface PeekArgs {
  queue?: number | string;
  area?: 'desc' | 'driver' | 'device';
  memory?: string;
  at?: number;
  u16?: number;
  u32?: number;
  'one-of'?: number[];
  bytes?: BytesArg;
  size?: number;
  save?: string;
  same?: string;
}

/** `peek`: read bytes of a ring area or of named memory and compare. */
export const peekStep = defineStep<PeekArgs, { hex: string; saved?: string }>({
  name: 'peek',
  summary:
    'Read a ring area or named memory at offset `at` and compare with `u16`, `u32`, `bytes`, with one of several 16-bit ' +
    'values (`one-of`), or with what an earlier `save` kept (`same`).',
  example: '{peek: {area: device, at: 0, u16: 0}}',
  schema: obj({
    queue: QUEUE_ARG,
    area: AREA,
    memory: TEXT,
    at: INT,
    u16: INT,
    u32: INT,
    'one-of': { type: 'array', items: INT },
    bytes: BYTES,
    size: INT,
    save: TEXT,
    same: TEXT,
  }),
  run(session, args) {
    const place = placeOf(session, args);
    const size =
      args.size ?? (args.u32 !== undefined ? 4 : args.bytes !== undefined ? bytesOf(args.bytes).length : 2);
    const hex = toHex(session.memory.bytes({ pa: place.pa + (args.at ?? 0), size }));
    if (args.save !== undefined) session.saved.set(`peek:${args.save}`, hex);
    const saved =
      args.same === undefined ? undefined : (session.saved.get(`peek:${args.same}`) as string | undefined);
    return { hex, ...(saved === undefined ? {} : { saved }) };
  },
  judge(args, { hex, saved }) {
    const where = `${args.area ?? args.memory} +${args.at ?? 0}`;
    const value = Number.parseInt(hex.match(/../g)?.reverse().join('') ?? '0', 16);
    const problems: Problem[] = [];
    const want = (ok: boolean, expected: string) =>
      ok ||
      problems.push({
        expected: `${where}: ${expected}`,
        actual: hex.length <= 8 ? `0x${value.toString(16)}` : hex,
      });
    if (args.u16 !== undefined) want(value === (args.u16 & 0xffff), `0x${(args.u16 & 0xffff).toString(16)}`);
    if (args.u32 !== undefined) want(value === args.u32 >>> 0, `0x${(args.u32 >>> 0).toString(16)}`);
    if (args['one-of']) want(args['one-of'].includes(value), args['one-of'].join(' or '));
    if (args.bytes !== undefined) want(toHex(bytesOf(args.bytes)) === hex, toHex(bytesOf(args.bytes)));
    if (args.same !== undefined) want(saved === hex, `as saved before: ${saved}`);
    return problems;
  },
});

function placeOf(
  session: Session,
  args: { queue?: number | string; area?: 'desc' | 'driver' | 'device'; memory?: string },
) {
  if (args.memory !== undefined)
    return session.memory.named(args.memory) ?? session.stop(`no memory is called ${args.memory}`);
  return session.queues.must(queueIndex(session, args.queue)).areas[args.area ?? 'device'];
}

/** `avail`: split ring, by hand: ring entries and index. */
export const availStep = defineStep<
  {
    queue?: number | string;
    heads?: number[];
    at?: number;
    idx?: number;
    move?: number;
    flags?: number;
    legal?: boolean;
  },
  never
>({
  name: 'avail',
  summary:
    'Split: write `heads` into the avail ring from index `at` on (default: the current index), then set the avail index ' +
    'to `idx` or move it by `move` (default: the number of heads). Counts as a breach unless `legal`.',
  example: '{avail: {heads: [3], move: 1}}',
  schema: obj({
    queue: QUEUE_ARG,
    heads: orExpression({ type: 'array', items: INT }),
    at: INT,
    idx: INT,
    move: INT,
    flags: INT,
    legal: BOOL,
  }),
  run(session, args) {
    const queue = session.queues.must(queueIndex(session, args.queue));
    if (queue.packed) session.stop('avail is a step for split queues');
    if (!args.legal) session.breach('avail ring written by hand');
    const { view } = session.memory.host;
    const base = queue.areas.driver.pa;
    const current = view.getUint16(base + 2, true);
    const heads = args.heads ?? [];
    heads.forEach((head, i) => {
      view.setUint16(base + 4 + 2 * (((args.at ?? current) + i) % queue.num), head, true);
    });
    if (args.flags !== undefined) view.setUint16(base, args.flags, true);
    view.setUint16(base + 2, (args.idx ?? current + (args.move ?? heads.length)) & 0xffff, true);
  },
});

/** `breach`: say that the driver breaks a rule from here on. */
export const breachStep = defineStep<{ what: string }, never>({
  name: 'breach',
  summary:
    'From here until the next reset the driver has broken a rule: the device may do what resilience permits.',
  example: '{breach: {what: DRIVER before ACKNOWLEDGE}}',
  schema: obj({ what: TEXT }, ['what']),
  run: (session, args) => session.breach(args.what),
});
