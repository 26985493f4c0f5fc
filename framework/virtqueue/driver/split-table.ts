import { DESC_F, DESC_SIZE, SPLIT_DESC } from '../../../specs/virtio-1.1/ring-layout.ts';
import { type HostMemory, LITTLE_ENDIAN } from '../../memory/host-memory.ts';
import { NEXT, WRITE } from '../constants.ts';
import { badElement, noElement, readableTooLate } from './elements.ts';
import { zeroedInts } from './int-slab.ts';
import { type AddOptions, DriverRingError, type Element } from './ring.ts';

/**
 * The driver's hold on a descriptor table (section 2.6.5): the queue of free slots, how taken ones are
 * chained, and the writing of chains.
 *
 * Slots are taken in table order and come back at the end of the free list: as long as buffers complete in
 * order, chains use consecutive slots that wrap at the end of the table, as VIRTIO_F_IN_ORDER demands.
 */
export class SplitTable {
  private readonly view: DataView;
  private readonly words: Uint32Array;
  private readonly pa: number;
  private readonly num: number;
  private readonly mask: number;
  /** Index of the table in `words`, or -1 when it cannot be written as words. */
  private readonly base: number;
  /**
   * What the driver knows, out of reach of the device, four numbers a slot: [0] the slot that follows in its
   * chain; of a head also [1] the number of descriptors, 0 if no chain starts here, [2] the turn that the
   * caller gave the chain. [3] is the ring of free slots. In one array, as each further one costs much.
   */
  private readonly notes: Int32Array;
  /** Where the ring of free slots begins and ends; both count on, modulo 2^32. */
  private taken = 0;
  private returned: number;

  /** @param num A power of two. */
  constructor(memory: HostMemory, pa: number, num: number) {
    this.view = memory.view;
    this.words = memory.words;
    this.pa = pa;
    this.num = num;
    this.mask = num - 1;
    this.base = LITTLE_ENDIAN && (pa & 3) === 0 ? pa >> 2 : -1;
    this.notes = zeroedInts(4 * num);
    this.returned = num;
    for (let slot = 0; slot < num; slot++) this.notes[(slot << 2) + 3] = slot;
  }

  /** Free slots. */
  get size(): number {
    return (this.returned - this.taken) | 0;
  }

  /** Descriptors that {@link writeDirect} can write. */
  get room(): number {
    return this.base >= 0 ? this.size : 0;
  }

  /**
   * Write a chain of descriptors in free slots (section 2.6.13.1). Returns the head. Elements are checked on
   * the way: what a refused buffer leaves in slots that stay free does not matter.
   */
  writeDirect(elements: readonly Element[], turn: number): number {
    const { words, base, notes, mask } = this;
    const need = elements.length;
    let taken = this.taken;
    const head = notes[((taken & mask) << 2) + 3];
    let slot = head;
    let writable = false;
    for (let i = 0; i < need; i++) {
      const { iova, len, write } = elements[i];
      if (!(iova >= 0 && iova < 0x20_0000_0000_0000) || len >>> 0 !== len) throw badElement(i, iova, len);
      let flags = 0;
      if (write === true) {
        writable = true;
        flags = WRITE;
      } else if (writable) throw readableTooLate(i);
      const at = base + (slot << 2);
      words[at] = iova;
      words[at + 1] = iova / 0x1_0000_0000;
      words[at + 2] = len;
      taken = (taken + 1) | 0;
      if (i + 1 < need) {
        const next = notes[((taken & mask) << 2) + 3];
        notes[slot << 2] = next;
        flags |= NEXT | (next << 16);
        slot = next;
      }
      words[at + 3] = flags;
    }
    if (need === 0) throw noElement();
    this.taken = taken;
    this.note(head, need, turn);
    return head;
  }

  /** The same for a single element, which most buffers are. */
  writeOne(element: Element, turn: number): number {
    const { words, notes, taken } = this;
    const { iova, len } = element;
    if (!(iova >= 0 && iova < 0x20_0000_0000_0000) || len >>> 0 !== len) throw badElement(0, iova, len);
    const head = notes[((taken & this.mask) << 2) + 3];
    const at = this.base + (head << 2);
    words[at] = iova;
    words[at + 1] = iova / 0x1_0000_0000;
    words[at + 2] = len;
    words[at + 3] = element.write === true ? WRITE : 0;
    this.taken = (taken + 1) | 0;
    this.note(head, 1, turn);
    return head;
  }

  private note(head: number, count: number, turn: number): void {
    const { notes } = this;
    const at = head << 2;
    notes[at + 1] = count;
    notes[at + 2] = turn;
  }

  /** Whether a chain starts at `head`, and its turn is none of the `count` from `first` on. */
  holds(head: number, first: number, count: number): boolean {
    const { notes } = this;
    const at = head << 2;
    // Both sides unsigned: otherwise V8 compares as floating point.
    return notes[at + 1] !== 0 && (notes[at + 2] - first) >>> 0 >= count >>> 0;
  }

  /**
   * Write one chain (sections 2.6.13.1 and 2.6.5.3.2): `direct` elements in slots of their own, what is left
   * behind one slot that refers to the indirect table. Returns the head.
   */
  write(elements: readonly Element[], direct: number, options: AddOptions | undefined, turn: number): number {
    const need = direct === elements.length ? direct : direct + 1;
    const slots = options?.slots;
    if (slots !== undefined) this.claim(slots, need);
    const head = slots === undefined ? this.nth(0) : slots[0];
    let slot = head;
    if (slots === undefined) this.taken = (this.taken + need) | 0;
    for (let i = 0; i < need; i++) {
      const last = i + 1 === need;
      const next = last ? 0 : slots === undefined ? this.nth(i + 1 - need) : slots[i + 1];
      this.notes[slot << 2] = next;
      const at = this.pa + slot * DESC_SIZE;
      if (i < direct) {
        const { iova, len, write } = elements[i];
        const flags = (write === true ? WRITE : 0) | (last ? 0 : NEXT);
        this.put(at, iova, len, flags, last ? 0 : next);
      } else {
        const { table } = options!.indirect!;
        const flags = options!.indirectWriteFlag === true ? DESC_F.INDIRECT | DESC_F.WRITE : DESC_F.INDIRECT;
        this.put(at, table.iova, (elements.length - direct) * DESC_SIZE, flags, 0);
        this.putIndirect(table.pa, elements, direct);
      }
      slot = next;
    }
    this.note(head, need, turn);
    return head;
  }

  /** Take the slots of the chain at `head` back. */
  release(head: number): void {
    const { notes, mask } = this;
    let { returned } = this;
    let slot = head;
    for (let left = notes[(head << 2) + 1]; left > 0; left--) {
      notes[((returned & mask) << 2) + 3] = slot;
      slot = notes[slot << 2];
      returned = (returned + 1) | 0;
    }
    this.returned = returned;
    notes[(head << 2) + 1] = 0;
  }

  /** Entries of a table follow each other, `next` counts up from 1 (section 2.6.5.3.1). */
  private putIndirect(pa: number, elements: readonly Element[], from: number): void {
    const count = elements.length - from;
    for (let i = 0; i < count; i++) {
      const { iova, len, write } = elements[from + i];
      const last = i + 1 === count;
      const flags = (write === true ? WRITE : 0) | (last ? 0 : NEXT);
      this.put(pa + i * DESC_SIZE, iova, len, flags, last ? 0 : i + 1);
    }
  }

  private put(at: number, iova: number, len: number, flags: number, next: number): void {
    const view = this.view;
    view.setUint32(at + SPLIT_DESC.addr, iova >>> 0, true);
    view.setUint32(at + SPLIT_DESC.addr + 4, iova / 0x1_0000_0000, true);
    view.setUint32(at + SPLIT_DESC.len, len, true);
    view.setUint16(at + SPLIT_DESC.flags, flags, true);
    view.setUint16(at + SPLIT_DESC.next, next, true);
  }

  /** Take the slots that the caller chose out of the free list and link them, or none of them. */
  private claim(slots: readonly number[], need: number): void {
    if (slots.length !== need) {
      throw new DriverRingError('bad-slots', `${slots.length} slots named, the buffer needs ${need}`);
    }
    for (let i = 0; i < need; i++) {
      const slot = slots[i];
      let why = '';
      if (!Number.isInteger(slot) || slot < 0 || slot >= this.num) why = `is outside a table of ${this.num}`;
      else if (this.placeOf(slot) < 0) why = 'is in use';
      else if (slots.indexOf(slot) !== i) why = 'is named twice';
      if (why !== '') throw new DriverRingError('bad-slots', `descriptor table slot ${slot} ${why}`);
    }
    for (const slot of slots) this.remove(this.placeOf(slot));
  }

  /** The free slot that is `place` behind the first one, or before it if that was taken just now. */
  private nth(place: number): number {
    return this.notes[(((this.taken + place) & this.mask) << 2) + 3];
  }

  /** How many free slots come before `slot`, or -1 when it is in use. */
  private placeOf(slot: number): number {
    for (let place = 0; place < this.size; place++) if (this.nth(place) === slot) return place;
    return -1;
  }

  /** Take the free slot at `place` out of the queue; those before it move up. */
  private remove(place: number): void {
    for (let i = place; i > 0; i--) this.notes[(((this.taken + i) & this.mask) << 2) + 3] = this.nth(i - 1);
    this.taken = (this.taken + 1) | 0;
  }
}
