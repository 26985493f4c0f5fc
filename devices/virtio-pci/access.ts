/** What the parents of this folder stand on: any way to reach a PCI function or a virtio-mmio device. */
export type {
  AccessSize,
  DmaWindow,
  MmioAccess,
  PciAccess,
  PciBar,
  PciFacts,
  PciInterrupts,
} from '../../framework/transport/access.ts';
export type { MmioTransport, PciInterruptPlan, PciTransport } from '../../framework/transport/transport.ts';
