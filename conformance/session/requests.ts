import type { AddOptions } from '../../framework/virtqueue/driver/ring.ts';
import { kitOf } from '../kits/index.ts';
import type { Direction, RequestPlan } from '../kits/kit.ts';
import type { Buffer, Part } from './buffers.ts';
import type { Session } from './session.ts';

/** Sizes of the parts that the readable and the writable bytes are cut into; the rest is the last part. */
export interface Cut {
  r?: readonly number[];
  w?: readonly number[];
}

/** How a request is laid out in descriptors. */
export interface Framing {
  cut?: Cut;
  /** Cut into exactly this many descriptors instead (2.6.4.1); at least one for each half that has bytes. */
  list?: number;
  /** Through an indirect table, after `direct` elements in the ring itself (split only); `in` names its memory. */
  indirect?: boolean | { direct?: number; in?: string };
  slots?: readonly number[];
  id?: number;
  otherIds?: number;
  /** WRITE set on the descriptor that carries INDIRECT. */
  tableWriteFlag?: boolean;
  /** The driver breaks a framing rule on purpose (order of elements, chain length, mixed packed lists). */
  breach?: boolean;
}

export interface RequestOptions extends Framing {
  dir: Direction;
  size?: number;
  seed?: number;
  name?: string;
}

const plansOf = (session: Session): Map<number, RequestPlan> => session.plans;

/** Cut `total` bytes into parts of the given sizes; a non-empty rest becomes one more part. */
export function cutSizes(total: number, sizes: readonly number[] | undefined): number[] {
  const parts: number[] = [];
  let left = total;
  for (const size of sizes ?? []) {
    const n = Math.min(size, left);
    if (n > 0) parts.push(n);
    left -= n;
  }
  if (left > 0) parts.push(left);
  return parts;
}

/** The cut that makes `count` parts: first readable part 16 bytes, last writable part 1 byte, the rest even. */
export function listCut(readable: number, writable: number, dir: Direction, count: number): Cut {
  const even = (total: number, parts: number) =>
    Array.from({ length: Math.max(0, parts) }, () => Math.max(1, Math.floor(total / Math.max(1, parts))));
  const both = readable > 0 && writable > 0;
  const r = readable === 0 ? 0 : !both ? count : dir === 'out' ? count - 1 : 1;
  const w = writable === 0 ? 0 : !both ? count : dir === 'out' ? 1 : count - 1;
  return {
    r: r > 1 ? [16, ...even(readable - 16, r - 1).slice(1)] : [],
    w:
      w > 1
        ? [
            ...even(writable - 1, w - 1).slice(1),
            writable - 1 - (w - 2) * Math.floor((writable - 1) / (w - 1)),
          ]
        : [],
  };
}

/** The parts of a request under a framing: readable ones first (2.6.4.2). */
export function partsOf(readable: Uint8Array, writable: number, cut: Cut | undefined): Part[] {
  const parts: Part[] = [];
  if (cut === undefined) {
    if (readable.length > 0) parts.push({ read: readable });
    if (writable > 0) parts.push({ write: writable });
    return parts;
  }
  let at = 0;
  for (const size of cutSizes(readable.length, cut.r)) {
    parts.push({ read: readable.subarray(at, at + size) });
    at += size;
  }
  for (const size of cutSizes(writable, cut.w)) parts.push({ write: size });
  return parts;
}

/** Ring options for a framing of `count` elements; allocates the indirect table when one is asked for. */
export function addOptions(session: Session, framing: Framing, count: number): AddOptions {
  const { indirect } = framing;
  if (isPlain(framing)) return PLAIN;
  if (framing.breach) session.breach('framing rule broken');
  if (indirect && !session.has('VIRTIO_F_INDIRECT_DESC'))
    session.breach('an indirect table without the feature');
  const { direct = 0, in: place = undefined } = typeof indirect === 'object' ? indirect : {};
  const table = () =>
    place === undefined
      ? session.memory.alloc('table', 16 * (count - direct), 16)
      : (session.memory.named(place) ?? session.stop(`no memory is called ${place}`));
  return {
    ...(framing.slots ? { slots: framing.slots } : {}),
    ...(framing.id === undefined ? {} : { id: framing.id }),
    ...(framing.otherIds === undefined ? {} : { otherIds: framing.otherIds }),
    ...(framing.tableWriteFlag ? { indirectWriteFlag: true } : {}),
    ...(framing.breach ? { breach: true } : {}),
    ...(indirect ? { indirect: { table: table(), direct } } : {}),
  };
}

const PLAIN: AddOptions = {};

/** Whether the buffer goes into the ring as it comes. */
const isPlain = ({ indirect, breach, slots, id, otherIds, tableWriteFlag }: Framing): boolean =>
  !indirect && !breach && !slots && id === undefined && otherIds === undefined && !tableWriteFlag;

/** Write one request of the device type into its queue, without making it available. */
export function addRequest(session: Session, options: RequestOptions): Buffer {
  const kit = kitOf(session);
  const lacks = kit.lacks(session, options.dir);
  if (lacks !== null) session.lacks(lacks);
  const seed = options.seed ?? session.seed + plansOf(session).size;
  const plan = kit.plan(session, options.dir, options.size ?? kit.sizes.typical, seed);
  const cut = options.list
    ? listCut(plan.readable.length, plan.writable, options.dir, options.list)
    : options.cut;
  const parts = partsOf(plan.readable, plan.writable, cut);
  const buffer = session.buffers.create(plan.queue, options.name ?? '', parts);
  plansOf(session).set(buffer.b, plan);
  session.queues.add(buffer, addOptions(session, options, parts.length));
  return buffer;
}

/** Make everything pending on queue `idx` available; whatever the requests need from outside happens next. */
export function publish(session: Session, idx: number): void {
  const queue = session.queues.must(idx);
  const fresh = [...queue.pending];
  session.queues.publish(idx);
  for (const b of fresh) plansOf(session).get(b)?.stimulate?.(session);
}

/** The plan behind a buffer that {@link addRequest} made. */
export const planOf = (session: Session, buffer: Buffer): RequestPlan | undefined =>
  plansOf(session).get(buffer.b);

/** What became of a request. */
export interface RequestOutcome {
  name: string;
  used: boolean;
  len?: number;
  /** Largest used length that a right device may report, and the exact one. */
  maxLen: number;
  exactLen: number;
  /** What is wrong with the data or status, if anything. */
  problem?: string;
  /** Requirement that wrong data or status breaks. */
  about?: string;
}

/** Look at a request: whether it came back, and whether its data are right. */
export function outcomeOf(session: Session, buffer: Buffer): RequestOutcome {
  const plan = planOf(session, buffer);
  const maxLen = session.buffers.room(buffer);
  const full = plan?.usedLen ?? maxLen;
  const exactLen = plan?.shorter ? Math.min(full, Math.max(1, buffer.used?.len ?? full)) : full;
  if (buffer.used === undefined) return { name: buffer.name, used: false, maxLen, exactLen };
  const problem = plan?.check(session, buffer) ?? undefined;
  // Packed: without the WRITE flag the length field is reserved (2.7.4).
  const { len, writeFlag } = buffer.used;
  const outcome: RequestOutcome = { name: buffer.name, used: true, maxLen, exactLen };
  if (len !== undefined && writeFlag !== false) outcome.len = len;
  if (problem) {
    outcome.problem = problem;
    outcome.about = plan?.about;
  }
  return outcome;
}

/**
 * The standard exchange of the device type: a request in each direction that the session can do, waited for
 * and checked. Serves as control and as proof of recovery.
 */
export function exchange(session: Session, rounds = 1, framing: Framing = {}): RequestOutcome[] {
  const kit = kitOf(session);
  const outcomes: RequestOutcome[] = [];
  for (let round = 0; round < rounds; round++) {
    const seed = session.seed + plansOf(session).size; // the same in both directions: what was written is read back
    for (const dir of ['out', 'in'] as const) {
      if (kit.lacks(session, dir) !== null) continue;
      if (session.queues.get(kit.queue(session, dir)) === undefined) continue;
      const num = session.queues.must(kit.queue(session, dir)).num;
      const small: Framing = num < 3 && !framing.indirect ? tinyFraming(dir, session) : {};
      const buffer = addRequest(session, { dir, seed, ...small, ...framing });
      session.queues.publish(buffer.q);
      session.queues.kickIfNeeded(buffer.q);
      planOf(session, buffer)?.stimulate?.(session);
      session.quiet();
      session.queues.collect(buffer.q);
      outcomes.push(outcomeOf(session, buffer));
    }
  }
  return outcomes;
}

/** Two descriptors at most, or an indirect table where even that is too many (rings of 1 or 2 descriptors). */
function tinyFraming(dir: Direction, session: Session): Framing {
  const num = session.queues.must(kitOf(session).queue(session, dir)).num;
  return num === 1 && session.has('VIRTIO_F_INDIRECT_DESC') ? { indirect: true } : {};
}
