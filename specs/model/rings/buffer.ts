import type { AddEvent } from '../events.ts';

/** A buffer as the watch follows it. */
export class WatchedBuffer {
  readonly event: AddEvent;
  /** `added`: not available yet; `live`: the device may work on it; `used`: it is the driver's again. */
  state: 'added' | 'live' | 'used' = 'added';
  readonly writable: number;
  /** Bytes stored without a gap from the first writable byte on. */
  covered = 0;
  #gaps: [number, number][] = [];

  constructor(event: AddEvent) {
    this.event = event;
    this.writable = event.w.reduce((sum, [, , n]) => sum + n, 0);
  }

  /** Offset into the writable bytes if [pa, pa + n) lies within one writable element, else −1. */
  writableAt(pa: number, n: number): number {
    let before = 0;
    for (const [, start, length] of this.event.w) {
      if (pa >= start && pa + n <= start + length) return before + pa - start;
      before += length;
    }
    return -1;
  }

  /** Whether the range touches a device-readable element or the indirect table. */
  touchesReadable(pa: number, n: number): boolean {
    const { r, table } = this.event;
    const touches = ([, start, length]: readonly [number, number, number]) =>
      pa < start + length && pa + n > start;
    return r.some(touches) || (table !== undefined && touches(table));
  }

  touchesWritable(pa: number, n: number): boolean {
    return this.event.w.some(([, start, length]) => pa < start + length && pa + n > start);
  }

  /** Note a store of `n` bytes at offset `at` of the writable bytes. */
  cover(at: number, n: number): void {
    if (at > this.covered) {
      this.#gaps.push([at, at + n]);
      return;
    }
    this.covered = Math.max(this.covered, at + n);
    for (let joined = true; joined && this.#gaps.length > 0; ) {
      joined = false;
      this.#gaps = this.#gaps.filter(([start, end]) => {
        if (start > this.covered) return true;
        this.covered = Math.max(this.covered, end);
        joined = true;
        return false;
      });
    }
  }
}
