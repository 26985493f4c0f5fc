import type {
  AccessSize,
  DmaWindow,
  PciAccess,
  PciBar,
  PciFacts,
  PciInterrupts,
} from '../../../framework/transport/access.ts';
import { NO_VECTOR } from '../../../framework/transport/transport.ts';
import type { SimulatorDevice } from '../../simulator/core.ts';
import { commonConfig, type VectorMap } from './common-config.ts';
import { CONFIG_SIZE, type ConfigurationSpace } from './config-space.ts';
import { DeviceCore } from './core.ts';
import { DeviceConfig } from './device-config.ts';
import { functionHeader } from './function-header.ts';
import { functionRegions, type Region } from './function-regions.ts';
import { AT, IO_BAR, pageUp, type TYPE } from './layout.ts';
import { Msix } from './msix.ts';
import type { RegisterFile } from './register.ts';
import type { PciShape } from './shape.ts';
import { simulatorDma } from './simulator-dma.ts';

const COMMAND = 0x04;
const STATUS = 0x06;
const INTERRUPT_STATUS = 1 << 3;
const INTX_DISABLE = 1 << 10;

/** Where messages go to, and what they say, for vector 0. */
const MESSAGE_AT = 0xfee0_0000;
const MESSAGE_DATA = 0x4000;

/**
 * A virtio 1.1 PCI function (section 4.1) in front of a simulated device: configuration space with its
 * capabilities, registers, MSI-X, INTx and the configuration window. What a driver reads and writes takes effect
 * at once; the device works in `pump`. Small public methods, so that a defect replaces one.
 */
export class PciFunction implements PciAccess, PciInterrupts {
  readonly kind = 'pci';
  readonly core: DeviceCore;
  readonly deviceConfig: DeviceConfig;
  readonly shape: PciShape;
  readonly facts: PciFacts;
  readonly bars: readonly (PciBar | null)[];
  readonly configSize = CONFIG_SIZE;
  readonly space: ConfigurationSpace;
  readonly common: RegisterFile;
  readonly vectors: VectorMap;
  readonly msix: Msix;
  readonly dma: DmaWindow;
  /** Configuration space offset of the capability of each kind of structure. */
  readonly capabilityAt: Readonly<Record<keyof typeof TYPE, number>>;
  readonly msixAt: number;
  readonly regions: Region[];
  /** ISR status: bit 0 queue, bit 1 configuration (section 4.1.4.5). */
  isr = 0;
  onMessage: ((vector: number) => void) | null = null;
  onIntx: (() => void) | null = null;
  readonly #messages: number[] = [];
  /** Messages, by vector, and a rise of the pin that nobody has looked for yet (`polled`). */
  #late: number[] = [];
  #lateRise = false;
  #pinWas = false;

  constructor(sim: SimulatorDevice, shape: PciShape) {
    this.shape = shape;
    this.core = new DeviceCore(sim);
    this.deviceConfig = new DeviceConfig(sim);
    this.dma = simulatorDma(sim);
    this.facts = { intx: shape.intx, transitional: shape.transitional, legacyPlatform: shape.legacyGuard };
    this.vectors = { config: NO_VECTOR, queues: new Array<number>(sim.nvqs).fill(NO_VECTOR) };
    const count = shape.vectors > 0 ? shape.vectors : Math.min(2048, Math.max(2, sim.nvqs + 1));
    this.msix = new Msix(count, (address, data) => this.receive(address, data));
    this.common = commonConfig(this);
    const notifyLength =
      Math.max(...this.core.queues.map((_, q) => shape.notifyOff(q))) * shape.multiplier + 4;
    const pending = pageUp(this.msix.tableSize);
    const memory = pageUp(AT.notify + Math.max(notifyLength, shape.structureLength));
    const implemented: Record<number, PciBar> = {
      [shape.msixBar]: { kind: 'memory', size: pageUp(pending + this.msix.pendingSize) },
      [shape.memoryBar]: { kind: 'memory', size: memory },
      ...shape.vendorBars,
    };
    if (shape.legacyGuard) implemented[0] = { kind: 'io', size: 0x20 };
    if (shape.ioNotify) implemented[IO_BAR] = { kind: 'io', size: 0x100 };
    this.bars = [0, 1, 2, 3, 4, 5].map((index) => implemented[index] ?? null);
    this.regions = functionRegions(this, notifyLength, pending);
    const built = functionHeader(this, notifyLength, pending);
    this.space = built.space;
    this.msixAt = built.msixAt;
    this.capabilityAt = built.at;
    this.#hooks();
    this.core.queueEvent = (idx) => this.queueEvent(idx);
    this.core.configEvent = () => this.configEvent();
    this.core.afterReset = () => this.afterReset();
  }

  // ── events ────────────────────────────────────────────────────────────────────────────────────
  queueEvent(idx: number): void {
    this.event(this.vectors.queues[idx], 1);
  }
  configEvent(): void {
    this.event(this.vectors.config, this.shape.configSetsQueueBit ? 3 : 2);
  }
  /** An event with its vector and its ISR bit: a message with MSI-X enabled, else INTx (4.1.5.3, 4.1.5.4). */
  event(vector: number, bits: number): void {
    if (!this.msix.enabled || this.shape.isrWithMsix) this.isr |= bits;
    if (this.msix.enabled) this.msix.signal(vector);
    else this.updatePin();
  }
  /** Reading the ISR status clears it and takes INTx back (4.1.4.5). */
  readIsr(): number {
    const { isr } = this;
    this.isr = 0;
    this.updatePin();
    return isr;
  }
  hasVector(vector: number): boolean {
    return vector < this.msix.count;
  }
  /** After a reset no event has a vector and none is pending (4.1.5.1.2.1). */
  afterReset(): void {
    this.vectors.config = NO_VECTOR;
    this.vectors.queues.fill(NO_VECTOR);
    this.isr = 0;
    this.updatePin();
  }

  // ── the platform's side of interrupts ─────────────────────────────────────────────────────────
  /** The platform's interrupt controller: 16 bytes of address for each vector. */
  message(vector: number): { address: number; data: number } {
    return { address: MESSAGE_AT + 16 * vector, data: MESSAGE_DATA + vector };
  }
  /** A message arrives at the interrupt controller. */
  receive(address: number, data: number): void {
    const vector = data - MESSAGE_DATA;
    if (vector < 0 || address !== this.message(vector).address) return;
    if (this.shape.polled) this.#late.push(vector);
    else this.#arrived(vector);
  }
  #arrived(vector: number): void {
    this.#messages[vector] = (this.#messages[vector] ?? 0) + 1;
    this.onMessage?.(vector);
  }
  takeMessages(vector: number): number {
    const late = this.#late.length;
    this.#late = this.#late.filter((one) => one !== vector);
    const count = (this.#messages[vector] ?? 0) + late - this.#late.length;
    this.#messages[vector] = 0;
    return count;
  }
  intx(): boolean {
    if (!this.shape.intx || this.msix.enabled || this.isr === 0) return false;
    return (this.space.read(COMMAND, 2) & INTX_DISABLE) === 0;
  }
  updatePin(): void {
    const level = this.intx();
    const rises = level && !this.#pinWas;
    this.#pinWas = level;
    if (rises && this.shape.polled) this.#lateRise = true;
    else if (rises) this.onIntx?.();
  }
  poll(): void {
    for (const vector of this.#late.splice(0)) this.#arrived(vector);
    if (!this.#lateRise) return;
    this.#lateRise = false;
    if (this.intx()) this.onIntx?.();
  }

  // ── the bus ───────────────────────────────────────────────────────────────────────────────────
  readConfig(offset: number, size: AccessSize): number {
    return this.space.read(offset, size);
  }
  writeConfig(offset: number, size: AccessSize, value: number): void {
    this.space.write(offset, size, value);
  }
  readBar(bar: number, offset: number, size: AccessSize): number {
    const region = this.#region(bar, offset, size);
    if (region !== undefined) return region.read(offset - region.offset, size);
    return offset + size <= (this.bars[bar]?.size ?? 0) ? 0 : 2 ** (8 * size) - 1;
  }
  writeBar(bar: number, offset: number, size: AccessSize, value: number): void {
    const region = this.#region(bar, offset, size);
    region?.write(offset - region.offset, size, value % 2 ** (8 * size));
  }

  // ── the configuration window (section 4.1.4.7) ────────────────────────────────────────────────
  readWindow(): number {
    const { bar, offset, length } = this.windowTarget();
    return length === 1 || length === 2 || length === 4 ? this.readBar(bar, offset, length) : 0;
  }
  writeWindow(value: number): void {
    const { bar, offset, length } = this.windowTarget();
    if (length === 1 || length === 2 || length === 4) this.writeBar(bar, offset, length, value);
  }
  /** Where the window points to now. */
  windowTarget(): { bar: number; offset: number; length: number } {
    const at = this.capabilityAt.window;
    const { space } = this;
    return { bar: space.read(at + 4, 1), offset: space.read(at + 8, 4), length: space.read(at + 12, 4) };
  }

  /** A legacy driver resets its device: nothing is left of the BARs (section 4.1.4.9). */
  hide(): void {
    for (let bar = 0; bar < 6; bar++) {
      this.space.put(0x10 + 4 * bar, 4, 0);
      this.space.allow(0x10 + 4 * bar, 4, 0);
    }
  }

  /** What a write to a notification address does: the value names the queue (section 4.1.5.2). */
  notified(_offset: number, value: number): void {
    this.core.notify(value);
  }

  #region(bar: number, offset: number, size: AccessSize): Region | undefined {
    return this.regions.find(
      (row) => row.bar === bar && offset >= row.offset && offset + size <= row.offset + row.length,
    );
  }

  /** Registers of configuration space that do something. */
  #hooks(): void {
    const { space, msixAt, msix } = this;
    space.hook({ at: COMMAND, length: 2, write: () => this.updatePin() });
    space.hook({
      at: STATUS,
      length: 2,
      read: () => this.readPciStatus(),
    });
    space.hook({
      at: msixAt + 2,
      length: 2,
      write: () => {
        const control = space.bytes[msixAt + 3];
        msix.enabled = (control & 0x80) !== 0;
        msix.functionMask = (control & 0x40) !== 0;
        msix.flush();
        this.updatePin();
      },
    });
    const window = this.capabilityAt.window;
    space.allow(window + 4, 1, 0xff);
    space.allow(window + 8, 4, 0xffff_ffff);
    space.allow(window + 12, 4, 0xffff_ffff);
    space.hook({
      at: window + 16,
      length: 4,
      read: () => this.readWindow(),
      write: (value) => this.writeWindow(value),
    });
  }

  /** PCI Status register: the interrupt bit shows ISR status while MSI-X is off (4.1.4.5.1). */
  readPciStatus(): number {
    const fixed = this.space.bytes[STATUS] | (this.space.bytes[STATUS + 1] << 8);
    return this.isr !== 0 && !this.msix.enabled ? fixed | INTERRUPT_STATUS : fixed;
  }

  get interrupts(): PciInterrupts {
    return this;
  }
}
