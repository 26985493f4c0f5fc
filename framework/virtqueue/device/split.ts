import {
  DESC_SIZE,
  SPLIT_AVAIL,
  SPLIT_DESC,
  SPLIT_USED,
  splitAreaSizes,
} from '../../../specs/virtio-1.1/ring-layout.ts';
import { initialVqState, type VqState } from '../../device.ts';
import type { DmaView } from '../../memory/iotlb.ts';
import { INDIRECT, NEXT, WRITE } from '../constants.ts';
import { type DeviceBuffer, type DeviceRingConfig, RingError } from './ring.ts';
import { popDirectChain, pushDirectChain, storeUsedEntries } from './split-direct.ts';
import { SplitRingEvents } from './split-events.ts';
import type { TakenBuffer } from './taken-buffer.ts';

const LEN = SPLIT_DESC.len;
const FLAGS = SPLIT_DESC.flags;

/**
 * The device side of a split virtqueue (section 2.6). Positions are free-running 16-bit indices (sections
 * 2.6.6 and 2.6.8); `used.idx` continues from the index at which the queue starts.
 */
export class SplitDeviceRing extends SplitRingEvents {
  /** `avail.idx` as read last: the buffers before it may be taken without reading it again. */
  availIndex: number;
  /** The areas as words, unless accesses have to be translated one by one. */
  descTable: Uint32Array | null = null;
  availRing: Uint16Array | null = null;
  usedRing: Uint32Array | null = null;
  /** `next` of the descriptor read last. */
  descNext = 0;

  readonly descBase: number;
  /** Queue size minus one if the size is a power of two above 1, else 0. */
  readonly mask: number;

  /** @throws RangeError when `config.num` is no integer from 1 to 32768 */
  constructor(
    ringDma: DmaView,
    bufferDma: DmaView,
    config: DeviceRingConfig,
    start?: { availIndex: number },
  ) {
    super(ringDma, bufferDma, config, (start?.availIndex ?? 0) & 0xffff);
    this.availIndex = this.nextAvail;
    this.descBase = config.descArea;
    this.mask = (this.num & (this.num - 1)) === 0 ? this.num - 1 : 0;
  }

  locate(): void {
    const { ringDma, num } = this;
    const { desc, avail, used } = splitAreaSizes(num);
    this.descTable = ringDma.words(this.descBase, desc);
    this.availRing = ringDma.halves(this.availBase, avail);
    this.usedWord = ringDma.locate(this.usedBase, used, 4);
    this.usedRing = ringDma.words(this.usedBase, used);
  }

  where(): string {
    return `avail index ${this.nextAvail}`;
  }

  state(): VqState {
    return { ...initialVqState(), split: { availIndex: this.usedIndex } };
  }

  // ── taking buffers ────────────────────────────────────────────────────────────────────────────

  override pop(): DeviceBuffer | null {
    const buffer = this.intact === true ? popDirectChain(this) : null;
    return buffer === null ? super.pop() : buffer;
  }

  take(buffer: TakenBuffer): boolean {
    if (this.availableCount() === 0 && !this.probe()) return false;
    this.checkAvailable(this.availableCount());
    const head = this.readHead(this.slotOf(this.nextAvail));
    if (head >= this.num) throw this.headOutOfRange(head);
    buffer.id = head;
    this.walkChain(buffer, head);
    this.nextAvail = this.advanceIndex(this.nextAvail, 1);
    return true;
  }

  /** Whether a buffer is available; reads `avail.idx` only when all known ones were taken. */
  probe(): boolean {
    if (this.availableCount() !== 0) return true;
    this.availIndex = this.readAvailIndex();
    return this.availableCount() !== 0;
  }

  /** Buffers between the next one to take and the last `avail.idx` seen: the index wraps at 65536 (2.6.13.3). */
  availableCount(): number {
    return (this.availIndex - this.nextAvail) & 0xffff;
  }

  /** Refuse an index that moved by more than the ring holds, now or together with unused buffers. */
  checkAvailable(count: number): void {
    if (count > this.num) throw this.availIndexJump(count);
    if (this.outstanding >= this.num) throw this.queueOverrun();
  }

  headOutOfRange(head: number): RingError {
    return new RingError('head-out-of-range', `${this.where()}: head ${head} in a queue of ${this.num}`);
  }

  availIndexJump(count: number): RingError {
    const { availIndex } = this;
    this.availIndex = this.nextAvail; // look at the index afresh next time
    const jump = `avail.idx ${availIndex} is ${count} ahead in a queue of ${this.num}`;
    return new RingError('avail-index-jump', `${this.where()}: ${jump}`);
  }

  queueOverrun(): RingError {
    return new RingError('queue-overrun', `${this.where()}: ${this.outstanding} buffers are not used yet`);
  }

  chainTooLong(head: number): RingError {
    const message = `${this.where()}: chain from ${head} exceeds ${this.num} descriptors`;
    return new RingError('chain-too-long', message);
  }

  /** Collect the elements of a chain: direct descriptors, then at most one table (section 2.6.5.3.2). */
  walkChain(buffer: TakenBuffer, head: number): void {
    let index = head;
    for (let count = 1; ; count++) {
      this.readDescriptor(index);
      const flags = this.descFlags;
      buffer.last = index;
      if (this.isIndirect(flags, count)) {
        this.enterTable(buffer);
        return;
      }
      this.addElement(buffer, this.descAddr, this.descLen, (flags & WRITE) !== 0);
      if ((flags & NEXT) === 0) return;
      index = this.follow(index, count, head);
    }
  }

  /** Where the chain from `head` goes on after `index`, its `count`th descriptor. */
  follow(index: number, count: number, head: number): number {
    if (count === this.num) throw this.chainTooLong(head);
    const next = this.nextIndex(index);
    if (next >= this.num) throw this.nextOutOfRange(next, this.num);
    return next;
  }

  /** Collect the elements of the table that the descriptor read last refers to. */
  enterTable(buffer: TakenBuffer): void {
    this.checkIndirect(this.descFlags, this.descLen);
    this.walkTable(buffer, this.descAddr, this.tableEntries(this.descLen));
  }

  /** Collect the elements of an indirect table: from entry 0 along `next` (section 2.6.5.3). */
  walkTable(buffer: TakenBuffer, table: number, entries: number): void {
    let index = 0;
    for (let count = 1; ; count++) {
      this.readTableEntry(table, index);
      const flags = this.descFlags;
      if ((flags & INDIRECT) !== 0) {
        throw new RingError(
          'indirect-nested',
          `${this.where()}: INDIRECT in entry ${index} of an indirect table`,
        );
      }
      if (buffer.readable + buffer.writable >= this.maxElements) {
        throw new RingError('indirect-too-long', `${this.where()}: more than ${this.maxElements} elements`);
      }
      this.addElement(buffer, this.descAddr, this.descLen, (flags & WRITE) !== 0);
      if ((flags & NEXT) === 0) return;
      if (count === entries) {
        throw new RingError(
          'chain-too-long',
          `${this.where()}: loop in an indirect table of ${entries} entries`,
        );
      }
      index = this.nextIndirectIndex(index);
      if (index >= entries) throw this.nextOutOfRange(index, entries);
    }
  }

  nextOutOfRange(index: number, entries: number): RingError {
    return new RingError('next-out-of-range', `${this.where()}: next ${index} in a table of ${entries}`);
  }

  /** Successor of a descriptor with NEXT in the descriptor table: `descNext` holds its `next`. */
  nextIndex(_index: number): number {
    return this.descNext;
  }

  /** Successor of an entry with NEXT in an indirect table: `descNext` holds its `next`. */
  nextIndirectIndex(_index: number): number {
    return this.descNext;
  }

  /** Entries of a table of `length` bytes. */
  tableEntries(length: number): number {
    return length / DESC_SIZE;
  }

  readDescriptor(index: number): void {
    const { descTable } = this;
    if (descTable === null) {
      this.loadDescriptor(this.ringDma, this.descBase + DESC_SIZE * index);
      return;
    }
    const at = index << 2;
    const word = descTable[at + 3];
    this.descAddr = descTable[at + 1] * 0x1_0000_0000 + descTable[at];
    this.descLen = descTable[at + 2];
    this.descFlags = word & 0xffff;
    this.descNext = word >>> 16;
  }

  readTableEntry(table: number, index: number): void {
    this.loadDescriptor(this.tableDma, table + DESC_SIZE * index);
  }

  /** Load the four fields, each once; `flags` and `next` share a word. */
  loadDescriptor(dma: DmaView, at: number): void {
    this.descAddr = dma.get64(at);
    this.descLen = dma.get32(at + LEN);
    const word = dma.get32(at + FLAGS);
    this.descFlags = word & 0xffff;
    this.descNext = word >>> 16;
  }

  /** `avail.idx`. */
  readAvailIndex(): number {
    return this.availRing === null ? this.loadAvail(SPLIT_AVAIL.idx) : this.availRing[1];
  }

  /** The head in slot `slot` of the available ring. */
  readHead(slot: number): number {
    return this.availRing === null ? this.loadHead(slot) : this.availRing[slot + 2];
  }

  loadHead(slot: number): number {
    return this.loadAvail(SPLIT_AVAIL.ring + SPLIT_AVAIL.entrySize * slot);
  }

  loadAvail(offset: number): number {
    return this.ringDma.get16(this.availBase + offset);
  }

  // ── using buffers ─────────────────────────────────────────────────────────────────────────────

  override push(buffer: DeviceBuffer, written: number): void {
    if (this.intact === true && pushDirectChain(this, buffer as TakenBuffer, written) === true) return;
    super.push(buffer, written);
  }

  /** The entries, then the index that covers them (section 2.6.8.2). */
  commit(): void {
    const count = this.pending;
    const index = this.advanceIndex(this.usedIndex, count);
    this.writeUsedEntries(count);
    this.storeUsedIndex(index);
    this.advanceUsed(index, count);
  }

  /** One entry per buffer, from the current used position on. */
  writeUsedEntries(count: number): void {
    const { usedRing } = this;
    if (this.intact && usedRing !== null && this.mask !== 0 && this.port.tracer === null) {
      storeUsedEntries(this, usedRing, count);
      return;
    }
    for (let i = 0; i < count; i++) {
      const slot = this.usedSlot(this.advanceIndex(this.usedIndex, i));
      this.writeUsedElement(slot, this.pendingId[i], this.pendingLen[i]);
    }
  }

  writeUsedElement(slot: number, id: number, len: number): void {
    if (this.usedWord >= 0 && slot < this.num) this.port.putWords(this.usedWord + 1 + (slot << 1), id, len);
    else this.ringDma.put32x2(this.usedBase + SPLIT_USED.ring + SPLIT_USED.entrySize * slot, id, len);
  }

  /** `used.idx`. */
  storeUsedIndex(index: number): void {
    this.ringDma.put16(this.usedBase + SPLIT_USED.idx, index);
  }

  advanceUsed(index: number, count: number): void {
    this.usedIndex = index;
    this.unsignalled += count;
  }

  usedSlot(index: number): number {
    return this.slotOf(index);
  }

  /** Slot of a free-running index: modulo the queue size, which is a power of two unless the driver erred. */
  slotOf(index: number): number {
    const { mask } = this;
    return mask !== 0 ? index & mask : index % this.num;
  }

  /** A free-running index, `count` further. */
  advanceIndex(index: number, count: number): number {
    return (index + count) & 0xffff;
  }
}
