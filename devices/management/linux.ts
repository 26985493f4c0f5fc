import { Management } from '../../framework/management/management.ts';
import type { ManagementDevice } from '../../framework/management/management-device.ts';
import { vdpaFamily } from '../../framework/management/vdpa-family.ts';
import { type DevicePort, HostMemory } from '../../framework/memory/host-memory.ts';
import type { GenlFamily } from '../../framework/netlink/family.ts';
import { NetlinkKernel } from '../../framework/netlink/kernel.ts';
import type { VdpaRelease } from '../../specs/vdpa/netlink.ts';
import { vdpasimBlk } from './vdpasim-blk.ts';
import { vdpasimNet } from './vdpasim-net.ts';
import { VduseManagement } from './vduse.ts';

/** A system with management devices, in process. */
export interface ManagedSystem {
  readonly management: Management;
  /** The same through generic netlink. */
  readonly kernel: NetlinkKernel;
  readonly vduse: VduseManagement;
  /** The family behind `kernel`. */
  readonly family: GenlFamily;
}

/**
 * A Linux system with the modules vdpa_sim_net, vdpa_sim_blk and vduse loaded, in this order, and no devices; after
 * them the management devices of `hardware`.
 */
export function linuxSystem(
  release: VdpaRelease = '6.12',
  port: DevicePort = new HostMemory(4096).port(),
  hardware: readonly ManagementDevice[] = [],
): ManagedSystem {
  const management = new Management(release);
  const vduse = new VduseManagement();
  for (const device of [vdpasimNet(port, release), vdpasimBlk(port), vduse, ...hardware])
    management.register(device);
  const family = vdpaFamily(management);
  return { management, kernel: new NetlinkKernel([family]), vduse, family };
}
