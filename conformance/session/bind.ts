import type { BoundDevice, BusDriverName } from '../../framework/bound-device.ts';
import { VdpaBus } from '../../framework/bus.ts';
import type { VdpaDevice } from '../../framework/device.ts';
import type { GuestMemory } from '../../framework/memory/guest-memory.ts';
import { VhostVdpaDriver } from '../../framework/vhost-vdpa/node.ts';
import { openDevice } from '../../framework/vhost-vdpa/open-device.ts';
import { processWith } from '../../framework/vhost-vdpa/process.ts';
import { virtioVdpa } from '../../framework/virtio-vdpa/device.ts';

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
): BoundDevice {
  const bus = new VdpaBus();
  bus.register(device);
  if (driver === 'virtio-vdpa') return bus.bind(device.name, virtioVdpa);
  const node = bus.bind(device.name, new VhostVdpaDriver());
  return openDevice(node, processWith(guest), ({ message }) => refused(message));
}
