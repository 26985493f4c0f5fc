import type { DeviceScope } from '../../specs/virtio-1.1/features.ts';

/**
 * What one kind of simulated device is made of. Built once for a set of options and shared by all devices
 * made from it, so nothing in it is ever written to.
 */
export interface DeviceProfile {
  /** Device type: names the rows of the feature table that apply. */
  readonly deviceType: Extract<DeviceScope, 'net' | 'blk'>;
  /** Virtio device id (sections 5.x.1). */
  readonly deviceId: number;
  readonly nvqs: number;
  readonly ngroups: number;
  readonly nas: number;
  /** Feature bits offered for the whole life of the device (section 2.2). */
  readonly features: bigint;
  /** Largest queue size; may be no power of two, which then only packed queues can use (section 2.7.10.1). */
  readonly numMax: number;
  /** Configuration space as it is after creation, little-endian (section 2.4). */
  readonly config: Uint8Array;
  /** Translation model: one mapping at a time, or the whole table. */
  readonly dma: 'map' | 'set';
  /** Mappings hold user addresses of the process that the device is bound to. */
  readonly virtualAddresses?: boolean;
  /** Queues have interrupts, by number. */
  readonly interrupts?: boolean;
  /** The ring areas of all queues can have an address space of their own: they are a group of their own, the last. */
  readonly ringGroup?: boolean;
  /** Dirty page tracking by the writes that pass the IOTLB. */
  readonly dirty?: boolean;
  /** Right-but-unusual behaviour, by name; see `variants.ts`. */
  readonly variant: string | undefined;
}

/** Vendor id that simulated devices report: none. */
export const SIMULATOR_VENDOR_ID = 0;

/** Alignment that fits every area of both ring formats (sections 2.6 and 2.7.10.1). */
export const QUEUE_ALIGN = 16;

/** IOVAs that a simulated device can use: everything that a number holds exactly. */
export const IOVA_RANGE = { first: 0, last: 2 ** 52 - 1 } as const;

/** vhost backend feature: queues may be made ready after DRIVER_OK. */
export const BACKEND_F_ENABLE_AFTER_DRIVER_OK = 1n << 6n;
