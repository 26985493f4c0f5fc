import type { NetlinkSocket, SocketOptions } from '../netlink/kernel.ts';

/** A system whose management API can be reached: ours in process, or the kernel of a machine. */
export interface ManagementAccess {
  /**
   * Open a generic netlink socket of an administrator, or with `admin: false` of somebody else; null where
   * there cannot be one. Acknowledgements are capped and extended.
   */
  open(options?: Pick<SocketOptions, 'admin'>): NetlinkSocket | null;
  /** Name of the device under test in this system; missing when it does not belong there. */
  readonly deviceName?: string;
}
