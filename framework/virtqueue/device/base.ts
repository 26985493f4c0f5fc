import { DESC_SIZE, MAX_QUEUE_SIZE } from '../../../specs/virtio-1.1/ring-layout.ts';
import type { VqState } from '../../device.ts';
import { type DevicePort, DmaFault, EPOCH } from '../../memory/host-memory.ts';
import type { DmaView } from '../../memory/iotlb.ts';
import { INDIRECT, NEXT } from '../constants.ts';
import { type DeviceBuffer, type DeviceRing, type DeviceRingConfig, RingError } from './ring.ts';
import { TakenBuffer } from './taken-buffer.ts';

/** Elements that a table may always describe, however small the queue is: the data of one request. */
export const MIN_INDIRECT_ELEMENTS = 128;

/** Completed entries for which there is room at first. */
const FEW = 16;

/** A copy of `array` with room for `size` numbers. */
export function enlarged(array: Uint32Array, size: number): Uint32Array {
  const copy = new Uint32Array(size);
  copy.set(array);
  return copy;
}

/**
 * What both formats share: the buffer pool, the elements of a buffer, the order of use, and error wrapping.
 *
 * Flags that every buffer asks for are compared with `true`: V8 takes one comparison for that, and several to
 * find out whether any value is truthy.
 *
 * Every decision is a short public method, so that one of them can be replaced on an instance, which is not
 * `intact` then. `push` touches
 * no memory: completed buffers wait in `pending*` arrays until `publish` stores them.
 */
export abstract class DeviceRingBase implements DeviceRing {
  readonly config: DeviceRingConfig;
  /** Set to false by whoever replaces a method: each decision is left to its method from then on. */
  intact = true;
  /** Accesses to the three ring areas, and to indirect tables, which lie in buffer memory. */
  ringDma: DmaView;
  tableDma: DmaView;
  readonly port: DevicePort;
  readonly words: Uint32Array;
  /**
   * Where descriptors and used ring start in `words`, as long as the epoch of memory is `aimedAt`; -1 for an
   * area whose accesses have to be translated one by one.
   */
  descWord = -1;
  usedWord = -1;
  aimedAt = -1;
  readonly num: number;
  readonly inOrder: boolean;
  /** Most elements that a buffer with an indirect table may have. */
  maxElements: number;

  /** Entries completed and not published: the first `pending` ones of the `pending*` arrays. */
  pending = 0;
  pendingId: Uint32Array = new Uint32Array(FEW);
  pendingLen: Uint32Array = new Uint32Array(FEW);
  /** Ring positions published since the driver's wish for a notification was last examined. */
  unsignalled = 0;

  /** IN_ORDER: ranks, modulo 2^16, of the next buffer to take and of the next one in order to use. */
  takeTurn = 0;
  useTurn = 0;
  /** Buffers pushed before their turn, by rank modulo the length of this array. */
  readonly held: (TakenBuffer | null)[] = [];
  holding = 0;
  /** The pool: the first `freeCount` entries are free, what lies behind them does not matter. */
  readonly free: TakenBuffer[] = [];
  freeCount = 0;
  /** Buffers made for the pool. */
  made = 0;

  /** The descriptor read last. */
  descAddr = 0;
  descLen = 0;
  descFlags = 0;

  /** @throws RangeError when `config.num` is no integer from 1 to 32768 */
  constructor(ringDma: DmaView, bufferDma: DmaView, config: DeviceRingConfig) {
    const { num } = config;
    if (!(Number.isInteger(num) && num >= 1 && num <= MAX_QUEUE_SIZE)) {
      throw new RangeError(`queue size ${num} is not an integer from 1 to ${MAX_QUEUE_SIZE}`);
    }
    this.config = config;
    this.ringDma = ringDma;
    this.tableDma = bufferDma;
    this.port = ringDma.port;
    this.words = ringDma.port.words;
    this.num = num;
    this.inOrder = config.inOrder;
    this.maxElements = Math.max(num, MIN_INDIRECT_ELEMENTS);
    // A power of two, so that ranks stay distinct across 65536; a queue never has more buffers than `num`.
    if (config.inOrder) for (let size = 1; this.held.length < num; size *= 2) this.held.length = size;
    this.held.fill(null);
  }

  /** Fill `buffer` with the next available buffer and move on; false when there is none. */
  abstract take(buffer: TakenBuffer): boolean;
  /** Store the pending entries and advance the used position. */
  abstract commit(): void;
  /** Whether the driver wants to hear of the last `count` ring positions. */
  abstract wantsNotification(count: number): boolean;
  abstract requestKicks(): void;
  abstract refuseKicks(): void;
  abstract probe(): boolean;
  abstract state(): VqState;
  /** Translate anew the areas that every buffer touches. */
  abstract locate(): void;
  /** Where the next buffer is taken from, for messages. */
  abstract where(): string;

  get outstanding(): number {
    return this.made - this.freeCount;
  }

  aim(): void {
    this.locate();
    this.aimedAt = EPOCH.now;
  }

  pop(): DeviceBuffer | null {
    if (this.aimedAt !== EPOCH.now) this.aim();
    if (this.freeCount === 0) this.growPool();
    const buffer = this.free[this.freeCount - 1];
    buffer.clear();
    try {
      if (this.take(buffer) !== true) return null;
    } catch (error) {
      throw this.takeFailure(error);
    }
    this.freeCount--;
    buffer.taken = true;
    if (this.inOrder === true) this.giveTurn(buffer);
    return buffer;
  }

  takeFailure(error: unknown): unknown {
    return this.failure(error, `taking ${this.where()}`);
  }

  giveTurn(buffer: TakenBuffer): void {
    buffer.turn = this.takeTurn;
    this.takeTurn = (this.takeTurn + 1) & 0xffff;
  }

  growPool(): void {
    this.made++;
    this.free[this.freeCount++] = new TakenBuffer();
  }

  push(buffer: DeviceBuffer, written: number): void {
    const taken = buffer as TakenBuffer;
    if (this.inOrder === true) this.pushInOrder(taken, written);
    else this.complete(taken, written);
  }

  pushInOrder(buffer: TakenBuffer, written: number): void {
    if (!this.inTurn(buffer)) {
      this.hold(buffer, written);
      return;
    }
    this.complete(buffer, written);
    if (this.holding > 0) this.completeHeld();
  }

  publish(): void {
    if (this.pending === 0) return;
    if (this.aimedAt !== EPOCH.now) this.aim();
    try {
      this.commit();
    } catch (error) {
      throw this.failure(error, 'publishing used buffers');
    }
    this.pending = 0;
  }

  needsNotification(): boolean {
    if (this.unsignalled === 0) return false;
    if (this.aimedAt !== EPOCH.now) this.aim();
    let wanted: boolean;
    try {
      wanted = this.wantsNotification(this.unsignalled);
    } catch (error) {
      throw this.failure(error, 'reading notification suppression');
    }
    this.unsignalled = 0;
    return wanted;
  }

  enableKicks(): boolean {
    if (this.aimedAt !== EPOCH.now) this.aim();
    try {
      this.requestKicks();
      return this.probe();
    } catch (error) {
      throw this.failure(error, 'enabling kicks');
    }
  }

  disableKicks(): void {
    if (this.aimedAt !== EPOCH.now) this.aim();
    try {
      this.refuseKicks();
    } catch (error) {
      throw this.failure(error, 'disabling kicks');
    }
  }

  hasAvailable(): boolean {
    if (this.aimedAt !== EPOCH.now) this.aim();
    try {
      return this.probe();
    } catch (error) {
      throw this.failure(error, `looking at ${this.where()}`);
    }
  }

  /** Whether `buffer` may be used now, with IN_ORDER (sections 2.6.9 and 2.7.8). */
  inTurn(buffer: TakenBuffer): boolean {
    return !buffer.taken || buffer.turn === this.useTurn;
  }

  /** Keep a buffer that was finished too early until its predecessors are. */
  hold(buffer: TakenBuffer, written: number): void {
    const at = buffer.turn & (this.held.length - 1);
    if (this.held[at] === null) this.holding++;
    this.held[at] = buffer;
    buffer.written = written;
  }

  /** Complete the held buffers whose turn has come. */
  completeHeld(): void {
    const mask = this.held.length - 1;
    for (;;) {
      const at = this.useTurn & mask;
      const buffer = this.held[at];
      if (buffer === null) return;
      this.held[at] = null;
      this.holding--;
      this.complete(buffer, buffer.written);
    }
  }

  /** Queue the used entry of `buffer` for the next `publish`. */
  complete(buffer: TakenBuffer, written: number): void {
    const at = this.pending;
    if (at === this.pendingId.length) this.growPending(2 * at);
    this.pending = at + 1;
    this.pendingId[at] = this.usedId(buffer);
    this.pendingLen[at] = this.usedLength(buffer, written);
    this.release(buffer);
  }

  /** Make room for `size` completed entries. */
  growPending(size: number): void {
    this.pendingId = enlarged(this.pendingId, size);
    this.pendingLen = enlarged(this.pendingLen, size);
  }

  /** Id of the used entry: the head (section 2.6.8) or the Buffer ID (section 2.7). */
  usedId(buffer: TakenBuffer): number {
    return buffer.id;
  }

  /** Length of the used entry: what the device says that it wrote. */
  usedLength(_buffer: TakenBuffer, written: number): number {
    return written;
  }

  /** Back to the pool. A buffer that is pushed twice is used twice, but returned once. */
  release(buffer: TakenBuffer): void {
    if (buffer.taken !== true) return;
    buffer.taken = false;
    if (this.inOrder === true) this.passTurn();
    this.free[this.freeCount++] = buffer;
  }

  passTurn(): void {
    this.useTurn = (this.useTurn + 1) & 0xffff;
  }

  /** Append an element, readable ones first (sections 2.6.4.2 and 2.7.17). */
  addElement(buffer: TakenBuffer, addr: number, len: number, writable: boolean): void {
    const at = buffer.readable + buffer.writable;
    if (writable) buffer.writable++;
    else if (buffer.writable === 0) buffer.readable++;
    else throw this.readableAfterWritable(at);
    buffer.addr[at] = addr;
    buffer.len[at] = len;
  }

  readableAfterWritable(at: number): RingError {
    const message = `${this.where()}: element ${at} is readable after a writable one`;
    return new RingError('readable-after-writable', message);
  }

  /** Whether the `count`th descriptor of a chain or list (from 1) refers to a table. */
  isIndirect(flags: number, _count: number): boolean {
    return (flags & INDIRECT) !== 0;
  }

  /** Refuse a descriptor with INDIRECT that may not refer to a table (sections 2.6.5.3.1 and 2.7.19). */
  checkIndirect(flags: number, length: number): void {
    if (!this.config.indirect) {
      throw new RingError(
        'indirect-not-negotiated',
        `${this.where()}: INDIRECT without VIRTIO_F_INDIRECT_DESC`,
      );
    }
    if ((flags & NEXT) !== 0) {
      throw new RingError('indirect-with-next', `${this.where()}: INDIRECT together with NEXT`);
    }
    if (length === 0 || length % DESC_SIZE !== 0) {
      throw new RingError('indirect-length', `${this.where()}: indirect table of ${length} bytes`);
    }
  }

  /** A RingError for what went wrong in `activity`; an error that is no ring matter stays as it is. */
  failure(error: unknown, activity: string): unknown {
    if (!(error instanceof DmaFault)) return error;
    return new RingError('dma-fault', `${activity}: ${error.message}`, { cause: error });
  }
}
