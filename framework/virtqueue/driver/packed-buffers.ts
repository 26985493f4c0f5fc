import { IndexQueue } from './index-queue.ts';
import { DriverRingError } from './ring.ts';

/** Used by nobody; handed out and not yet available; the device may use it. */
const FREE = 0;
const ADDED = 1;
const AVAILABLE = 2;

/**
 * Buffers of a packed ring by Buffer ID (section 2.7): ids, list lengths and handles.
 *
 * A buffer is kept under a record number below the queue size, which is its Buffer ID unless the caller
 * chose an id that is larger. Free ids are handed out in a scattered but fixed order, so that an id rarely
 * equals the slot of its descriptor: a device that mixes the two up gets caught.
 */
export class PackedBuffers {
  readonly #num: number;
  readonly #free: IndexQueue;
  readonly #state: Uint8Array;
  /** By record: Buffer ID, descriptors in the ring, caller's handle. */
  readonly #ids: Uint16Array;
  readonly #counts: Uint16Array;
  readonly #tokens: unknown[];
  /** Available buffers in the sequence in which they became so; kept with IN_ORDER only. */
  readonly #order: IndexQueue | null;
  /** Records of chosen ids from the queue size on. */
  #large: Map<number, number> | null = null;

  constructor(num: number, inOrder: boolean) {
    this.#num = num;
    this.#free = new IndexQueue(num);
    this.#state = new Uint8Array(num);
    this.#ids = new Uint16Array(num);
    this.#counts = new Uint16Array(num);
    this.#tokens = new Array(num).fill(undefined);
    this.#order = inOrder ? new IndexQueue(num) : null;
    const stride = scatter(num);
    for (let i = 0, id = num >> 1; i < num; i++, id = (id + stride) % num) this.#free.push(id);
  }

  /** Reserve a record for a buffer of `count` descriptors; there is one whenever a descriptor is free. */
  take(count: number, token: unknown, id: number | undefined): number {
    const record = id === undefined ? this.#free.shift() : this.#choose(id);
    this.#state[record] = ADDED;
    this.#ids[record] = id ?? record;
    this.#counts[record] = count;
    this.#tokens[record] = token;
    return record;
  }

  /** The buffer is available from now on. */
  expose(record: number): void {
    this.#state[record] = AVAILABLE;
    if (this.#order !== null) this.#order.push(record);
  }

  /** Record of the available buffer with this Buffer ID, or -1. */
  find(id: number): number {
    const record = id < this.#num ? id : (this.#large?.get(id) ?? -1);
    return record >= 0 && this.#state[record] === AVAILABLE && this.#ids[record] === id ? record : -1;
  }

  /** Oldest available buffer (IN_ORDER). */
  get oldest(): number {
    return this.#order!.first;
  }

  /** Descriptors of all buffers from the oldest one to `record` (IN_ORDER, section 2.7.8). */
  span(record: number): number {
    let total = this.#counts[record];
    for (let r = this.#order!.first; r !== record; r = this.#order!.after(r)) total += this.#counts[r];
    return total;
  }

  id(record: number): number {
    return this.#ids[record];
  }
  count(record: number): number {
    return this.#counts[record];
  }

  /** The buffer came back: frees record and id, returns the handle. */
  release(record: number): unknown {
    const token = this.#tokens[record];
    this.#tokens[record] = undefined;
    this.#state[record] = FREE;
    if (this.#order !== null) this.#order.remove(record);
    if (this.#ids[record] >= this.#num) this.#large?.delete(this.#ids[record]);
    this.#free.push(record);
    return token;
  }

  #choose(id: number): number {
    if (id !== (id & 0xffff)) throw new DriverRingError('bad-id', `Buffer ID ${id} is not a 16-bit value`);
    if (id >= this.#num) {
      this.#large ??= new Map();
      if (this.#large.has(id)) throw inUse(id);
      const record = this.#free.shift();
      this.#large.set(id, record);
      return record;
    }
    if (!this.#free.remove(id)) throw inUse(id);
    return id;
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
