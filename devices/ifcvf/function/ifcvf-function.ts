import type { AccessSize, PciBar } from '../../../framework/transport/access.ts';
import type { SimulatorDevice } from '../../simulator/core.ts';
import { pageUp } from '../../virtio-pci/function/layout.ts';
import { PciFunction } from '../../virtio-pci/function/pci-function.ts';
import { type PciShape, PLAIN } from '../../virtio-pci/function/shape.ts';
import { DirtyLogger } from './dirty-logger.ts';
import { type RingStateLayout, RingStates } from './ring-state.ts';

const STRUCTURE_BAR = 0;
const MSIX_BAR = 2;
const LIVE_MIGRATION_BAR = 4;
/** Number of enabled queues, or pairs of them; the dense layout has a ring state word there. */
const MQ_AT = 0x28;

/** Ids of the products, by virtio device type: modern for net (N3000), transitional for blk (C5000X-PL). */
const INTEL = 0x8086;
const NET = 1;
const SUBSYSTEM: Readonly<Record<number, number>> = { 1: 0x001a, 2: 0x0002 };

/** What may differ from one virtual function to the next. */
export interface IfcvfShape {
  readonly layout: RingStateLayout;
  /** MSI-X vectors; 0: one for each queue and one for the configuration. */
  readonly vectors: number;
}

/**
 * An IFCVF virtual function in front of a simulated device. Common configuration, notifications, ISR, device
 * configuration and MSI-X are those of a virtio PCI function; BAR 4 has the live-migration region, which no
 * capability announces.
 */
export class IfcvfFunction extends PciFunction {
  readonly ringStates: RingStates;
  readonly dirtyLogger: DirtyLogger;
  #queueCount = 0;

  constructor(sim: SimulatorDevice, { layout, vectors }: IfcvfShape) {
    super(sim, pciShape(sim, vectors));
    this.ringStates = new RingStates(sim, layout);
    this.dirtyLogger = new DirtyLogger(sim);
    this.regions.push({
      bar: LIVE_MIGRATION_BAR,
      offset: 0,
      length: this.bars[LIVE_MIGRATION_BAR]!.size,
      read: (offset, size) => this.readMigration(offset, size),
      write: (offset, size, value) => this.writeMigration(offset, size, value),
    });
  }

  /** Read from the live-migration region. */
  readMigration(offset: number, size: AccessSize): number {
    if (this.ringStates.covers(offset)) return this.ringStates.read(offset, size);
    if (this.dirtyLogger.covers(offset, size)) return this.dirtyLogger.read(offset);
    return offset === MQ_AT && size === 4 ? this.#queueCount : 0;
  }

  /** Write to the live-migration region. */
  writeMigration(offset: number, size: AccessSize, value: number): void {
    if (this.ringStates.covers(offset)) this.ringStates.write(offset, size, value);
    else if (this.dirtyLogger.covers(offset, size)) this.dirtyLogger.write(offset, value);
    else if (offset === MQ_AT && size === 4) this.#queueCount = value;
  }

  override afterReset(): void {
    super.afterReset();
    this.#queueCount = 0;
    this.dirtyLogger.reset();
  }
}

function pciShape(sim: SimulatorDevice, vectors: number): PciShape {
  const type = sim.getDeviceId();
  const migration: PciBar = { kind: 'memory', size: pageUp(0x40 * (sim.nvqs + 1)) };
  return {
    ...PLAIN,
    name: 'ifcvf',
    description: 'IFCVF virtual function',
    vectors,
    transitional: type !== NET,
    intx: false,
    memoryBar: STRUCTURE_BAR,
    msixBar: MSIX_BAR,
    subsystem: [INTEL, SUBSYSTEM[type]],
    vendorBars: { [LIVE_MIGRATION_BAR]: migration },
  };
}
