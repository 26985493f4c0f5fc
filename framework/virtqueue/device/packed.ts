import { DESC_SIZE, type PACKED_DESC, packedAreaSizes } from '../../../specs/virtio-1.1/ring-layout.ts';
import { initialVqState, type VqState, type VqStatePacked } from '../../device.ts';
import type { DmaView } from '../../memory/iotlb.ts';
import { AVAIL, NEXT, USED, WRITE } from '../constants.ts';
import { enlarged } from './base.ts';
import { popDirectList, pushDirectList, storeUsedDescriptors } from './packed-direct.ts';
import { PackedRingEvents } from './packed-events.ts';
import { type DeviceBuffer, type DeviceRingConfig, RingError } from './ring.ts';
import type { TakenBuffer } from './taken-buffer.ts';

const LEN: typeof PACKED_DESC.len = 8;
const ID: typeof PACKED_DESC.id = 12;
const FLAGS: typeof PACKED_DESC.flags = 14;

/**
 * The device side of a packed virtqueue (section 2.7). Each position is a slot with a wrap counter (2.7.1);
 * the queue size need not be a power of two (2.7.10.1).
 */
export class PackedDeviceRing extends PackedRingEvents {
  /** Slots of the buffers that were taken and not pushed back. */
  outstandingSlots = 0;
  /** Slots and WRITE flags of the completed entries. */
  pendingSlots: Uint32Array;
  pendingFlags: Uint32Array;
  /** The descriptor ring as words, unless accesses have to be translated one by one. */
  descRing: Uint32Array | null = null;
  /** Buffer ID of the descriptor read last. */
  descId = 0;

  readonly ringBase: number;

  /** @throws RangeError when `config.num` is no integer from 1 to 32768 */
  constructor(ringDma: DmaView, bufferDma: DmaView, config: DeviceRingConfig, start?: VqStatePacked) {
    super(ringDma, bufferDma, config, start);
    this.ringBase = config.descArea;
    this.pendingSlots = new Uint32Array(this.pendingId.length);
    this.pendingFlags = new Uint32Array(this.pendingId.length);
  }

  override growPending(size: number): void {
    super.growPending(size);
    this.pendingSlots = enlarged(this.pendingSlots, size);
    this.pendingFlags = enlarged(this.pendingFlags, size);
  }

  locate(): void {
    const { ring } = packedAreaSizes(this.num);
    this.descWord = this.ringDma.locate(this.ringBase, ring, 4);
    this.descRing = this.ringDma.words(this.ringBase, ring);
  }

  where(): string {
    return `slot ${this.availSlot} (wrap ${this.availWrap})`;
  }

  state(): VqState {
    const packed = {
      lastAvailCounter: this.usedWrap,
      lastAvailIdx: this.usedSlot,
      lastUsedCounter: this.usedWrap,
      lastUsedIdx: this.usedSlot,
    };
    return { ...initialVqState(), packed };
  }

  // ── taking buffers ────────────────────────────────────────────────────────────────────────────

  override pop(): DeviceBuffer | null {
    const buffer = this.intact === true ? popDirectList(this) : null;
    return buffer === null ? super.pop() : buffer;
  }

  take(buffer: TakenBuffer): boolean {
    const slot = this.availSlot;
    this.readTail(slot);
    const flags = this.descFlags;
    if (!this.isAvailable(flags, this.availWrap)) return false;
    buffer.first = slot;
    buffer.firstFlags = flags;
    if (this.isIndirect(flags, 1)) this.takeIndirect(buffer, slot, flags);
    else this.takeList(buffer, slot, flags);
    if (this.outstandingSlots + buffer.slots > this.num) {
      const taken = `${buffer.slots} more slots while ${this.outstandingSlots} of ${this.num} are not used yet`;
      throw new RingError('queue-overrun', `${this.where()}: ${taken}`);
    }
    this.outstandingSlots += buffer.slots;
    this.advanceAvail(buffer.slots);
    return true;
  }

  probe(): boolean {
    this.readTail(this.availSlot);
    return this.isAvailable(this.descFlags, this.availWrap);
  }

  /** AVAIL equals the wrap counter and USED does not (section 2.7.1). */
  isAvailable(flags: number, wrap: number): boolean {
    return (flags & (AVAIL | USED)) === (wrap !== 0 ? AVAIL : USED);
  }

  /** Collect a list of direct descriptors in ring order (sections 2.7.6 and 2.7.18). */
  takeList(buffer: TakenBuffer, first: number, firstFlags: number): void {
    let slot = first;
    let flags = firstFlags;
    let firstId = 0;
    for (let count = 1; ; count++) {
      this.readBody(slot);
      if (count === 1) firstId = this.descId;
      this.addElement(buffer, this.descAddr, this.descLen, (flags & WRITE) !== 0);
      if ((flags & NEXT) === 0) {
        buffer.id = this.listId(firstId, this.descId);
        buffer.slots = count;
        buffer.last = slot;
        return;
      }
      if (count === this.num) {
        throw new RingError('chain-too-long', `${this.where()}: list exceeds ${this.num} descriptors`);
      }
      slot = this.nextSlot(slot);
      this.readTail(slot);
      flags = this.descFlags;
      if (this.isIndirect(flags, count + 1)) {
        throw new RingError('indirect-with-next', `${this.where()}: INDIRECT in slot ${slot} of a list`);
      }
    }
  }

  /** Take one descriptor that refers to a table; its WRITE flag means nothing (section 2.7.7). */
  takeIndirect(buffer: TakenBuffer, slot: number, flags: number): void {
    this.readBody(slot);
    this.checkIndirect(flags, this.descLen);
    buffer.id = this.descId;
    buffer.slots = 1;
    buffer.last = slot;
    this.walkTable(buffer, this.descAddr, this.tableEntries(this.descLen));
  }

  /** Collect the elements of a table: every entry, in sequence; only WRITE is looked at (section 2.7.7). */
  walkTable(buffer: TakenBuffer, table: number, entries: number): void {
    if (entries > this.maxElements) {
      const limit = `indirect table of ${entries} entries, at most ${this.maxElements} are handled`;
      throw new RingError('indirect-too-long', `${this.where()}: ${limit}`);
    }
    for (let index = 0; index < entries; index++) {
      this.readTableEntry(table, index);
      this.addElement(buffer, this.descAddr, this.descLen, (this.descFlags & WRITE) !== 0);
    }
  }

  /** Entries of a table of `length` bytes. */
  tableEntries(length: number): number {
    return length / DESC_SIZE;
  }

  /** Buffer ID of a list: that of its last descriptor (section 2.7.6). */
  listId(_first: number, last: number): number {
    return last;
  }

  nextSlot(slot: number): number {
    return slot + 1 === this.num ? 0 : slot + 1;
  }

  /** Load id and flags, which share a word: what a device polls. */
  readTail(slot: number): void {
    const word =
      this.descWord >= 0 && slot < this.num
        ? this.words[this.descWord + (slot << 2) + 3]
        : this.ringDma.get32(this.ringBase + DESC_SIZE * slot + ID);
    this.descId = word & 0xffff;
    this.descFlags = word >>> 16;
  }

  /** Load address and length, once the flags say that they are there. */
  readBody(slot: number): void {
    if (this.descWord >= 0 && slot < this.num) {
      const { words } = this;
      const at = this.descWord + (slot << 2);
      this.descAddr = words[at + 1] * 0x1_0000_0000 + words[at];
      this.descLen = words[at + 2];
      return;
    }
    const at = this.ringBase + DESC_SIZE * slot;
    this.descAddr = this.ringDma.get64(at);
    this.descLen = this.ringDma.get32(at + LEN);
  }

  readTableEntry(table: number, index: number): void {
    const at = table + DESC_SIZE * index;
    this.descAddr = this.tableDma.get64(at);
    this.descLen = this.tableDma.get32(at + LEN);
    this.descFlags = this.tableDma.get16(at + FLAGS);
  }

  /** Move on by the slots of the buffer that was taken. */
  advanceAvail(slots: number): void {
    this.availSlot += slots;
    if (this.availSlot < this.num) return;
    this.availSlot -= this.num;
    this.availWrap = this.toggleWrap(this.availWrap);
  }

  /** The counter of the next lap (section 2.7.1). */
  toggleWrap(wrap: number): number {
    return wrap ^ 1;
  }

  // ── using buffers ─────────────────────────────────────────────────────────────────────────────

  override push(buffer: DeviceBuffer, written: number): void {
    if (this.intact === true && pushDirectList(this, buffer as TakenBuffer, written) === true) return;
    super.push(buffer, written);
  }

  override complete(buffer: TakenBuffer, written: number): void {
    const at = this.pending;
    if (at === this.pendingId.length) this.growPending(2 * at);
    this.pending = at + 1;
    this.pendingId[at] = this.usedId(buffer);
    this.pendingLen[at] = this.usedLength(buffer, written);
    this.pendingSlots[at] = this.usedSlots(buffer);
    this.pendingFlags[at] = this.writeFlag(buffer);
    this.release(buffer);
  }

  /** Ring positions that the used entry of `buffer` stands for (section 2.7.6). */
  usedSlots(buffer: TakenBuffer): number {
    return buffer.slots;
  }

  /** The WRITE flag of a used packed descriptor: only for a buffer that can be written (section 2.7.3). */
  writeFlag(buffer: TakenBuffer): number {
    return buffer.writable > 0 ? WRITE : 0;
  }

  override release(buffer: TakenBuffer): void {
    if (buffer.taken === true) this.outstandingSlots -= buffer.slots;
    super.release(buffer);
  }

  /** Store the used descriptors; when a store is refused the position stays, and nothing became visible. */
  commit(): void {
    const { usedSlot, usedWrap } = this;
    try {
      const { descRing } = this;
      this.unsignalled +=
        this.intact && descRing !== null && this.port.tracer === null
          ? storeUsedDescriptors(this, descRing, this.pending)
          : this.writeUsedDescriptors(this.pending);
    } catch (error) {
      this.usedSlot = usedSlot;
      this.usedWrap = usedWrap;
      throw error;
    }
  }

  /**
   * One used descriptor per buffer, each at the position that its predecessors leave. The flags of the first
   * one come last, so that the driver sees all or nothing (section 2.7.9). Returns the slots covered.
   */
  writeUsedDescriptors(count: number): number {
    const first = this.usedSlot;
    const firstFlags = this.usedFlags(this.usedWrap, this.pendingFlags[0]);
    this.writeUsedElement(first, this.pendingId[0], this.pendingLen[0]);
    let slots = this.pendingSlots[0];
    this.advanceUsed(slots);
    for (let i = 1; i < count; i++) {
      const flags = this.usedFlags(this.usedWrap, this.pendingFlags[i]);
      this.writeHiddenElement(this.usedSlot, this.pendingId[i], this.pendingLen[i], flags);
      slots += this.pendingSlots[i];
      this.advanceUsed(this.pendingSlots[i]);
    }
    this.storeUsedFlags(first, firstFlags);
    return slots;
  }

  /** A whole used descriptor in one store: the driver looks at it only after the first one of the batch. */
  writeHiddenElement(slot: number, id: number, len: number, flags: number): void {
    const tail = (id & 0xffff) | (flags << 16);
    if (this.descWord >= 0 && slot < this.num) this.port.putWords(this.descWord + (slot << 2) + 2, len, tail);
    else this.ringDma.put32x2(this.ringBase + DESC_SIZE * slot + LEN, len, tail);
  }

  /** Flags of a used descriptor: AVAIL and USED both equal to the wrap counter (section 2.7.1), and WRITE. */
  usedFlags(wrap: number, writeFlag: number): number {
    return (wrap !== 0 ? AVAIL | USED : 0) | writeFlag;
  }

  /** Length and id, before the flags that expose them. */
  writeUsedElement(slot: number, id: number, len: number): void {
    const at = this.ringBase + DESC_SIZE * slot;
    this.ringDma.put32(at + LEN, len);
    this.ringDma.put16(at + ID, id);
  }

  storeUsedFlags(slot: number, flags: number): void {
    this.ringDma.put16(this.ringBase + DESC_SIZE * slot + FLAGS, flags);
  }

  /** Skip the slots of the buffer that was used (section 2.7.6). */
  advanceUsed(slots: number): void {
    this.usedSlot += slots;
    if (this.usedSlot < this.num) return;
    this.usedSlot -= this.num;
    this.usedWrap = this.toggleWrap(this.usedWrap);
  }
}
