import {
  AVAIL_F_NO_INTERRUPT,
  availEventOffset,
  SPLIT_AVAIL,
  SPLIT_USED,
  USED_F_NO_NOTIFY,
  usedEventOffset,
} from '../../../specs/virtio-1.1/ring-layout.ts';
import { LITTLE_ENDIAN } from '../../memory/host-memory.ts';
import { clearAreas } from './areas.ts';
import { blankUsed, checkElements, directCount, noEventIdx, ringFull, unknownBuffer } from './elements.ts';
import { IndexQueue } from './index-queue.ts';
import {
  type AddOptions,
  type DriverRing,
  type DriverRingConfig,
  DriverRingError,
  type Element,
  type InterruptMode,
  type UsedBuffer,
  type UsedFault,
} from './ring.ts';
import { SplitTable } from './split-table.ts';

/**
 * Driver side of a split virtqueue (section 2.6). Descriptors: {@link SplitTable}. `add` also fills the
 * available ring entry; the index store of `publish` is what exposes it.
 */
export class SplitDriverRing implements DriverRing {
  readonly config: DriverRingConfig;
  private readonly view: DataView;
  private readonly halves: Uint16Array;
  private readonly num: number;
  private readonly mask: number;
  private readonly avail: number;
  /** Index of the first available entry in `halves`, or -1 when they cannot be written so. */
  private readonly slots: number;
  private readonly used: number;
  private readonly usedEvent: number;
  private readonly availEvent: number;
  private readonly eventIdx: boolean;

  private readonly table: SplitTable;
  /** By head: the caller's handle. */
  private readonly tokens: unknown[];
  /**
   * Buffers added, published, asked about by `kickNeeded`, and taken back so far. All count on from the start
   * index, modulo 2^32, so that an available index is the lower half of the first two.
   */
  private added: number;
  private published: number;
  private asked: number;
  private back: number;
  /** IN_ORDER: heads by their available index, and the sequence in which the device has to use them. */
  private readonly addedHeads: Uint16Array;
  private readonly order: IndexQueue | null;
  private usedIdx: number;
  /** Last buffer of the IN_ORDER batch that is being handed out, or -1, and its used length. */
  private batchEnd = -1;
  private batchLen = 0;

  constructor(config: DriverRingConfig) {
    clearAreas('split', config);
    const { num } = config;
    const start = config.start?.index ?? 0;
    if (start !== (start & 0xffff))
      throw new DriverRingError('bad-config', `start index ${start} is not 16 bits wide`);
    this.config = config;
    this.view = config.memory.view;
    this.halves = config.memory.halves;
    this.num = num;
    this.mask = num - 1;
    this.avail = config.driver.pa;
    this.used = config.device.pa;
    this.slots = LITTLE_ENDIAN && (this.avail & 1) === 0 ? (this.avail + SPLIT_AVAIL.ring) >> 1 : -1;
    this.usedEvent = this.avail + usedEventOffset(num);
    this.availEvent = this.used + availEventOffset(num);
    this.eventIdx = config.eventIdx;
    this.table = new SplitTable(config.memory, config.desc.pa, num);
    this.tokens = new Array(num).fill(undefined);
    this.addedHeads = new Uint16Array(num);
    this.order = config.inOrder ? new IndexQueue(num) : null;
    this.added = start;
    this.published = start;
    this.asked = start;
    this.back = start;
    this.usedIdx = start;
    for (const at of [this.avail + SPLIT_AVAIL.idx, this.used + SPLIT_USED.idx]) {
      this.view.setUint16(at, start, true);
    }
    // As on a fresh queue, where all four are 0: both sides are notified about the very next entry.
    this.view.setUint16(this.usedEvent, start, true);
    this.view.setUint16(this.availEvent, start, true);
  }

  get free(): number {
    return this.table.size;
  }
  get outstanding(): number {
    return (this.added - this.back) | 0;
  }
  get availPosition(): number {
    return this.published & 0xffff;
  }
  get usedPosition(): number {
    return this.usedIdx;
  }
  /** The used index that the device has published (section 2.6.8). */
  usedIndex(): number {
    return this.view.getUint16(this.used + SPLIT_USED.idx, true);
  }

  /** Sections 2.6.13.1 and 2.6.13.2; indirect tables: 2.6.5.3. */
  add(elements: readonly Element[], options?: AddOptions): number {
    const { added, table } = this;
    const head =
      elements.length <= table.room && (options === undefined || isPlain(options))
        ? elements.length === 1
          ? table.writeOne(elements[0], added)
          : table.writeDirect(elements, added)
        : this.writeAsAsked(elements, options, added);
    const at = added & this.mask;
    if (this.slots >= 0) this.halves[this.slots + at] = head;
    else this.view.setUint16(this.avail + SPLIT_AVAIL.ring + SPLIT_AVAIL.entrySize * at, head, true);
    this.tokens[head] = options === undefined ? undefined : options.token;
    if (this.order !== null) this.addedHeads[at] = head;
    this.added = (added + 1) | 0;
    return head;
  }

  private writeAsAsked(elements: readonly Element[], options: AddOptions | undefined, turn: number): number {
    checkElements(elements, options?.breach === true);
    const direct = directCount(elements, options, this.config.memory.size);
    const total = elements.length;
    const need = direct === total ? total : direct + 1;
    if (total > this.num && need <= this.num && options?.breach !== true) {
      throw new DriverRingError(
        'breach',
        `a chain of ${total} is longer than the queue of ${this.num} (section 2.6.5.3.1); pass breach to do it anyway`,
      );
    }
    if (need > this.table.size) throw ringFull(need, this.table.size);
    return this.table.write(elements, direct, options, turn);
  }

  /** Section 2.6.13.3. */
  publish(): void {
    const { added, order } = this;
    if (added === this.published) return;
    if (order !== null) {
      for (let i = this.published; i !== added; i = (i + 1) | 0) order.push(this.addedHeads[i & this.mask]);
    }
    this.published = added;
    this.view.setUint16(this.avail + SPLIT_AVAIL.idx, added & 0xffff, true);
  }

  /** Section 2.6.10.1. */
  kickNeeded(): boolean {
    const count = (this.published - this.asked) | 0;
    if (count === 0) return false;
    this.asked = this.published;
    if (!this.eventIdx) {
      return (this.view.getUint16(this.used + SPLIT_USED.flags, true) & USED_F_NO_NOTIFY) === 0;
    }
    const event = this.view.getUint16(this.availEvent, true);
    return ((this.published - event - 1) & 0xffff) < count;
  }

  notificationData(): number {
    return (this.published << 16) >>> 0;
  }

  hasUsed(): boolean {
    return this.batchEnd >= 0 || this.view.getUint16(this.used + 2, true) !== this.usedIdx;
  }

  /** Sections 2.6.14 and, for batches, 2.6.9. */
  poll(into?: UsedBuffer): UsedBuffer | null {
    const { view, used, usedIdx } = this;
    if (this.batchEnd >= 0) return this.nextOfBatch(into ?? blankUsed());
    const idx = view.getUint16(used + 2, true);
    if (idx === usedIdx) return null;
    const at = used + 4 + ((usedIdx & this.mask) << 3);
    const id = view.getUint32(at, true);
    const len = view.getUint32(at + 4, true);
    const result = into === undefined ? blankUsed() : into;
    if (this.order !== null || !this.expects(id, idx)) return this.judge(result, id, len, idx);
    this.usedIdx = (usedIdx + 1) & 0xffff;
    return this.release(result, id, len, undefined);
  }

  /** Whether `id` is a buffer that the device may use, and `idx` covers no more of them than there are. */
  private expects(id: number, idx: number): boolean {
    if (((idx - this.usedIdx) & 0xffff) > this.num) return false;
    return id < this.num && this.table.holds(id, this.published, this.added - this.published);
  }

  /** Consume a used entry that is wrong or, with IN_ORDER, may stand for a batch. */
  private judge(used: UsedBuffer, id: number, len: number, idx: number): UsedBuffer {
    const pending = (idx - this.usedIdx) & 0xffff;
    if (this.published === this.back || pending > this.num) {
      this.usedIdx = idx;
      return unknownBuffer(used, id, len, 'index');
    }
    if (!this.expects(id, idx)) {
      this.usedIdx = (this.usedIdx + 1) & 0xffff;
      return unknownBuffer(used, id, len, 'id');
    }
    let fault: UsedFault | undefined;
    if (id !== this.order!.first) {
      let size = 1;
      for (let head = this.order!.first; head !== id && size <= pending; head = this.order!.after(head))
        size++;
      if (size <= pending) {
        this.usedIdx = (this.usedIdx + size) & 0xffff;
        this.batchEnd = id;
        this.batchLen = len;
        return this.nextOfBatch(used);
      }
      fault = 'order';
    }
    this.usedIdx = (this.usedIdx + 1) & 0xffff;
    return this.release(used, id, len, fault);
  }

  /** Section 2.6.7.1: with EVENT_IDX `flags` stays 0 and `used_event` alone decides. */
  setInterrupts(mode: InterruptMode): void {
    const view = this.view;
    if (!this.eventIdx) {
      if (mode.mode === 'event') throw noEventIdx();
      view.setUint16(this.avail + SPLIT_AVAIL.flags, mode.mode === 'enable' ? 0 : AVAIL_F_NO_INTERRUPT, true);
      return;
    }
    // "None" is the index that is farthest ahead: the one just passed.
    const at = mode.mode === 'event' ? mode.at : mode.mode === 'enable' ? this.usedIdx : this.usedIdx - 1;
    if (mode.mode === 'event' && at !== (at & 0xffff)) {
      throw new DriverRingError('bad-mode', `used_event ${at} is not 16 bits wide`);
    }
    view.setUint16(this.usedEvent, at, true);
  }

  armInterrupts(): void {
    this.setInterrupts({ mode: 'enable' });
  }

  private nextOfBatch(used: UsedBuffer): UsedBuffer {
    const head = this.order!.first;
    if (head !== this.batchEnd) return this.release(used, head, undefined, undefined);
    this.batchEnd = -1;
    return this.release(used, head, this.batchLen, undefined);
  }

  private release(
    used: UsedBuffer,
    head: number,
    len: number | undefined,
    fault: UsedFault | undefined,
  ): UsedBuffer {
    this.back = (this.back + 1) | 0;
    if (this.order !== null) this.order.remove(head);
    this.table.release(head);
    used.id = head;
    used.len = len;
    used.token = this.tokens[head];
    used.known = true;
    used.writeFlag = undefined;
    used.fault = fault;
    return used;
  }
}

/** Whether nothing is asked for but free slots. */
function isPlain(options: AddOptions): boolean {
  return options.indirect === undefined && options.slots === undefined && options.breach !== true;
}
