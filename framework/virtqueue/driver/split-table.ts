import { DESC_F, DESC_SIZE, SPLIT_DESC } from '../../../specs/virtio-1.1/ring-layout.ts';
import { IndexQueue } from './index-queue.ts';
import { type AddOptions, DriverRingError, type Element } from './ring.ts';

/**
 * The driver's hold on a descriptor table (section 2.6.5): which slots are free, how taken ones are chained,
 * and the writing of chains.
 *
 * Slots are taken in table order and come back at the end of the free list: as long as buffers complete in
 * order, chains use consecutive slots that wrap at the end of the table, as VIRTIO_F_IN_ORDER demands.
 */
export class SplitTable {
  readonly #view: DataView;
  readonly #pa: number;
  readonly #num: number;
  /** Free slots; it also keeps how the slots of taken chains follow each other, out of reach of the device. */
  readonly #free: IndexQueue;
  /** By head: descriptors in the chain and the last one's slot. */
  readonly #count: Uint16Array;
  readonly #tail: Uint16Array;

  constructor(view: DataView, pa: number, num: number) {
    this.#view = view;
    this.#pa = pa;
    this.#num = num;
    this.#free = new IndexQueue(num);
    for (let slot = 0; slot < num; slot++) this.#free.push(slot);
    this.#count = new Uint16Array(num);
    this.#tail = new Uint16Array(num);
  }

  /** Free slots. */
  get free(): number {
    return this.#free.size;
  }

  /**
   * Write one chain (sections 2.6.13.1 and 2.6.5.3.2): `direct` elements in slots of their own, what is left
   * behind one slot that refers to the indirect table. Returns the head.
   */
  write(elements: readonly Element[], direct: number, options: AddOptions | undefined): number {
    const need = direct === elements.length ? direct : direct + 1;
    const free = this.#free;
    const slots = options?.slots;
    if (slots !== undefined) this.#claim(slots, need);
    const head = slots === undefined ? free.first : slots[0];
    let slot = head;
    let tail = head;
    for (let i = 0; i < need; i++) {
      tail = slot;
      if (slots === undefined) free.shift();
      const next = free.after(slot);
      const last = i + 1 === need;
      const at = this.#pa + slot * DESC_SIZE;
      if (i < direct) {
        const { iova, len, write } = elements[i];
        const flags = (write ? DESC_F.WRITE : 0) | (last ? 0 : DESC_F.NEXT);
        this.#put(at, iova, len, flags, last ? 0 : next);
      } else {
        const { table } = options!.indirect!;
        const flags = options!.indirectWriteFlag === true ? DESC_F.INDIRECT | DESC_F.WRITE : DESC_F.INDIRECT;
        this.#put(at, table.iova, (elements.length - direct) * DESC_SIZE, flags, 0);
        this.#putIndirect(table.pa, elements, direct);
      }
      slot = next;
    }
    this.#count[head] = need;
    this.#tail[head] = tail;
    return head;
  }

  /** Take the slots of the chain at `head` back. */
  release(head: number): void {
    this.#free.append(head, this.#tail[head], this.#count[head]);
  }

  /** Entries of a table follow each other, `next` counts up from 1 (section 2.6.5.3.1). */
  #putIndirect(pa: number, elements: readonly Element[], from: number): void {
    const count = elements.length - from;
    for (let i = 0; i < count; i++) {
      const { iova, len, write } = elements[from + i];
      const last = i + 1 === count;
      const flags = (write ? DESC_F.WRITE : 0) | (last ? 0 : DESC_F.NEXT);
      this.#put(pa + i * DESC_SIZE, iova, len, flags, last ? 0 : i + 1);
    }
  }

  #put(at: number, iova: number, len: number, flags: number, next: number): void {
    const view = this.#view;
    view.setUint32(at + SPLIT_DESC.addr, iova >>> 0, true);
    view.setUint32(at + SPLIT_DESC.addr + 4, iova / 0x1_0000_0000, true);
    view.setUint32(at + SPLIT_DESC.len, len, true);
    view.setUint16(at + SPLIT_DESC.flags, flags, true);
    view.setUint16(at + SPLIT_DESC.next, next, true);
  }

  /** Take the slots that the caller chose out of the free list and link them, or none of them. */
  #claim(slots: readonly number[], need: number): void {
    if (slots.length !== need) {
      throw new DriverRingError('bad-slots', `${slots.length} slots named, the buffer needs ${need}`);
    }
    for (let i = 0; i < need; i++) {
      const slot = slots[i];
      let why = '';
      if (!Number.isInteger(slot) || slot < 0 || slot >= this.#num)
        why = `is outside a table of ${this.#num}`;
      else if (!this.#free.has(slot)) why = 'is in use';
      else if (slots.indexOf(slot) !== i) why = 'is named twice';
      if (why !== '') throw new DriverRingError('bad-slots', `descriptor table slot ${slot} ${why}`);
    }
    for (const slot of slots) this.#free.remove(slot);
    for (let i = 0; i + 1 < need; i++) this.#free.link(slots[i], slots[i + 1]);
  }
}
