import { IndexQueue } from './index-queue.ts';
import { zeroedInts } from './int-slab.ts';
import { DriverRingError } from './ring.ts';

/**
 * Buffers of a packed ring by Buffer ID (section 2.7): ids, list lengths and handles.
 *
 * A buffer is kept under a record number below the queue size, which is its Buffer ID unless the caller
 * chose an id that is larger. Free ids are handed out in a scattered but fixed order, so that an id rarely
 * equals the slot of its descriptor: a device that mixes the two up gets caught.
 */
export class PackedBuffers {
  private readonly num: number;
  /**
   * Four numbers a record: [0] descriptors in the ring, 0 while it is free, [1] Buffer ID, [2] the turn that
   * the caller gave the buffer. [3] is the ring of free records. In one array, as each further one costs much.
   */
  private readonly notes: Int32Array;
  /** Where the ring of free records begins and ends. */
  private taken = 0;
  private returned = 0;
  /** By record: caller's handle. */
  private readonly tokens: unknown[];
  /** Available buffers in the sequence in which they became so; kept with IN_ORDER only. */
  private readonly order: IndexQueue | null;
  /** Records of chosen ids from the queue size on. */
  private large: Map<number, number> | null = null;

  constructor(num: number, inOrder: boolean) {
    this.num = num;
    this.notes = zeroedInts(4 * num);
    this.tokens = new Array(num).fill(undefined);
    this.order = inOrder ? new IndexQueue(num) : null;
    const stride = scatter(num);
    for (let i = 0, id = num >> 1; i < num; i++, id = (id + stride) % num) this.notes[4 * i + 3] = id;
  }

  /** The record that is handed out next, and the Buffer ID of that buffer; there is one while a slot is free. */
  get next(): number {
    return this.notes[(this.taken << 2) + 3];
  }

  /** Hand {@link next} out to a buffer of `count` descriptors. */
  take(count: number, token: unknown, turn: number): number {
    const notes = this.notes;
    const taken = this.taken;
    const record = notes[(taken << 2) + 3];
    this.taken = taken + 1 === this.num ? 0 : taken + 1;
    const at = record << 2;
    notes[at] = count;
    notes[at + 1] = record;
    notes[at + 2] = turn;
    this.tokens[record] = token;
    return record;
  }

  /** The same for a Buffer ID that the caller chose. */
  choose(id: number, count: number, token: unknown, turn: number): number {
    if (id !== (id & 0xffff)) throw new DriverRingError('bad-id', `Buffer ID ${id} is not a 16-bit value`);
    if (id < this.num) {
      if (!this.bringForward(id)) throw inUse(id);
      return this.take(count, token, turn);
    }
    this.large ??= new Map();
    if (this.large.has(id)) throw inUse(id);
    const record = this.take(count, token, turn);
    this.large.set(id, record);
    this.notes[4 * record + 1] = id;
    return record;
  }

  /** The buffer is available from now on (IN_ORDER). */
  expose(record: number): void {
    this.order!.push(record);
  }

  /** Record of the buffer with this Buffer ID whose turn is none of the `count` from `first` on, or -1. */
  find(id: number, first: number, count: number): number {
    const record = id < this.num ? id : this.findLarge(id);
    if (record < 0) return -1;
    const notes = this.notes;
    const at = record << 2;
    // Both sides unsigned: otherwise V8 compares as floating point.
    const held = notes[at] !== 0 && notes[at + 1] === id && (notes[at + 2] - first) >>> 0 >= count >>> 0;
    return held ? record : -1;
  }

  private findLarge(id: number): number {
    return this.large?.get(id) ?? -1;
  }

  /** Oldest available buffer (IN_ORDER). */
  get oldest(): number {
    return this.order!.first;
  }

  /** Descriptors of all buffers from the oldest one to `record` (IN_ORDER, section 2.7.8). */
  span(record: number): number {
    let total = this.count(record);
    for (let r = this.order!.first; r !== record; r = this.order!.after(r)) total += this.count(r);
    return total;
  }

  id(record: number): number {
    return this.notes[(record << 2) + 1];
  }
  count(record: number): number {
    return this.notes[record << 2];
  }

  /** The buffer came back: frees record and id. Returns the caller's handle. */
  release(record: number): unknown {
    const notes = this.notes;
    const returned = this.returned;
    if (this.order !== null) this.order.remove(record);
    if (this.large !== null) this.large.delete(notes[(record << 2) + 1]);
    notes[record << 2] = 0;
    notes[(returned << 2) + 3] = record;
    this.returned = returned + 1 === this.num ? 0 : returned + 1;
    return this.tokens[record];
  }

  /** Put a free record in front of all others; false when it is in use. */
  private bringForward(record: number): boolean {
    const notes = this.notes;
    if (notes[4 * record] !== 0) return false;
    let at = this.taken;
    for (let held = record; ; at = at + 1 === this.num ? 0 : at + 1) {
      const other = notes[4 * at + 3];
      notes[4 * at + 3] = held;
      if (other === record) return true;
      held = other;
    }
  }
}

function inUse(id: number): DriverRingError {
  return new DriverRingError('bad-id', `Buffer ID ${id} is in use; two outstanding buffers cannot share one`);
}

/** A step near 5/8 of `num` that visits every residue: coprime to `num`. */
function scatter(num: number): number {
  let step = Math.max(1, Math.floor((num * 5) / 8));
  while (gcd(step, num) !== 1) step++;
  return step;
}

function gcd(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
