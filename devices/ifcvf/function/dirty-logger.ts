import { DmaFault } from '../../../framework/memory/host-memory.ts';
import { DmaView } from '../../../framework/memory/iotlb.ts';
import type { AccessSize } from '../../../framework/transport/access.ts';
import type { SimulatorDevice } from '../../simulator/core.ts';
import { observeStores } from './store-observer.ts';

/** Control, then base and end of the log as IOVAs, each in two halves. */
const REGISTERS = [0x00, 0x10, 0x14, 0x18, 0x1c];
const [CONTROL, BASE, , END] = REGISTERS;
const PAGE_BITS = 12;

/**
 * Dirty logging of the live-migration region: while it is on, the device marks the pages of the data buffers
 * that it writes, in a bitmap that it reaches by DMA. Stores to the rings are not logged.
 */
export class DirtyLogger {
  readonly #values = new Map<number, number>(REGISTERS.map((at) => [at, 0]));
  readonly #sim: SimulatorDevice;
  readonly #log: DmaView;

  constructor(sim: SimulatorDevice) {
    this.#sim = sim;
    this.#log = new DmaView(sim.port, sim.translation.tables[0]);
    const seen = new WeakSet<DmaView>();
    const { aimViews } = sim;
    sim.aimViews = (queue) => {
      aimViews.call(sim, queue);
      const view = queue.bufferDma!;
      if (!seen.has(view)) observeStores(view, (iova, length) => this.stored(iova, length));
      seen.add(view);
    };
  }

  covers(offset: number, size: AccessSize): boolean {
    return size === 4 && this.#values.has(offset);
  }
  read(offset: number): number {
    return this.#values.get(offset)!;
  }
  write(offset: number, value: number): void {
    this.#values.set(offset, value >>> 0);
  }
  reset(): void {
    for (const at of REGISTERS) this.#values.set(at, 0);
  }

  /** Whether stores are logged now. */
  get on(): boolean {
    return (this.#values.get(CONTROL)! & 1) !== 0;
  }

  /** The device stored `length` bytes at `iova` of a buffer. */
  stored(iova: number, length: number): void {
    if (!this.on) return;
    const last = Math.floor((iova + length - 1) / 2 ** PAGE_BITS);
    for (let page = Math.floor(iova / 2 ** PAGE_BITS); page <= last; page++) this.mark(page);
  }

  /** Set the bit of `page`, if the log has one for it; a log that is out of reach breaks the device. */
  mark(page: number): void {
    const at = this.#address(BASE) + Math.floor(page / 8);
    if (at >= this.#address(END)) return;
    const byte = new Uint8Array(1);
    try {
      this.#log.load(at, 1, byte);
      this.#log.put8(at, byte[0] | (1 << (page % 8)));
    } catch (error) {
      if (!(error instanceof DmaFault)) throw error;
      this.#sim.needsReset('the dirty log is out of reach');
    }
  }

  #address(low: number): number {
    return this.#values.get(low + 4)! * 2 ** 32 + this.#values.get(low)!;
  }
}
