import type { MemoryExchange, Stretch } from '../../framework/memory/exchange.ts';
import {
  AVAIL_F_NO_INTERRUPT,
  DESC_F,
  EVENT_FLAGS,
  PACKED_EVENT,
} from '../../specs/virtio-1.1/ring-layout.ts';
import type { SessionQueue } from './queues.ts';
import type { Session } from './session.ts';

/** Emits one store as the history has it: place, size, value. */
export type Emit = (pa: number, n: number, v?: number | number[]) => void;

/**
 * What the comparison of memory needs to know about one queue: which stores of the device expose others, in
 * which order they must have been made, and what the device still owes.
 */
export abstract class ComparedQueue {
  readonly queue: SessionQueue;
  protected readonly session: Session;
  protected readonly exchange: MemoryExchange;
  protected readonly inOrder: boolean;
  protected readonly eventIdx: boolean;
  /** Ids of buffers that are available and not used, in the order in which they became available. */
  protected readonly live: number[] = [];
  /** A notification is due for something that was used. */
  owed = false;

  constructor(session: Session, exchange: MemoryExchange, queue: SessionQueue) {
    this.session = session;
    this.exchange = exchange;
    this.queue = queue;
    this.inOrder = session.has('VIRTIO_F_IN_ORDER');
    this.eventIdx = session.has('VIRTIO_F_EVENT_IDX');
  }

  /** The buffer with this head or Buffer ID became available. */
  published(id: number): void {
    this.live.push(id);
  }

  /** Buffers that the device holds. */
  get outstanding(): number {
    return this.live.length;
  }

  /** Whether `pa` lies in an area that {@link stores} accounts for. */
  abstract owns(pa: number): boolean;
  /** Read what exposes other stores, before memory is looked at. */
  abstract readEarly(): void;
  /** Put the early readings into the picture. */
  abstract pin(): void;
  /** Emit the stores to the areas of this queue, in the order in which a right device makes them. */
  abstract stores(emit: Emit): void;
  /** Where all words lie of which {@link exposes} is true. */
  abstract exposing(): Stretch;
  /** Whether the driver's word at `pa` exposes others, and so is handed over last. */
  abstract exposes(pa: number): boolean;
  /** How late among such words: those with lower numbers first. */
  abstract rank(pa: number): number;

  /** The device used the buffer `id`, and with IN_ORDER all that are older. */
  protected used(id: number): void {
    const at = this.live.indexOf(id);
    if (at >= 0) this.live.splice(this.inOrder ? 0 : at, this.inOrder ? at + 1 : 1);
  }

  /** The driver's own word, as it stands. */
  protected driverHalf(pa: number): number {
    return this.session.memory.host.view.getUint16(pa, true);
  }
}

/** Sections 2.6.8 and 2.6.10: elements first, then the index. */
export class ComparedSplit extends ComparedQueue {
  #early = 0;

  owns(pa: number): boolean {
    const { device } = this.queue.areas;
    return pa >= device.pa && pa < device.pa + device.size;
  }

  readEarly(): void {
    this.#early = this.exchange.early(this.queue.areas.device.pa + 2);
  }

  pin(): void {
    this.exchange.pin(this.queue.areas.device.pa + 2, this.#early);
  }

  stores(emit: Emit): void {
    const { exchange } = this;
    const { pa, size } = this.queue.areas.device;
    const { num } = this.queue;
    if (!exchange.changed(pa, pa + size)) return;
    const { view, seenView } = exchange;
    const [from, to] = [seenView.getUint16(pa + 2, true), view.getUint16(pa + 2, true)];
    const count = (to - from) & 0xffff;
    const element = (slot: number) => {
      const at = pa + 4 + 8 * slot;
      emit(at, 8, [view.getUint32(at, true), view.getUint32(at + 4, true)]);
    };
    if (exchange.changed(pa, pa + 2)) emit(pa, 2, view.getUint16(pa, true));
    const covered = new Set<number>();
    for (let i = 0; i < count && i < num; i++) covered.add((from + i) % num);
    for (let slot = 0; slot < num; slot++) {
      const at = pa + 4 + 8 * slot;
      if (!covered.has(slot) && exchange.changed(at, at + 8)) element(slot);
    }
    // What the index covers was stored, also where it is what stood there before.
    for (const slot of covered) element(slot);
    const tail = pa + 4 + 8 * num;
    if (exchange.changed(tail, tail + 2)) emit(tail, 2, view.getUint16(tail, true));
    if (count > 0) {
      emit(pa + 2, 2, to);
      for (const slot of covered) this.used(view.getUint32(pa + 4 + 8 * slot, true));
      this.#owe(from, to);
    }
    exchange.take(pa, pa + size);
  }

  #owe(from: number, to: number): void {
    const { driver } = this.queue.areas;
    if (!this.eventIdx) this.owed ||= (this.driverHalf(driver.pa) & AVAIL_F_NO_INTERRUPT) === 0;
    else {
      const event = this.driverHalf(driver.pa + 4 + 2 * this.queue.num);
      this.owed ||= ((to - event - 1) & 0xffff) < ((to - from) & 0xffff);
    }
  }

  exposing(): Stretch {
    const { pa } = this.queue.areas.driver;
    return { start: pa, end: pa + 4 };
  }

  exposes(pa: number): boolean {
    return pa === this.queue.areas.driver.pa + 2;
  }
  rank(): number {
    return 0;
  }
}

const USED_BITS = DESC_F.AVAIL | DESC_F.USED;

/** Sections 2.7.1 to 2.7.10: what a used descriptor says first, then its flags. */
export class ComparedPacked extends ComparedQueue {
  readonly #early: Uint16Array;

  constructor(session: Session, exchange: MemoryExchange, queue: SessionQueue) {
    super(session, exchange, queue);
    this.#early = new Uint16Array(queue.num);
  }

  owns(pa: number): boolean {
    const { desc, device } = this.queue.areas;
    return (pa >= desc.pa && pa < desc.pa + desc.size) || (pa >= device.pa && pa < device.pa + device.size);
  }

  readEarly(): void {
    const { pa } = this.queue.areas.desc;
    for (let slot = 0; slot < this.queue.num; slot++)
      this.#early[slot] = this.exchange.early(pa + 16 * slot + 14);
  }

  pin(): void {
    const { pa } = this.queue.areas.desc;
    for (let slot = 0; slot < this.queue.num; slot++)
      this.exchange.pin(pa + 16 * slot + 14, this.#early[slot]);
  }

  stores(emit: Emit): void {
    const { exchange } = this;
    const { desc, device } = this.queue.areas;
    const { num } = this.queue;
    if (exchange.changed(device.pa, device.pa + 4)) {
      for (const at of [device.pa, device.pa + 2])
        if (exchange.changed(at, at + 2)) emit(at, 2, exchange.view.getUint16(at, true));
      exchange.take(device.pa, device.pa + 4);
    }
    if (!exchange.changed(desc.pa, desc.pa + 16 * num)) return;
    const first = this.queue.ring.usedPosition & PACKED_EVENT.offsetMask;
    for (let i = 0; i < num; i++) this.#slot((first + i) % num, emit);
  }

  #slot(slot: number, emit: Emit): void {
    const { exchange } = this;
    const at = this.queue.areas.desc.pa + 16 * slot;
    if (!exchange.changed(at, at + 16)) return;
    const { view } = exchange;
    const word = (offset: number): number => view.getUint32(at + offset, true);
    if (exchange.changed(at, at + 8)) emit(at, 8, [word(0), word(4)]);
    if (exchange.changed(at + 14, at + 16)) {
      emit(at + 8, 8, [word(8), word(12)]);
      const flags = view.getUint16(at + 14, true);
      if ((flags & USED_BITS) === 0 || (flags & USED_BITS) === USED_BITS) {
        this.used(word(12) & 0xffff);
        this.#owe(slot, (flags & DESC_F.USED) === 0 ? 0 : 1);
      }
    } else {
      if (exchange.changed(at + 8, at + 12)) emit(at + 8, 4, word(8));
      if (exchange.changed(at + 12, at + 14)) emit(at + 12, 2, view.getUint16(at + 12, true));
    }
    exchange.take(at, at + 16);
  }

  #owe(slot: number, wrap: number): void {
    const { pa } = this.queue.areas.driver;
    const flags = this.driverHalf(pa + PACKED_EVENT.flags) & EVENT_FLAGS.MASK;
    if (flags === EVENT_FLAGS.ENABLE) this.owed = true;
    else if (flags === EVENT_FLAGS.DESC) {
      const place = this.driverHalf(pa + PACKED_EVENT.desc);
      this.owed ||= (place & PACKED_EVENT.offsetMask) === slot && place >>> 15 === wrap;
    }
  }

  exposing(): Stretch {
    const { pa, size } = this.queue.areas.desc;
    return { start: pa, end: pa + size };
  }

  exposes(pa: number): boolean {
    const offset = pa - this.queue.areas.desc.pa;
    return offset >= 0 && offset < 16 * this.queue.num && offset % 16 === 14;
  }

  /** The descriptor that was made available last comes first. */
  rank(pa: number): number {
    const slot = (pa - this.queue.areas.desc.pa - 14) / 16;
    const next = this.queue.ring.availPosition & PACKED_EVENT.offsetMask;
    return (next - slot - 1 + this.queue.num) % this.queue.num;
  }
}
