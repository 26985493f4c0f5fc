import {
  AVAIL_F_NO_INTERRUPT,
  availEventOffset,
  SPLIT_AVAIL,
  SPLIT_USED,
  USED_F_NO_NOTIFY,
  usedEventOffset,
} from '../../../specs/virtio-1.1/ring-layout.ts';
import { clearAreas } from './areas.ts';
import { checkElements, directCount, noEventIdx, ringFull, unknownBuffer } from './elements.ts';
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

/** What the driver knows of the chain that starts at a slot. */
const FREE = 0;
const ADDED = 1;
const AVAILABLE = 2;

/**
 * Driver side of a split virtqueue (section 2.6). Descriptors: {@link SplitTable}. `add` also fills the
 * available ring entry; the index store of `publish` is what exposes it.
 */
export class SplitDriverRing implements DriverRing {
  readonly config: DriverRingConfig;
  readonly #view: DataView;
  readonly #num: number;
  readonly #mask: number;
  readonly #avail: number;
  readonly #used: number;
  readonly #usedEvent: number;
  readonly #availEvent: number;
  readonly #eventIdx: boolean;
  readonly #inOrder: boolean;

  readonly #table: SplitTable;
  /** By head: state, caller's handle. */
  readonly #state: Uint8Array;
  readonly #tokens: unknown[];
  /** Heads written since the last publish. */
  readonly #addedHeads: Uint16Array;
  #added = 0;
  /** Buffers that the device may use, and with IN_ORDER the sequence in which it has to. */
  #available = 0;
  readonly #order: IndexQueue | null;

  #availIdx: number;
  #usedIdx: number;
  /** Buffers published since `kickNeeded` was last asked. */
  #unchecked = 0;
  /** Last buffer of the IN_ORDER batch that is being handed out, or -1, and its used length. */
  #batchEnd = -1;
  #batchLen = 0;

  constructor(config: DriverRingConfig) {
    clearAreas('split', config);
    const { num } = config;
    const start = config.start?.index ?? 0;
    if (start !== (start & 0xffff))
      throw new DriverRingError('bad-config', `start index ${start} is not 16 bits wide`);
    this.config = config;
    this.#view = config.memory.view;
    this.#num = num;
    this.#mask = num - 1;
    this.#avail = config.driver.pa;
    this.#used = config.device.pa;
    this.#usedEvent = this.#avail + usedEventOffset(num);
    this.#availEvent = this.#used + availEventOffset(num);
    this.#eventIdx = config.eventIdx;
    this.#inOrder = config.inOrder;
    this.#table = new SplitTable(this.#view, config.desc.pa, num);
    this.#state = new Uint8Array(num);
    this.#tokens = new Array(num).fill(undefined);
    this.#addedHeads = new Uint16Array(num);
    this.#order = config.inOrder ? new IndexQueue(num) : null;
    this.#availIdx = start;
    this.#usedIdx = start;
    for (const at of [this.#avail + SPLIT_AVAIL.idx, this.#used + SPLIT_USED.idx]) {
      this.#view.setUint16(at, start, true);
    }
    // As on a fresh queue, where all four are 0: both sides are notified about the very next entry.
    this.#view.setUint16(this.#usedEvent, start, true);
    this.#view.setUint16(this.#availEvent, start, true);
  }

  get free(): number {
    return this.#table.free;
  }
  get outstanding(): number {
    return this.#available + this.#added;
  }
  get availPosition(): number {
    return this.#availIdx;
  }
  get usedPosition(): number {
    return this.#usedIdx;
  }
  /** The used index that the device has published (section 2.6.8). */
  usedIndex(): number {
    return this.#view.getUint16(this.#used + SPLIT_USED.idx, true);
  }

  /** Sections 2.6.13.1 and 2.6.13.2; indirect tables: 2.6.5.3. */
  add(elements: readonly Element[], options?: AddOptions): number {
    const breach = options?.breach === true;
    checkElements(elements, breach);
    const direct = directCount(elements, options, this.config.memory.size);
    const total = elements.length;
    const need = direct === total ? total : direct + 1;
    if (total > this.#num && need <= this.#num && !breach) {
      throw new DriverRingError(
        'breach',
        `a chain of ${total} is longer than the queue of ${this.#num} (section 2.6.5.3.1); pass breach to do it anyway`,
      );
    }
    if (need > this.#table.free) throw ringFull(need, this.#table.free);
    const head = this.#table.write(elements, direct, options);
    this.#state[head] = ADDED;
    this.#tokens[head] = options?.token;
    const at = (this.#availIdx + this.#added) & this.#mask;
    this.#view.setUint16(this.#avail + SPLIT_AVAIL.ring + at * SPLIT_AVAIL.entrySize, head, true);
    this.#addedHeads[this.#added++] = head;
    return head;
  }

  /** Section 2.6.13.3. */
  publish(): void {
    const added = this.#added;
    if (added === 0) return;
    for (let i = 0; i < added; i++) {
      const head = this.#addedHeads[i];
      this.#state[head] = AVAILABLE;
      if (this.#order !== null) this.#order.push(head);
    }
    this.#added = 0;
    this.#available += added;
    this.#unchecked += added;
    this.#availIdx = (this.#availIdx + added) & 0xffff;
    this.#view.setUint16(this.#avail + SPLIT_AVAIL.idx, this.#availIdx, true);
  }

  /** Section 2.6.10.1. */
  kickNeeded(): boolean {
    const published = this.#unchecked;
    if (published === 0) return false;
    this.#unchecked = 0;
    if (!this.#eventIdx) {
      return (this.#view.getUint16(this.#used + SPLIT_USED.flags, true) & USED_F_NO_NOTIFY) === 0;
    }
    const event = this.#view.getUint16(this.#availEvent, true);
    return ((this.#availIdx - event - 1) & 0xffff) < published;
  }

  notificationData(): number {
    return (this.#availIdx << 16) >>> 0;
  }

  /** Sections 2.6.14 and, for batches, 2.6.9. */
  poll(): UsedBuffer | null {
    if (this.#batchEnd >= 0) return this.#nextOfBatch();
    const view = this.#view;
    const idx = view.getUint16(this.#used + SPLIT_USED.idx, true);
    const pending = (idx - this.#usedIdx) & 0xffff;
    if (pending === 0) return null;
    const at = this.#used + SPLIT_USED.ring + (this.#usedIdx & this.#mask) * SPLIT_USED.entrySize;
    const id = view.getUint32(at + SPLIT_USED.entryId, true);
    const len = view.getUint32(at + SPLIT_USED.entryLen, true);
    if (this.#available === 0 || pending > this.#num) {
      this.#usedIdx = idx;
      return unknownBuffer(id, len, 'index');
    }
    if (id >= this.#num || this.#state[id] !== AVAILABLE) {
      this.#usedIdx = (this.#usedIdx + 1) & 0xffff;
      return unknownBuffer(id, len, 'id');
    }
    let fault: UsedFault | undefined;
    if (this.#inOrder && id !== this.#order!.first) {
      let size = 1;
      for (let head = this.#order!.first; head !== id && size <= pending; head = this.#order!.after(head))
        size++;
      if (size <= pending) {
        this.#usedIdx = (this.#usedIdx + size) & 0xffff;
        this.#batchEnd = id;
        this.#batchLen = len;
        return this.#nextOfBatch();
      }
      fault = 'order';
    }
    this.#usedIdx = (this.#usedIdx + 1) & 0xffff;
    return this.#release(id, len, fault);
  }

  /** Section 2.6.7.1: with EVENT_IDX `flags` stays 0 and `used_event` alone decides. */
  setInterrupts(mode: InterruptMode): void {
    const view = this.#view;
    if (!this.#eventIdx) {
      if (mode.mode === 'event') throw noEventIdx();
      view.setUint16(
        this.#avail + SPLIT_AVAIL.flags,
        mode.mode === 'enable' ? 0 : AVAIL_F_NO_INTERRUPT,
        true,
      );
      return;
    }
    // "None" is the index that is farthest ahead: the one just passed.
    const at = mode.mode === 'event' ? mode.at : mode.mode === 'enable' ? this.#usedIdx : this.#usedIdx - 1;
    if (mode.mode === 'event' && at !== (at & 0xffff)) {
      throw new DriverRingError('bad-mode', `used_event ${at} is not 16 bits wide`);
    }
    view.setUint16(this.#usedEvent, at, true);
  }

  armInterrupts(): void {
    this.setInterrupts({ mode: 'enable' });
  }

  #nextOfBatch(): UsedBuffer {
    const head = this.#order!.first;
    if (head !== this.#batchEnd) return this.#release(head, undefined, undefined);
    this.#batchEnd = -1;
    return this.#release(head, this.#batchLen, undefined);
  }

  #release(head: number, len: number | undefined, fault: UsedFault | undefined): UsedBuffer {
    const token = this.#tokens[head];
    this.#tokens[head] = undefined;
    this.#state[head] = FREE;
    this.#available--;
    if (this.#order !== null) this.#order.remove(head);
    this.#table.release(head);
    return { id: head, len, token, known: true, writeFlag: undefined, fault };
  }
}
