import { DESC_F, EVENT_FLAGS } from '../../virtio-1.1/ring-layout.ts';
import type { AreaEvent, StoreEvent } from '../events.ts';
import type { WatchedBuffer } from './buffer.ts';
import { QueueWatch, type Report } from './queue-watch.ts';

/** What the device has stored into one slot since the driver last made it available. */
interface Slot {
  /** The driver handed it over and has not had it back. */
  handed: boolean;
  /** A used descriptor was seen here and the driver has not reused the slot. */
  consumed: boolean;
  id: number | undefined;
  len: number | undefined;
  flags: number | undefined;
}

const bit = (flags: number, mask: number): number => ((flags & mask) === 0 ? 0 : 1);

/** Follows the descriptor ring of a packed queue store by store (sections 2.7.1 to 2.7.10, 2.7.15). */
export class PackedWatch extends QueueWatch {
  /** Slots that were handed over or stored to; made on first use. */
  readonly #slots: (Slot | undefined)[] = [];
  #next: number;
  #wrap: number;

  constructor(area: AreaEvent, report: Report) {
    super(area, report);
    this.#next = area.start?.index ?? 0;
    this.#wrap = area.start?.wrap ?? 1;
  }

  #at(index: number): Slot {
    let slot = this.#slots[index];
    if (slot === undefined) {
      slot = { handed: false, consumed: false, id: undefined, len: undefined, flags: undefined };
      this.#slots[index] = slot;
    }
    return slot;
  }

  protected published(buffer: WatchedBuffer): void {
    const { at = 0, slots } = buffer.event;
    for (let i = 0; i < slots; i++) {
      const slot = this.#at((at + i) % this.num);
      slot.handed = true;
      slot.consumed = false;
      slot.id = slot.len = slot.flags = undefined;
    }
  }

  stored(area: 'desc' | 'device', offset: number, store: StoreEvent): void {
    if (area === 'device') this.#event(offset, store);
    else this.#descriptor(Math.floor(offset / 16), offset % 16, store);
  }

  settled(): void {
    this.#slots.forEach((slot, i) => {
      if (slot?.flags === undefined || slot.consumed) return;
      this.report(
        'P1.1-008',
        `the next used descriptor stands in slot ${this.#next}`,
        `one was written to slot ${i} (id ${slot.id})`,
      );
      slot.consumed = true;
    });
  }

  #descriptor(index: number, field: number, { n, v }: StoreEvent): void {
    const slot = this.#at(index);
    if (slot.consumed) {
      this.report(
        'V1.1-2.7.15-D3',
        'a used descriptor stays as it is once it is marked used',
        `slot ${index} was stored to again (${n} bytes at +${field})`,
      );
      return;
    }
    if (!slot.handed) {
      this.report(
        'V1.1-2.7.15-D2',
        'only slots of available buffers are stored to',
        `slot ${index} was not available`,
      );
      return;
    }
    const words = Array.isArray(v) ? v : [v as number];
    const end = field + n;
    const word = (at: number): number | undefined => {
      if (at < field || at + 4 > end) return undefined;
      return words[(at - field) / 4];
    };
    if (field <= 8 && end >= 12) slot.len = word(8);
    if (field === 12 && n === 2) slot.id = v as number;
    else if (field === 14 && n === 2) slot.flags = v as number;
    else if (end === 16 && field <= 12) {
      const last = word(12)!;
      slot.id = last & 0xffff;
      slot.flags = last >>> 16;
    }
    this.#consume();
  }

  /** Take used descriptors in ring order as far as they are complete. */
  #consume(): void {
    for (let guard = 0; guard <= this.num; guard++) {
      const slot = this.#at(this.#next);
      if (slot.flags === undefined || slot.consumed) return;
      this.#use(slot);
    }
  }

  #use(slot: Slot): void {
    const index = this.#next;
    const flags = slot.flags!;
    slot.consumed = true;
    this.notifications.publishedPacked({ slot: index, wrap: this.#wrap });
    const avail = bit(flags, DESC_F.AVAIL);
    const used = bit(flags, DESC_F.USED);
    if (avail !== used) {
      this.report(
        'P1.1-003',
        'AVAIL equals USED in a used descriptor',
        `slot ${index}: AVAIL ${avail}, USED ${used}`,
      );
    } else if (used !== this.#wrap) {
      this.report('P1.1-002', `USED is the device wrap counter, ${this.#wrap}`, `slot ${index}: ${used}`);
    }
    const buffer = slot.id === undefined ? undefined : this.live.get(slot.id);
    if (buffer === undefined) {
      const id = slot.id ?? 'left as the driver wrote it';
      this.report('P1.1-001', 'used Buffer IDs are outstanding, each used once', `slot ${index}: id ${id}`);
      this.#advance(1);
      return;
    }
    if ((flags & DESC_F.WRITE) !== 0 && slot.len !== undefined)
      this.judgeLength(buffer, slot.len, 'P1.1-006');
    const batch = this.batchOf(buffer);
    const first = batch[0].event.at;
    if (this.inOrder && first !== undefined && first !== index)
      this.report(
        'V1.1-6.2-D5',
        'buffers are used in the order in which they became available',
        `slot ${index}: id ${slot.id}`,
      );
    const slots = batch.reduce((sum, one) => sum + one.event.slots, 0);
    for (const one of batch) this.release(one);
    this.#advance(slots, index);
  }

  /** Move on by `slots`; those after the used descriptor are the driver's again, untouched. */
  #advance(slots: number, from = this.#next): void {
    for (let i = 1; i < slots; i++) this.#at((from + i) % this.num).handed = false;
    this.#at(from).handed = true;
    this.#next += slots;
    if (this.#next >= this.num) {
      this.#next -= this.num;
      this.#wrap ^= 1;
    }
  }

  #event(offset: number, { n, v }: StoreEvent): void {
    if (offset + n <= 2) return;
    const word = n === 4 ? (v as number) >>> 16 : (v as number);
    const allowed = this.eventIdx ? EVENT_FLAGS.DESC : EVENT_FLAGS.DISABLE;
    if ((offset === 2 && n === 2) || (offset === 0 && n === 4)) {
      if (word <= allowed) return;
      this.report('P1.1-014b', `device event flags are at most ${allowed}`, `the device stored ${word}`);
    }
  }
}
