import type { AreaEvent, StoreEvent } from '../events.ts';
import type { WatchedBuffer } from './buffer.ts';

type Range = readonly [start: number, length: number];

/**
 * What the driver has shown to the device as memory that it may write, right or wrong, since the last reset. After a
 * breach the device may do anything within it.
 */
export class Exposure {
  readonly #ranges: Range[] = [];
  /** Where the slots of packed rings point, by queue. */
  readonly #slots = new Map<number, [number, number][]>();
  readonly #buffers: readonly WatchedBuffer[];

  /** @param buffers all of the session; the driver adds to them */
  constructor(buffers: readonly WatchedBuffer[]) {
    this.#buffers = buffers;
  }

  /** Writable elements of descriptors as they stand in a split ring: IOVA, physical address, length. */
  show(writable: readonly (readonly [number, number, number])[]): void {
    for (const [, pa, n] of writable) this.#ranges.push([pa, n]);
  }

  /** Any slot of a packed ring may be taken for an available descriptor, as it stands. */
  showSlots(q: number, at: [number, number][]): void {
    this.#slots.set(q, at);
    for (const [pa, n] of at) if (pa >= 0) this.#ranges.push([pa, n]);
  }

  /** A used descriptor changes the length in a slot, and with it what the slot exposes. */
  slotStored(area: AreaEvent, { pa, n, v }: StoreEvent): void {
    const offset = pa - area.pa;
    const field = offset % 16;
    const words = Array.isArray(v) ? v : [v ?? 0];
    const slot = this.#slots.get(area.q)?.[Math.floor(offset / 16)];
    if (slot === undefined || slot[0] < 0 || field > 8 || field + n < 12) return;
    this.#ranges.push([slot[0], words[(8 - field) / 4] ?? 0]);
  }

  /** Whether [pa, pa + n) lies in one range. */
  covers(pa: number, n: number): boolean {
    const inside = ([start, length]: Range) => pa >= start && pa + n <= start + length;
    return (
      this.#ranges.some(inside) ||
      this.#buffers.some(({ event }) => event.w.some(([, start, length]) => inside([start, length])))
    );
  }

  /** Whether neighbouring ranges cover [pa, pa + n) together. */
  coversJointly(pa: number, n: number): boolean {
    const ranges = [
      ...this.#ranges,
      ...this.#buffers.flatMap(({ event }) => event.w.map(([, start, length]): Range => [start, length])),
    ];
    let at = pa;
    while (at < pa + n) {
      const next = Math.max(...ranges.map(([start, length]) => (at >= start ? start + length : 0)));
      if (!(next > at)) return false;
      at = next;
    }
    return true;
  }
}
