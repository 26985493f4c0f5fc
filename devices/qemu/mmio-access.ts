import type { IovaWindow } from '../../framework/memory/shared-memory.ts';
import type { AccessSize, DmaWindow, MmioAccess } from '../../framework/transport/access.ts';
import { IOAPIC } from './command-line.ts';
import { identityWindow } from './pci-access.ts';
import type { Qtest } from './qtest.ts';

/** Transports of a microvm: pages of 512 bytes from here on, and interrupt inputs. */
const FIRST_PAGE = 0xfeb0_0000;
const PAGE_SIZE = 0x200;
const PAGES = 24;
const DEVICE_ID = 8;

/** The virtio-mmio device of a microvm, over qtest. */
export class QemuMmioAccess implements MmioAccess {
  readonly kind = 'mmio';
  readonly size = PAGE_SIZE;
  readonly dma: DmaWindow;
  onLine: (() => void) | null = null;
  /** Called before it. */
  onSign: (() => void) | null = null;
  readonly #qtest: Qtest;
  readonly #base: number;
  /** Rises of the line that {@link poll} has told of. */
  #seen = 0;

  /** Looks for the one transport that has a device. @throws Error when there is none */
  constructor(qtest: Qtest, windows: readonly IovaWindow[]) {
    this.#qtest = qtest;
    this.dma = identityWindow(windows);
    const page = Array.from({ length: PAGES }, (_, i) => FIRST_PAGE + i * PAGE_SIZE).find((base) => {
      const id = qtest.read(4, base + DEVICE_ID);
      return id !== 0 && id !== 0xffff_ffff;
    });
    if (page === undefined) throw new Error('no virtio-mmio transport of the machine has a device');
    this.#base = page;
    qtest.intercept(IOAPIC.mmio);
  }

  /** As after power on: what came before belongs to nobody. */
  prepare(): void {
    this.onLine = null;
  }

  read(offset: number, size: AccessSize): number {
    return this.#qtest.read(size, this.#base + offset);
  }
  write(offset: number, size: AccessSize, value: number): void {
    this.#qtest.write(size, this.#base + offset, value);
  }
  readSoon(offset: number, size: AccessSize, take: (value: number) => void): void {
    this.#qtest.readSoon(size, this.#base + offset, take);
  }
  dispatch(): () => void {
    return this.#qtest.dispatch();
  }
  yieldSoon(): void {
    this.#qtest.yieldSoon();
  }
  readMany(places: readonly (readonly [number, AccessSize])[]): number[] {
    return this.#qtest.readMany(places.map(([offset, size]) => [size, this.#base + offset]));
  }
  line(): boolean {
    this.#qtest.turn();
    for (const level of this.#qtest.levels.values()) if (level) return true;
    return false;
  }
  poll(): void {
    if (!this.line()) return;
    // A line that nobody answers stays raised; that is no news.
    if (this.#qtest.raised !== this.#seen) this.onSign?.();
    this.#seen = this.#qtest.raised;
    this.onLine?.();
  }
  /** One turn of QEMU's main loop. */
  pause(): void {
    this.#qtest.turn();
  }
}
