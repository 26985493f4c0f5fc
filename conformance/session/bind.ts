import type { BoundDevice, BusDriverName } from '../../framework/bound-device.ts';
import { VdpaBus } from '../../framework/bus.ts';
import type { VdpaDevice } from '../../framework/device.ts';
import type { GuestMemory } from '../../framework/memory/guest-memory.ts';
import { VhostVdpaDriver } from '../../framework/vhost-vdpa/node.ts';
import { openDevice } from '../../framework/vhost-vdpa/open-device.ts';
import { processWith, type UserProcess } from '../../framework/vhost-vdpa/process.ts';
import { virtioVdpa } from '../../framework/virtio-vdpa/device.ts';

/** A device that is driven, and what is around it. */
export interface Binding {
  readonly device: BoundDevice;
  /** The process that drives it, through vhost-vdpa only. */
  readonly process: UserProcess | null;
  /** Take the device off the bus while it is in use; a process closes the node it has open. */
  unplug(): void;
}

/**
 * Put a device on a bus and drive it: as a kernel driver through virtio-vdpa, or as a process that has `guest`
 * memory and opens the node of vhost-vdpa.
 *
 * @param refused called, and has to throw, when the node of vhost-vdpa refuses what the parent was to get
 */
export function bindDevice(
  device: VdpaDevice,
  driver: BusDriverName,
  guest: GuestMemory,
  refused: (why: string) => never,
): Binding {
  const bus = new VdpaBus();
  bus.register(device);
  if (driver === 'virtio-vdpa') {
    const bound = bus.bind(device.name, virtioVdpa);
    return { device: bound, process: null, unplug: () => bus.unregister(device.name) };
  }
  const node = bus.bind(device.name, new VhostVdpaDriver());
  const process = processWith(guest);
  return {
    device: openDevice(node, process, ({ message }) => refused(message)),
    process,
    unplug: () => {
      bus.unregister(device.name);
      node.file?.close();
    },
  };
}
