import type { Iova, Perm } from '../device.ts';

/** Bytes of one access to a register. 64-bit registers are reached as two accesses of 4 bytes (4.1.3.1). */
export type AccessSize = 1 | 2 | 4;

/**
 * Translation between the device and host memory: what a platform IOMMU does. Without an IOMMU the provider
 * accepts only mappings that are true already.
 */
export interface DmaWindow {
  /** Let the device reach `size` bytes of host memory from `addr` on at `iova`. 0 or -errno. */
  map(iova: Iova, size: number, addr: number, perm: Perm): number;
  /** Take back what one `map` gave. 0 or -errno. */
  unmap(iova: Iova, size: number): number;
}

/** A base address register as far as a driver sees it. */
export interface PciBar {
  readonly kind: 'memory' | 'io';
  /** Size in bytes: a power of two. */
  readonly size: number;
}

/** Interrupts of a PCI function, as the platform receives them. */
export interface PciInterrupts {
  /** What to program into MSI-X table entry `vector` so that its messages are seen here. */
  message(vector: number): { readonly address: number; readonly data: number };
  /** Messages of `vector` since the last call; where they cannot be counted, 1 stands for one or more. */
  takeMessages(vector: number): number;
  /** Level of the INTx pin now. */
  intx(): boolean;
  /**
   * Look for interrupts and call the handlers. A provider that learns of interrupts by itself calls the
   * handlers at once, and nothing is left to do here.
   */
  poll(): void;
  /** Called for each message, or for several of one vector at once. */
  onMessage: ((vector: number) => void) | null;
  /** Called when the INTx pin is asserted, and by `poll` for as long as it is. */
  onIntx: (() => void) | null;
}

/** What is known of a PCI function without asking it. */
export interface PciFacts {
  /** It also has the legacy interface (section 4.1.2); undefined: not known. */
  readonly transitional?: boolean;
  /** Its INTx pin can be observed. */
  readonly intx: boolean;
  /** It is an SR-IOV virtual function: identification reads 0xffff in its own configuration space. */
  readonly vf?: boolean;
  /** The platform has drivers that know the legacy interface only (section 4.1.4.9). */
  readonly legacyPlatform?: boolean;
}

/**
 * Access to one PCI function: what a bus gives its driver. BARs have addresses already; memory space and bus
 * mastering are the driver's to enable. Values are unsigned, little-endian on the bus. A read outside a BAR
 * gives all ones, a write there is lost. Writes may be buffered up to the next read, `poll` or `pause`.
 */
export interface PciAccess {
  readonly kind: 'pci';
  readonly facts: PciFacts;
  /** BAR 0 to 5; null: not implemented, or the upper half of a 64-bit one. */
  readonly bars: readonly (PciBar | null)[];
  readonly interrupts: PciInterrupts;
  readonly dma: DmaWindow;
  /** Bytes of configuration space: 256, or 4096 with the extended part. */
  readonly configSize: number;
  readConfig(offset: number, size: AccessSize): number;
  writeConfig(offset: number, size: AccessSize, value: number): void;
  readBar(bar: number, offset: number, size: AccessSize): number;
  writeBar(bar: number, offset: number, size: AccessSize, value: number): void;
  /**
   * A read whose value is wanted some time before the next read that is not one of these, `poll` or `pause` returns:
   * it costs no trip of its own. In order with all else.
   */
  readBarSoon?(bar: number, offset: number, size: AccessSize, take: (value: number) => void): void;
  /** Writes of 4 bytes each to places in a row, in ascending order. */
  writeWords?(bar: number, offset: number, words: readonly number[]): void;
  /** Several reads of one BAR in order, as [offset, size]: for ways to the registers where each trip counts. */
  readMany?(bar: number, places: readonly (readonly [number, AccessSize])[]): number[];
  /** Let time pass for a device that has its own; called between two polls of one register. */
  pause?(): void;
  /**
   * Send what is buffered, without waiting. The function returned waits until it was carried out, with everything
   * before it; what was sent later may still be under way then.
   */
  dispatch?(): () => void;
  /** Let time pass, for a device that has its own, between the accesses so far and those that follow. */
  yieldSoon?(): void;
}

/** Access to one virtio-mmio device (section 4.2): its register page, its interrupt line, its memory. */
export interface MmioAccess {
  readonly kind: 'mmio';
  readonly dma: DmaWindow;
  /** Bytes of the register page. */
  readonly size: number;
  read(offset: number, size: AccessSize): number;
  write(offset: number, size: AccessSize, value: number): void;
  /** A read whose value is wanted some time before the next read that is not one of these; see {@link PciAccess.readBarSoon}. */
  readSoon?(offset: number, size: AccessSize, take: (value: number) => void): void;
  /** Several reads in order, as [offset, size]: for ways to the registers where each trip counts. */
  readMany?(places: readonly (readonly [number, AccessSize])[]): number[];
  /** Level of the interrupt line now. */
  line(): boolean;
  /** Look at the line and call the handler while it is asserted; see {@link PciInterrupts.poll}. */
  poll(): void;
  /** Called when the line is asserted, and by `poll` for as long as it is. */
  onLine: (() => void) | null;
  /** Let time pass for a device that has its own; called between two polls of one register. */
  pause?(): void;
  /**
   * Send what is buffered, without waiting. The function returned waits until it was carried out, with everything
   * before it; what was sent later may still be under way then.
   */
  dispatch?(): () => void;
  /** Let time pass, for a device that has its own, between the accesses so far and those that follow. */
  yieldSoon?(): void;
}
