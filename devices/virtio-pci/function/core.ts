import { F_NOTIFICATION_DATA, F_RING_PACKED } from '../../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import type { SimulatorDevice } from '../../simulator/core.ts';

/** Areas of a queue, in the order of their registers. */
export const AREAS = ['desc', 'driver', 'device'] as const;

/** What the registers hold for one queue. */
export interface QueueRegisters {
  /** Size that the driver wrote; null: none, the maximum shows. */
  size: number | null;
  /** Low and high half of each area's address. */
  areas: [low: number, high: number][];
}

/**
 * The part of a virtio device that its registers speak to, for any transport: selectors, features, queues,
 * status. Behind it a simulated device does the work. `queueEvent` and `configEvent` are for the transport.
 */
export class DeviceCore {
  readonly sim: SimulatorDevice;
  readonly queues: QueueRegisters[] = [];
  deviceFeatureSelect = 0;
  driverFeatureSelect = 0;
  driverFeatures: [number, number] = [0, 0];
  queueSelect = 0;
  /** A buffer of queue `idx` was used. */
  queueEvent: (idx: number) => void = () => {};
  /** The configuration changed, or the device needs a reset. */
  configEvent: () => void = () => {};
  /** The device was reset: for what the transport adds. */
  afterReset: () => void = () => {};

  constructor(sim: SimulatorDevice) {
    this.sim = sim;
    for (let i = 0; i < sim.nvqs; i++) this.queues.push(freshQueue());
    this.listen();
  }

  /** The queue that the driver selected; undefined for one that does not exist. */
  get selected(): QueueRegisters | undefined {
    return this.queues[this.queueSelect];
  }

  // ── features (section 2.2) ────────────────────────────────────────────────────────────────────
  /** The selected word of the offer; 0 beyond the second. */
  deviceFeatureWord(select: number): number {
    if (select > 1) return 0;
    return Number(BigInt.asUintN(32, this.sim.getDeviceFeatures() >> BigInt(32 * select)));
  }
  writeDriverFeatureWord(select: number, value: number): void {
    if (select > 1 || (this.sim.status & STATUS.FEATURES_OK) !== 0) return;
    this.driverFeatures[select] = value >>> 0;
  }

  // ── status (section 2.1) ──────────────────────────────────────────────────────────────────────
  readStatus(): number {
    return this.sim.getStatus();
  }
  /** 0 resets; with FEATURES_OK the choice of the driver is put before the device. */
  writeStatus(value: number): void {
    if (value === 0) {
      this.reset();
      return;
    }
    const { sim } = this;
    if ((value & STATUS.FEATURES_OK) !== 0 && (sim.status & STATUS.FEATURES_OK) === 0)
      sim.setDriverFeatures(BigInt(this.driverFeatures[0]) | (BigInt(this.driverFeatures[1]) << 32n));
    sim.setStatus(value);
  }
  reset(): void {
    this.sim.setStatus(0);
    this.forget();
  }
  /** Everything that a driver wrote is gone. */
  forget(): void {
    this.deviceFeatureSelect = 0;
    this.driverFeatureSelect = 0;
    this.driverFeatures = [0, 0];
    this.queueSelect = 0;
    for (const queue of this.queues) Object.assign(queue, freshQueue());
    this.listen();
    this.afterReset();
  }
  /** Hear of configuration changes; a reset of the device ends it. */
  listen(): void {
    this.sim.setConfigCb({ callback: () => this.configEvent() });
  }

  // ── queues ────────────────────────────────────────────────────────────────────────────────────
  /** Largest size of queue `idx`: 0 when there is no such queue. */
  maxSize(idx: number): number {
    return this.queues[idx] === undefined ? 0 : this.sim.getVqNumMax();
  }
  /** Take over a size that the queue can have (section 2.6: a power of two unless packed). */
  writeSize(value: number): void {
    const queue = this.selected;
    if (queue === undefined || this.enabled(this.queueSelect)) return;
    const fits = value > 0 && value <= this.maxSize(this.queueSelect);
    if (!fits || !(this.sim.negotiated(F_RING_PACKED) || (value & (value - 1)) === 0)) return;
    queue.size = value;
    this.sim.setVqNum(this.queueSelect, value);
  }
  readArea(area: number, half: 0 | 1): number {
    return this.selected?.areas[area][half] ?? 0;
  }
  writeArea(area: number, half: 0 | 1, value: number): void {
    const queue = this.selected;
    if (queue !== undefined && !this.enabled(this.queueSelect)) queue.areas[area][half] = value >>> 0;
  }
  enabled(idx: number): boolean {
    return this.sim.getVqReady(idx);
  }
  /** Start queue `idx` with what its registers hold, or stop it. */
  enable(idx: number, on: boolean): void {
    const queue = this.queues[idx];
    if (queue === undefined || on === this.enabled(idx)) return;
    if (on) {
      const [desc, driver, device] = queue.areas.map(([low, high]) => high * 0x1_0000_0000 + low);
      this.sim.setVqNum(idx, queue.size ?? this.maxSize(idx));
      this.sim.setVqAddress(idx, desc, driver, device);
      this.sim.setVqCb(idx, { callback: () => this.queueEvent(idx) });
    }
    this.sim.setVqReady(idx, on);
  }
  /** The driver notified: an index, or notification data where that was negotiated (section 2.7.23). */
  notify(value: number): void {
    if (this.sim.negotiated(F_NOTIFICATION_DATA)) this.sim.kickVqWithData(value >>> 0);
    else this.sim.kickVq(value & 0xffff);
  }
}

function freshQueue(): QueueRegisters {
  return { size: null, areas: [[0, 0], [0, 0], [0, 0]] }; // biome-ignore format: one line
}
