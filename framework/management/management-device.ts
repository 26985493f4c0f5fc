import type { VdpaAttributeName } from '../../specs/vdpa/netlink.ts';
import type { ParentInstance } from '../parent.ts';

/**
 * What a new device is to be like (`struct vdpa_dev_set_config`). A member that was not given is missing;
 * the parent fills it in as it likes.
 */
export interface DeviceAttributes {
  /** Features that the device may offer at most. */
  readonly features?: bigint;
  /** MAC address, 6 bytes. */
  readonly mac?: Uint8Array;
  /** 68 to 65535. */
  readonly mtu?: number;
  /** Pairs of receive and transmit queues, at least 1. */
  readonly maxVqPairs?: number;
}

/** Attributes that `dev add` may carry, by the member that they fill. */
export const DEVICE_ATTRIBUTES = {
  features: 'dev-features',
  mac: 'dev-net-cfg-macaddr',
  mtu: 'dev-net-cfg-mtu',
  maxVqPairs: 'dev-net-cfg-max-vqp',
} as const satisfies Record<keyof DeviceAttributes, VdpaAttributeName>;

/**
 * A management device (`struct vdpa_mgmt_dev`): what makes and removes vDPA devices of one kind, for example
 * a PCI function with its driver, or a simulator.
 */
export interface ManagementDevice {
  readonly name: string;
  /** Bus of the device behind it, such as `pci`; missing for software. */
  readonly bus?: string;
  /** Virtio device ids of what it makes. */
  readonly classes: readonly number[];
  /** Attributes that `devAdd` understands (`config_attr_mask`). */
  readonly accepts: readonly VdpaAttributeName[];
  /** Features that its devices can offer; 0 when it does not tell. */
  readonly features: bigint;
  /** Most virtqueues of a device; 0 when it does not tell. */
  readonly maxVqs: number;
  /** Make a device of this name. Returns it, or -errno. It is not on the bus yet. */
  devAdd(name: string, attributes: DeviceAttributes): ParentInstance | number;
  /** Release a device that is off the bus. */
  devDel(device: ParentInstance): void;
  /** (optional) Change attributes of a device that exists; 0 or -errno. */
  devSetAttributes?(device: ParentInstance, attributes: DeviceAttributes): number;
}
