import { F_ACCESS_PLATFORM, F_VERSION_1, NET_F } from '../../../specs/virtio-1.1/features.ts';

/** What the parent does itself, whatever the function can. */
const OWN_FEATURES =
  F_VERSION_1 |
  F_ACCESS_PLATFORM |
  NET_F.CTRL_VQ |
  NET_F.CTRL_MAC_ADDR |
  NET_F.CTRL_VLAN |
  NET_F.MQ |
  NET_F.STATUS |
  NET_F.MTU |
  NET_F.MAC;

/** What a device is provisioned with (`dev add`); what is missing is the function's own. */
export interface Provision {
  /** Features that may be offered at most. */
  readonly features?: bigint;
  readonly mac?: Uint8Array;
  readonly mtu?: number;
  readonly maxPairs?: number;
  /** Ask for interrupt vectors of one's own for queues. */
  readonly vectors?: boolean;
}

/** What the driver offers on a function: its own features, and those that queue objects can have. */
export const offerable = (queueFeatures: bigint): bigint => OWN_FEATURES | queueFeatures;
