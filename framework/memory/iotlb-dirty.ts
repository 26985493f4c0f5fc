import { ERRNO, type Iova } from '../device.ts';
import { DIRTY_PAGE, type DirtyLog, type DirtyTracking, pagesOf } from './dirty.ts';
import { type DevicePort, EPOCH } from './host-memory.ts';
import { DmaView, type Iotlb } from './iotlb.ts';

/**
 * Dirty page tracking by the writes that pass an IOTLB: whatever a device stores through a {@link TrackedDmaView}
 * is marked page by page, buffers and rings alike. Pages are those of `table`; a store through another address
 * space marks every page of `table` that leads to the same memory.
 */
export class IotlbDirtyTracking implements DirtyTracking {
  readonly #table: Iotlb;
  #log: DirtyLog | null = null;

  constructor(table: Iotlb) {
    this.#table = table;
  }

  /** Whether stores are marked now. */
  get on(): boolean {
    return this.#log !== null;
  }

  start(log: DirtyLog): number {
    if (this.#log !== null) return -ERRNO.EBUSY;
    const size = log.bytes.length;
    if (size === 0 || size % DIRTY_PAGE !== 0 || log.addr % DIRTY_PAGE !== 0) return -ERRNO.EINVAL;
    this.#log = log;
    EPOCH.now++; // areas that were reached in place are translated one by one from here on
    return 0;
  }

  stop(): number {
    this.#log = null;
    EPOCH.now++;
    return 0;
  }

  /** `length` bytes at `iova` were stored through `table`; the first of them lies at `pa`. */
  stored(table: Iotlb, iova: Iova, length: number): void {
    if (this.#log === null || length === 0) return;
    if (table === this.#table) {
      this.mark(iova, length);
      return;
    }
    for (let done = 0; done < length; ) {
      const entry = table.find(iova + done);
      if (entry === undefined) return;
      const pa = entry.addr + (iova + done - entry.iova);
      const piece = Math.min(length - done, entry.iova + entry.size - (iova + done));
      for (const { addr, size, iova: first } of this.#table.entries) {
        const from = Math.max(pa, addr);
        const end = Math.min(pa + piece, addr + size);
        if (from < end) this.mark(first + from - addr, end - from);
      }
      done += piece;
    }
  }

  /** Set the bits of the pages of a range; pages that the log has no bit for are left out, as in the vhost log. */
  mark(iova: Iova, length: number): void {
    const bytes = this.#log?.bytes;
    if (bytes === undefined) return;
    const { first, last } = pagesOf(iova, length);
    for (let page = first; page <= last && page < bytes.length * 8; page++)
      bytes[Math.floor(page / 8)] |= 1 << (page % 8);
  }
}

/** A view whose stores are told to dirty tracking, once they are in memory. */
export class TrackedDmaView extends DmaView {
  readonly #tracking: IotlbDirtyTracking;

  constructor(port: DevicePort, table: Iotlb, tracking: IotlbDirtyTracking) {
    super(port, table);
    this.#tracking = tracking;
  }

  override put8(iova: Iova, value: number): void {
    super.put8(iova, value);
    this.#tracking.stored(this.table, iova, 1);
  }
  override put16(iova: Iova, value: number): void {
    super.put16(iova, value);
    this.#tracking.stored(this.table, iova, 2);
  }
  override put32(iova: Iova, value: number): void {
    super.put32(iova, value);
    this.#tracking.stored(this.table, iova, 4);
  }
  override put32x2(iova: Iova, low: number, high: number): void {
    super.put32x2(iova, low, high);
    this.#tracking.stored(this.table, iova, 8);
  }
  override store(iova: Iova, from: Uint8Array, at = 0, length: number = from.length - at): void {
    super.store(iova, from, at, length);
    this.#tracking.stored(this.table, iova, length);
  }

  /** Nothing is reached in place while stores are marked. */
  override locate(iova: Iova, length: number, align: number): number {
    return this.#tracking.on ? -1 : super.locate(iova, length, align);
  }
}
