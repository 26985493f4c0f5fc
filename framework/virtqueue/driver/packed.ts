import { DESC_F, DESC_SIZE, PACKED_DESC } from '../../../specs/virtio-1.1/ring-layout.ts';
import { LITTLE_ENDIAN } from '../../memory/host-memory.ts';
import { AVAIL, MARKS, NEXT, USED, WRITE } from '../constants.ts';
import { clearAreas } from './areas.ts';
import {
  badElement,
  blankUsed,
  checkElements,
  directCount,
  noElement,
  readableTooLate,
  ringFull,
  unknownBuffer,
} from './elements.ts';
import { PackedBuffers } from './packed-buffers.ts';
import { putBuffer, putPackedTable } from './packed-desc.ts';
import { type PackedPosition, packedKick, putDriverEvent } from './packed-events.ts';
import {
  type AddOptions,
  type DriverRing,
  type DriverRingConfig,
  DriverRingError,
  type Element,
  type InterruptMode,
  type UsedBuffer,
} from './ring.ts';

/**
 * Driver side of a packed virtqueue (section 2.7). `add` writes everything but the flags of each list's
 * first descriptor; `publish` stores those, the very first one last, so that the device sees either
 * nothing or all of what was added (sections 2.7.6 and 2.7.17).
 */
export class PackedDriverRing implements DriverRing {
  readonly config: DriverRingConfig;
  private readonly view: DataView;
  private readonly words: Uint32Array;
  /** Index of the ring in `words`, or -1 when it cannot be written as words. */
  private readonly base: number;
  private readonly num: number;
  private readonly desc: number;
  private readonly driver: number;
  private readonly device: number;
  private readonly eventIdx: boolean;
  private readonly inOrder: boolean;
  private readonly buffers: PackedBuffers;
  private room: number;

  /** Where `add` goes on, where what is available ends, where the next used descriptor will be. */
  private readonly next: PackedPosition;
  private readonly avail: PackedPosition;
  private readonly used: PackedPosition;
  /** Two words for each added and unpublished buffer: slot of its head and record; Buffer ID and flags. */
  private readonly pending: Uint32Array;
  private added = 0;
  /** Buffers published, and taken back, modulo 2^32. */
  private published = 0;
  private back = 0;
  /** Descriptors published since `kickNeeded` was last asked. */
  private unchecked = 0;
  /** Last buffer of the IN_ORDER batch that is being handed out, or -1, and what its descriptor said. */
  private batchEnd = -1;
  private batchLen = 0;
  private batchWrite = false;

  constructor(config: DriverRingConfig) {
    clearAreas('packed', config);
    const { num } = config;
    const { index, wrap = 1 } = config.start ?? { index: 0 };
    if (!Number.isInteger(index) || index < 0 || index >= num || (wrap !== 0 && wrap !== 1)) {
      throw new DriverRingError(
        'bad-config',
        `start position ${index}, wrap ${wrap} is not in a ring of ${num}`,
      );
    }
    this.config = config;
    this.view = config.memory.view;
    this.words = config.memory.words;
    this.base = LITTLE_ENDIAN && (config.desc.pa & 3) === 0 ? config.desc.pa >> 2 : -1;
    this.num = num;
    this.desc = config.desc.pa;
    this.driver = config.driver.pa;
    this.device = config.device.pa;
    this.eventIdx = config.eventIdx;
    this.inOrder = config.inOrder;
    this.buffers = new PackedBuffers(num, config.inOrder);
    this.room = num;
    this.next = { slot: index, wrap };
    this.avail = { slot: index, wrap };
    this.used = { slot: index, wrap };
    this.pending = new Uint32Array(2 * num);
    // Zero is what a used descriptor of a lap with counter 0 looks like, and what a new ring holds (2.7.13).
    // Slots that a lap with counter 1 passed last must not look like anything new in the coming one.
    const [from, to] = wrap === 1 ? [0, index] : [index, num];
    for (let slot = from; slot < to; slot++) {
      this.view.setUint16(this.desc + slot * DESC_SIZE + PACKED_DESC.flags, MARKS, true);
    }
  }

  get free(): number {
    return this.room;
  }
  get outstanding(): number {
    return ((this.published - this.back) | 0) + this.added;
  }
  get availPosition(): number {
    return this.avail.slot | (this.avail.wrap << 15);
  }
  get usedPosition(): number {
    return this.used.slot | (this.used.wrap << 15);
  }

  /** Section 2.7.21.1; indirect tables: 2.7.7. */
  add(elements: readonly Element[], options?: AddOptions): number {
    if (elements.length > this.room || this.base < 0 || (options !== undefined && !isPlain(options))) {
      return this.addAsAsked(elements, options);
    }
    const token = options === undefined ? undefined : options.token;
    return elements.length === 1 ? this.addOne(elements[0], token) : this.addDirect(elements, token);
  }

  /** What {@link addDirect} does, for a single element, which most buffers are. */
  private addOne(element: Element, token: unknown): number {
    const { words, next } = this;
    const { iova, len } = element;
    if (!(iova >= 0 && iova < 0x20_0000_0000_0000) || len >>> 0 !== len) throw badElement(0, iova, len);
    const { slot } = next;
    const at = this.base + (slot << 2);
    words[at] = iova;
    words[at + 1] = iova / 0x1_0000_0000;
    words[at + 2] = len;
    const id = this.buffers.take(1, token, this.published + this.added);
    const flags = (next.wrap === 1 ? AVAIL : USED) | (element.write === true ? WRITE : 0);
    this.noteAdded(id, slot, id | (flags << 16), 1);
    if (slot + 1 === this.num) {
      next.slot = 0;
      next.wrap ^= 1;
    } else {
      next.slot = slot + 1;
    }
    return id;
  }

  /** A list of direct descriptors; elements are checked on the way, before anything moves. */
  private addDirect(elements: readonly Element[], token: unknown): number {
    const words = this.words;
    const buffers = this.buffers;
    const next = this.next;
    const num = this.num;
    const need = elements.length;
    const id = buffers.next;
    const head = next.slot;
    let slot = head;
    let mark = next.wrap === 1 ? AVAIL : USED;
    let headTail = 0;
    let writable = false;
    for (let i = 0; i < need; i++) {
      const { iova, len, write } = elements[i];
      if (!(iova >= 0 && iova < 0x20_0000_0000_0000) || len >>> 0 !== len) throw badElement(i, iova, len);
      let flags = i + 1 === need ? mark : mark | NEXT;
      if (write === true) {
        writable = true;
        flags |= WRITE;
      } else if (writable) throw readableTooLate(i);
      const at = this.base + (slot << 2);
      words[at] = iova;
      words[at + 1] = iova / 0x1_0000_0000;
      words[at + 2] = len;
      if (i === 0) headTail = id | (flags << 16);
      else words[at + 3] = id | (flags << 16);
      slot++;
      if (slot === num) {
        slot = 0;
        mark ^= MARKS;
      }
    }
    if (need === 0) throw noElement();
    next.slot = slot;
    if (slot <= head) next.wrap ^= 1;
    buffers.take(need, token, this.published + this.added);
    this.noteAdded(id, head, headTail, need);
    return id;
  }

  /** Keep what {@link publish} needs. */
  private noteAdded(record: number, slot: number, tail: number, need: number): void {
    const { added, pending } = this;
    pending[2 * added] = slot | (record << 16);
    pending[2 * added + 1] = tail;
    this.added = added + 1;
    this.room -= need;
  }

  private addAsAsked(elements: readonly Element[], options: AddOptions | undefined): number {
    const breach = options?.breach === true;
    checkElements(elements, breach);
    const direct = directCount(elements, options, this.config.memory.size);
    const total = elements.length;
    const need = direct === total ? total : direct + 1;
    if (direct > 0 && direct < total && !breach) {
      throw new DriverRingError(
        'breach',
        'a packed list is either direct or indirect (sections 2.7.5, 2.7.19); pass breach to mix them anyway',
      );
    }
    if (need > this.room) throw ringFull(need, this.room);
    const turn = this.published + this.added;
    const record =
      options?.id === undefined
        ? this.buffers.take(need, options?.token, turn)
        : this.buffers.choose(options.id, need, options.token, turn);
    const id = this.buffers.id(record);
    const otherIds = options?.otherIds ?? id;
    const view = this.view;
    const head = this.next.slot;
    let headTail = 0;
    let mark = this.next.wrap === 1 ? AVAIL : USED;
    for (let i = 0; i < need; i++) {
      const slot = this.next.slot;
      const at = this.desc + slot * DESC_SIZE;
      const last = i + 1 === need;
      let flags = last ? mark : mark | NEXT;
      if (i < direct) {
        const element = elements[i];
        if (element.write === true) flags |= WRITE;
        putBuffer(view, at, element.iova, element.len);
      } else {
        const { table } = options!.indirect!;
        flags |= options!.indirectWriteFlag === true ? DESC_F.INDIRECT | WRITE : DESC_F.INDIRECT;
        putBuffer(view, at, table.iova, (total - direct) * DESC_SIZE);
        putPackedTable(view, table.pa, elements, direct);
      }
      const tail = ((last ? id : otherIds) & 0xffff) | (flags << 16);
      if (i === 0) headTail = tail;
      else view.setUint32(at + PACKED_DESC.id, tail, true);
      if (slot + 1 < this.num) {
        this.next.slot = slot + 1;
      } else {
        this.next.slot = 0;
        this.next.wrap ^= 1;
        mark ^= MARKS;
      }
    }
    this.noteAdded(record, head, headTail, need);
    return id;
  }

  publish(): void {
    const { added, avail, next, pending } = this;
    if (added === 0) return;
    if (this.inOrder) for (let i = 0; i < added; i++) this.buffers.expose(pending[2 * i] >>> 16);
    for (let i = added - 1; i >= 0; i--) this.storeTail(i);
    this.added = 0;
    this.published = (this.published + added) | 0;
    this.unchecked += next.slot > avail.slot ? next.slot - avail.slot : next.slot - avail.slot + this.num;
    avail.slot = next.slot;
    avail.wrap = next.wrap;
  }

  /** Store Buffer ID and flags of the head of the `i`th added buffer. */
  private storeTail(i: number): void {
    const { base, pending } = this;
    const slot = pending[2 * i] & 0xffff;
    const tail = pending[2 * i + 1];
    if (base >= 0) this.words[base + (slot << 2) + 3] = tail;
    else this.view.setUint32(this.desc + slot * DESC_SIZE + PACKED_DESC.id, tail, true);
  }

  /**
   * Store the head flags of one added buffer ahead of {@link publish} and out of turn: stores to different
   * descriptors may become visible in any order (section 2.7.2). False when no such buffer was added.
   */
  exposeHead(id: number): boolean {
    for (let i = 0; i < this.added; i++) {
      if (this.buffers.id(this.pending[2 * i] >>> 16) !== id) continue;
      this.storeTail(i);
      return true;
    }
    return false;
  }

  /** Sections 2.7.10 and 2.7.21.2. */
  kickNeeded(): boolean {
    const published = this.unchecked;
    if (published === 0) return false;
    this.unchecked = 0;
    return packedKick(this.view, this.device, this.eventIdx, this.num, this.avail, published);
  }

  notificationData(): number {
    return (this.availPosition << 16) >>> 0;
  }

  hasUsed(): boolean {
    if (this.batchEnd >= 0) return true;
    const flags = this.view.getUint16(this.desc + this.used.slot * DESC_SIZE + PACKED_DESC.flags, true);
    return (flags & MARKS) === (this.used.wrap === 1 ? MARKS : 0);
  }

  /** Sections 2.7.22 and, for batches, 2.7.8. */
  poll(into?: UsedBuffer): UsedBuffer | null {
    if (this.batchEnd >= 0) return this.nextOfBatch(into ?? blankUsed());
    const view = this.view;
    const position = this.used;
    const at = this.desc + (position.slot << 4);
    const tail = view.getUint32(at + 12, true);
    const flags = tail >>> 16;
    if ((flags & MARKS) !== (position.wrap === 1 ? MARKS : 0)) return null;
    const used = into === undefined ? blankUsed() : into;
    const id = tail & 0xffff;
    const len = view.getUint32(at + 8, true);
    const write = (flags & WRITE) !== 0;
    const record = this.buffers.find(id, this.published, this.added);
    if (record < 0) {
      this.skip(1);
      return unknownBuffer(used, id, len, 'id', write);
    }
    if (this.inOrder && record !== this.buffers.oldest) return this.startBatch(used, record, len, write);
    const count = this.buffers.count(record);
    this.skip(count);
    return this.release(used, record, id, count, len, write);
  }

  /** IN_ORDER: one used descriptor for all buffers up to `record`. */
  private startBatch(used: UsedBuffer, record: number, len: number, write: boolean): UsedBuffer {
    this.skip(this.buffers.span(record));
    this.batchEnd = record;
    this.batchLen = len;
    this.batchWrite = write;
    return this.nextOfBatch(used);
  }

  setInterrupts(mode: InterruptMode): void {
    putDriverEvent(this.view, this.driver, this.eventIdx, this.num, this.used, mode);
  }

  armInterrupts(): void {
    this.setInterrupts(this.eventIdx ? { mode: 'event', at: this.used.slot } : { mode: 'enable' });
  }

  private nextOfBatch(used: UsedBuffer): UsedBuffer {
    const { buffers } = this;
    const record = buffers.oldest;
    const id = buffers.id(record);
    const count = buffers.count(record);
    if (record !== this.batchEnd) return this.release(used, record, id, count, undefined, undefined);
    this.batchEnd = -1;
    return this.release(used, record, id, count, this.batchLen, this.batchWrite);
  }

  private release(
    used: UsedBuffer,
    record: number,
    id: number,
    count: number,
    len: number | undefined,
    writeFlag: boolean | undefined,
  ): UsedBuffer {
    this.room += count;
    this.back = (this.back + 1) | 0;
    used.id = id;
    used.len = len;
    used.token = this.buffers.release(record);
    used.known = true;
    used.writeFlag = writeFlag;
    used.fault = undefined;
    return used;
  }

  /** Move on by the descriptors of what was used; at most one lap (section 2.7.6). */
  private skip(descriptors: number): void {
    this.used.slot += descriptors;
    if (this.used.slot < this.num) return;
    this.used.slot -= this.num;
    this.used.wrap ^= 1;
  }
}

/** Whether nothing is asked for but free slots. */
function isPlain(options: AddOptions): boolean {
  return (
    options.indirect === undefined &&
    options.id === undefined &&
    options.otherIds === undefined &&
    options.breach !== true
  );
}
