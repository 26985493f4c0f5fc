import {
  bitMask,
  F_ACCESS_PLATFORM,
  F_EVENT_IDX,
  F_IN_ORDER,
  F_INDIRECT_DESC,
  F_NOTIFICATION_DATA,
  F_ORDER_PLATFORM,
  F_RING_PACKED,
  F_VERSION_1,
  unmetDependencies,
} from '../../specs/virtio-1.1/features.ts';
import type { BoundDevice } from '../bound-device.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';

/** How a driver runs a device. */
export interface DriverOptions {
  /** Memory to work in; the device must have been created with a port of it. */
  readonly memory: GuestMemory;
  /**
   * Let the device do at most `budget` units of work, as `ParentInstance.pump`; 0 means idle. For a device
   * that runs by itself: wait a little and return 1, or 0 once patience is at an end.
   */
  readonly pump: (budget: number) => number;
  /** Descriptors per queue, within what the device allows (default 64). */
  readonly queueSize?: number;
  /** Accept VIRTIO_F_RING_PACKED (default false). */
  readonly packed?: boolean;
  /** Accept VIRTIO_F_EVENT_IDX (default true). */
  readonly eventIdx?: boolean;
  /** Accept VIRTIO_F_INDIRECT_DESC (default true). */
  readonly indirect?: boolean;
  /** Accept VIRTIO_F_IN_ORDER (default false). */
  readonly inOrder?: boolean;
  /** Accept VIRTIO_F_NOTIFICATION_DATA, if the parent has `kickVqWithData` (default false). */
  readonly notificationData?: boolean;
}

/** Features of section 6 that a driver accepts, whatever the device type. */
export function commonFeatures(virtio: BoundDevice, options: DriverOptions): bigint {
  let features = F_VERSION_1 | F_ACCESS_PLATFORM | F_ORDER_PLATFORM;
  if (options.eventIdx ?? true) features |= F_EVENT_IDX;
  if (options.indirect ?? true) features |= F_INDIRECT_DESC;
  if (options.packed ?? false) features |= F_RING_PACKED;
  if (options.inOrder ?? false) features |= F_IN_ORDER;
  if (options.notificationData && virtio.ops.kickVqWithData !== undefined) features |= F_NOTIFICATION_DATA;
  return features;
}

/** `features` without those whose dependencies are not among them (section 2.2.1). */
export function withoutOrphans(features: bigint, type: 'net' | 'blk'): bigint {
  for (;;) {
    const open = unmetDependencies(features, type);
    if (open.length === 0) return features;
    features &= ~bitMask(open.map(({ feature }) => feature));
  }
}
