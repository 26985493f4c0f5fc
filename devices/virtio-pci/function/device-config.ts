import type { AccessSize } from '../../../framework/transport/access.ts';
import type { SimulatorDevice } from '../../simulator/core.ts';

/**
 * The device-specific configuration as a transport shows it (section 2.4), with a generation that moves at
 * most once between two readings: however many changes come together, a narrow counter cannot come round.
 */
export class DeviceConfig {
  readonly sim: SimulatorDevice;
  /** Moves; what of it shows is the transport's business. */
  generation = 0;
  #seen = 0;
  #readSince = true;

  constructor(sim: SimulatorDevice) {
    this.sim = sim;
    this.#seen = sim.config.generation;
  }

  get size(): number {
    return this.sim.getConfigSize();
  }

  /** The generation now. */
  readGeneration(): number {
    this.notice();
    return this.generation;
  }

  /** Take changes since the last look into account. */
  notice(): void {
    const { generation } = this.sim.config;
    if (generation === this.#seen) return;
    this.#seen = generation;
    if (this.#readSince) this.generation++;
    this.#readSince = false;
  }

  /** Little-endian value; bytes beyond the end read 0. */
  read(offset: number, size: AccessSize): number {
    this.notice();
    this.#readSince = true;
    const bytes = new Uint8Array(4);
    this.sim.getConfig(offset, bytes.subarray(0, size));
    return new DataView(bytes.buffer).getUint32(0, true);
  }

  write(offset: number, size: AccessSize, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    this.sim.setConfig(offset, bytes.subarray(0, size));
  }
}
