import type { PciBar } from '../../../framework/transport/access.ts';

/** How a PCI function presents its device, as far as the specification leaves a choice. */
export interface PciShape {
  readonly name: string;
  readonly description: string;
  /** notify_off_multiplier. */
  readonly multiplier: number;
  /** queue_notify_off of queue `q`. */
  notifyOff(q: number): number;
  /** Length that every capability declares at least, for its structure and in itself. */
  readonly structureLength: number;
  readonly capLength: number;
  /** Notifications can be written through an I/O BAR as well, whose capability comes first. */
  readonly ioNotify: boolean;
  /** MSI-X vectors; 0: one for each queue and one for the configuration. */
  readonly vectors: number;
  readonly intx: boolean;
  /** The platform sees interrupts only when it looks (`poll`, `takeMessages`), as one without interrupt handlers. */
  readonly polled: boolean;
  readonly transitional: boolean;
  /** ISR status is kept up to date while MSI-X is enabled. */
  readonly isrWithMsix: boolean;
  /** A configuration change sets the queue bit of the ISR status as well. */
  readonly configSetsQueueBit: boolean;
  /** It keeps legacy drivers of the platform away (section 4.1.4.9). */
  readonly legacyGuard: boolean;
  /** driver_feature shows bits that were not offered. */
  readonly mirrorsAnyFeature: boolean;
  /** BAR of the virtio structures, and of the MSI-X table. */
  readonly memoryBar: number;
  readonly msixBar: number;
  /** Subsystem vendor and device id; null: those that the specification suggests. */
  readonly subsystem: readonly [vendor: number, device: number] | null;
  /** Further BARs by index, whose meaning is the vendor's. */
  readonly vendorBars: Readonly<Record<number, PciBar>>;
}

/** The simplest shape, from which the others differ in a thing or two. */
export const PLAIN: PciShape = {
  name: 'plain',
  description: 'one memory BAR for all structures, a doorbell of four bytes for each queue',
  multiplier: 4,
  notifyOff: (q) => q,
  structureLength: 0,
  capLength: 0,
  ioNotify: false,
  vectors: 0,
  intx: true,
  polled: false,
  transitional: false,
  isrWithMsix: true,
  configSetsQueueBit: false,
  legacyGuard: false,
  mirrorsAnyFeature: true,
  memoryBar: 4,
  msixBar: 1,
  subsystem: null,
  vendorBars: {},
};

const shape = (name: string, description: string, change: Partial<PciShape>): PciShape => ({
  ...PLAIN,
  name,
  description,
  ...change,
});

/** All shapes, the plain one first. Each is right; a hasty test takes some of them for wrong. */
export const PCI_SHAPES: readonly PciShape[] = [
  PLAIN,
  shape('one-doorbell', 'multiplier 0: one address for all queues', { multiplier: 0 }),
  shape('shared-offset', 'multiplier 4, but every queue has notify offset 0', { notifyOff: () => 0 }),
  shape('page-doorbells', 'a page for each doorbell', { multiplier: 4096 }),
  shape('roomy', 'capabilities and structures longer than needed', {
    structureLength: 0x1000,
    capLength: 32,
  }),
  shape('io-notify', 'a notification structure in an I/O BAR, listed before the one in memory', {
    ioNotify: true,
  }),
  shape('one-vector', 'a single MSI-X vector (4.1.5.1.2.1 recommends more)', { vectors: 1 }),
  shape('no-intx', 'no interrupt pin', { intx: false }),
  shape('polled', 'interrupts are seen late, when the platform looks for them', { polled: true }),
  shape('transitional', 'transitional device id and revision (the legacy interface itself is not there)', {
    transitional: true,
  }),
  shape('quiet-isr', 'ISR status stays 0 while MSI-X is enabled', { isrWithMsix: false }),
  shape('both-isr-bits', 'a configuration change sets both ISR bits', { configSetsQueueBit: true }),
  shape('legacy-guard', 'an I/O BAR 0 in which a legacy driver fails gracefully', { legacyGuard: true }),
  shape('masked-features', 'driver_feature shows offered bits only', { mirrorsAnyFeature: false }),
];

/** The shape of that name. */
export function pciShape(name: string): PciShape | undefined {
  return PCI_SHAPES.find((row) => row.name === name);
}
