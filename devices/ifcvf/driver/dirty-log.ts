import { ERRNO, type Iova, PERM } from '../../../framework/device.ts';
import { DIRTY_PAGE, type DirtyLog, type DirtyTracking, pagesOf } from '../../../framework/memory/dirty.ts';
import { packedAreaSizes } from '../../../specs/virtio-1.1/ring-layout.ts';
import type { IfcvfHardware } from './hardware.ts';

/** Where the log is mapped for the device. */
const LOG_IOVA = 0x1000_0000_0000;
const CONTROL = 0x00;
const BASE = 0x10;
const END = 0x18;
const LOG_BY_VF = 1;

/** What the device writes of a ring, as far as the hardware does not log it. */
export interface RunningRing {
  readonly num: number;
  readonly areas: readonly [desc: Iova, driver: Iova, device: Iova];
  readonly packed: boolean;
}

/**
 * Dirty page tracking by hardware: the device marks data buffers in a log that is mapped for it; the rings that
 * ran meanwhile are marked by software when the queues or the logging stop.
 */
export class IfcvfDirtyTracking implements DirtyTracking {
  readonly #hardware: IfcvfHardware;
  readonly #running: () => Iterable<RunningRing>;
  #log: DirtyLog | null = null;

  constructor(hardware: IfcvfHardware, running: () => Iterable<RunningRing>) {
    this.#hardware = hardware;
    this.#running = running;
  }

  start(log: DirtyLog): number {
    if (this.#log !== null) return -ERRNO.EBUSY;
    const size = log.bytes.length;
    if (size === 0 || size % DIRTY_PAGE !== 0 || log.addr % DIRTY_PAGE !== 0) return -ERRNO.EINVAL;
    const mapped = this.#hardware.access.dma.map(LOG_IOVA, size, log.addr, PERM.RW);
    if (mapped < 0) return mapped;
    this.#log = log;
    this.#write64(BASE, LOG_IOVA);
    this.#write64(END, LOG_IOVA + size);
    this.#hardware.writeMigration(CONTROL, 4, LOG_BY_VF);
    return 0;
  }

  stop(): number {
    const log = this.#log;
    if (log === null) return 0;
    this.#hardware.writeMigration(CONTROL, 4, 0);
    for (const ring of this.#running()) this.markRing(ring);
    this.#log = null;
    return this.#hardware.access.dma.unmap(LOG_IOVA, log.bytes.length);
  }

  /** A ring that ran while logging was on stops, or logging does. */
  markRing({ num, areas: [desc, , device], packed }: RunningRing): void {
    // A driver can make a queue ready that it gave no size.
    if (this.#log === null || num === 0) return;
    if (!packed) {
      this.mark(device, num * 8 + 6);
      return;
    }
    const sizes = packedAreaSizes(num);
    this.mark(desc, sizes.ring);
    this.mark(device, sizes.device);
  }

  /** Mark the pages of a range; those that the log has no bit for are left out, as in the vhost log. */
  mark(iova: Iova, length: number): void {
    const bytes = this.#log?.bytes;
    if (bytes === undefined) return;
    const { first, last } = pagesOf(iova, length);
    for (let page = first; page <= last && page < bytes.length * 8; page++)
      bytes[Math.floor(page / 8)] |= 1 << (page % 8);
  }

  #write64(at: number, value: number): void {
    this.#hardware.writeMigration(at, 4, value >>> 0);
    this.#hardware.writeMigration(at + 4, 4, Math.floor(value / 2 ** 32));
  }
}
