import type { AccessSize, DmaWindow, MmioAccess } from '../../../framework/transport/access.ts';
import type { SimulatorDevice } from '../../simulator/core.ts';
import { AREAS, DeviceCore } from './core.ts';
import { DeviceConfig } from './device-config.ts';
import { RegisterFile } from './register.ts';
import { simulatorDma } from './simulator-dma.ts';

const CONFIG = 0x100;
const QUEUE = 1;
const CONFIGURATION = 2;

/** A virtio-mmio device of version 2 (section 4.2) in front of a simulated device. */
export class MmioFunction implements MmioAccess {
  readonly kind = 'mmio';
  readonly size = 0x200;
  readonly core: DeviceCore;
  readonly deviceConfig: DeviceConfig;
  readonly dma: DmaWindow;
  readonly registers = new RegisterFile();
  /** InterruptStatus: bit 0 used buffers, bit 1 configuration. */
  interruptStatus = 0;
  onLine: (() => void) | null = null;
  #lineWas = false;

  constructor(sim: SimulatorDevice) {
    this.core = new DeviceCore(sim);
    this.deviceConfig = new DeviceConfig(sim);
    this.dma = simulatorDma(sim);
    this.core.queueEvent = () => this.event(QUEUE);
    this.core.configEvent = () => this.event(CONFIGURATION);
    this.core.afterReset = () => this.afterReset();
    this.#identity();
    this.#device();
    this.#queues();
  }

  // ── interrupts ────────────────────────────────────────────────────────────────────────────────
  event(bit: number): void {
    this.interruptStatus |= bit;
    this.updateLine();
  }
  acknowledge(bits: number): void {
    this.interruptStatus &= ~bits;
    this.updateLine();
  }
  afterReset(): void {
    this.interruptStatus = 0;
    this.updateLine();
  }
  line(): boolean {
    return this.interruptStatus !== 0;
  }
  updateLine(): void {
    const level = this.line();
    const rises = level && !this.#lineWas;
    this.#lineWas = level;
    if (rises) this.onLine?.();
  }
  poll(): void {}

  // ── the bus ───────────────────────────────────────────────────────────────────────────────────
  read(offset: number, size: AccessSize): number {
    return offset < CONFIG
      ? this.registers.read(offset, size)
      : this.deviceConfig.read(offset - CONFIG, size);
  }
  write(offset: number, size: AccessSize, value: number): void {
    if (offset < CONFIG) this.registers.write(offset, size, value);
    else this.deviceConfig.write(offset - CONFIG, size, value);
  }

  // ── registers (section 4.2.2) ─────────────────────────────────────────────────────────────────
  #identity(): void {
    const { registers, core } = this;
    registers.add(0x000, 'MagicValue', 4, () => 0x74726976);
    registers.add(0x004, 'Version', 4, () => 2);
    registers.add(0x008, 'DeviceID', 4, () => core.sim.getDeviceId());
    registers.add(0x00c, 'VendorID', 4, () => 0x1af4);
    registers.add(0x0fc, 'ConfigGeneration', 4, () => this.deviceConfig.readGeneration() >>> 0);
  }

  #device(): void {
    const { registers, core } = this;
    const write = (at: number, name: string, action: (value: number) => void) =>
      registers.add(at, name, 4, undefined, action);
    registers.add(0x010, 'DeviceFeatures', 4, () => core.deviceFeatureWord(core.deviceFeatureSelect));
    write(0x014, 'DeviceFeaturesSel', (value) => {
      core.deviceFeatureSelect = value >>> 0;
    });
    write(0x020, 'DriverFeatures', (value) => core.writeDriverFeatureWord(core.driverFeatureSelect, value));
    write(0x024, 'DriverFeaturesSel', (value) => {
      core.driverFeatureSelect = value >>> 0;
    });
    registers.add(0x060, 'InterruptStatus', 4, () => this.interruptStatus);
    write(0x064, 'InterruptACK', (value) => this.acknowledge(value));
    registers.add(
      0x070,
      'Status',
      4,
      () => core.readStatus(),
      (value) => core.writeStatus(value & 0xff),
    );
  }

  #queues(): void {
    const { registers, core } = this;
    const write = (at: number, name: string, action: (value: number) => void) =>
      registers.add(at, name, 4, undefined, action);
    write(0x030, 'QueueSel', (value) => {
      core.queueSelect = value >>> 0;
    });
    registers.add(0x034, 'QueueNumMax', 4, () => core.maxSize(core.queueSelect));
    write(0x038, 'QueueNum', (value) => core.writeSize(value));
    registers.add(
      0x044,
      'QueueReady',
      4,
      () => (core.enabled(core.queueSelect) ? 1 : 0),
      (value) => core.enable(core.queueSelect, (value & 1) !== 0),
    );
    write(0x050, 'QueueNotify', (value) => core.notify(value));
    for (const [area, name] of AREAS.entries())
      for (const half of [0, 1] as const)
        write(
          0x080 + 0x10 * area + 4 * half,
          `Queue${name[0].toUpperCase()}${name.slice(1)}${half === 0 ? 'Low' : 'High'}`,
          (value) => core.writeArea(area, half, value),
        );
  }
}
