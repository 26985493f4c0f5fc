import type { MmioAccess, PciAccess } from './access.ts';

/** Vector number that stands for none (section 4.1.5.1.2). */
export const NO_VECTOR = 0xffff;

/**
 * How the parent driver is to use the interrupts of a PCI function at the next initialisation; a test changes
 * it to bring events and vectors together as it likes.
 *
 * - `msix`: MSI-X enabled, events mapped to vectors, messages become callbacks
 * - `intx`: MSI-X disabled, INTx and ISR status become callbacks
 * - `manual`: MSI-X disabled, nobody reads the ISR status: that is left to whoever asked for it
 */
export interface PciInterruptPlan {
  mode: 'msix' | 'intx' | 'manual';
  /** Vector of configuration changes; undefined: the driver's choice. */
  config?: number;
  /** Vector of each virtqueue by index; undefined: the driver's choice. */
  readonly queues: Map<number, number>;
}

/** A parent on top of a PCI function, seen from below. */
export interface PciTransport {
  readonly kind: 'pci';
  readonly access: PciAccess;
  readonly plan: PciInterruptPlan;
}

/** A parent on top of a virtio-mmio device; with `manual` nobody acknowledges its interrupts. */
export interface MmioTransport {
  readonly kind: 'mmio';
  readonly access: MmioAccess;
  readonly plan: { mode: 'line' | 'manual' };
}

/** What lies below a parent that can show it. */
export type Transport = PciTransport | MmioTransport;
