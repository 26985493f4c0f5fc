import { ERRNO } from '../../framework/device.ts';
import type { ManagementDevice } from '../../framework/management/management-device.ts';
import type { ParentInstance } from '../../framework/parent.ts';

/** A PCI function that is there before and after the devices that are made of it, with a driver that can be bound. */
export interface ManagedFunction {
  /** Bus, device and function: `0000:02:00.1`. */
  readonly name: string;
  /** Virtio device id. */
  readonly deviceId: number;
  /** Features that it offers, and queues that it has. */
  readonly features: bigint;
  readonly nvqs: number;
  /** The driver takes `dev_features` (`VDPA_ATTR_DEV_FEATURES`). */
  readonly provisions: boolean;
  /** Bind the driver: a device of this name that offers `features` at most. */
  bind(busName: string, features: bigint): ParentInstance;
}

/**
 * The management device of one PCI function, as parents without resources of their own to give away have it: one
 * device, with the features that were ordered. -EINVAL for a feature that the function does not offer; -ENOSPC while
 * its device exists.
 */
export function functionManagement(below: ManagedFunction): ManagementDevice {
  let made = false;
  return {
    name: below.name,
    bus: 'pci',
    classes: [below.deviceId],
    accepts: below.provisions ? ['dev-features'] : [],
    features: below.features,
    maxVqs: below.nvqs,
    devAdd(busName, { features = below.features }) {
      if (made) return -ERRNO.ENOSPC;
      if ((features & ~below.features) !== 0n) return -ERRNO.EINVAL;
      const instance = below.bind(busName, features);
      made = true;
      return instance;
    },
    devDel(instance) {
      instance.device.ops.reset();
      made = false;
    },
  };
}
