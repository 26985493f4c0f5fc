import type { BoundDevice } from '../bound-device.ts';
import { BusError } from '../bus.ts';
import { ERRNO } from '../device.ts';
import { VirtioVdpaDevice } from '../virtio-vdpa/device.ts';
import { VhostVdpaClient } from './client.ts';
import type { VhostVdpaNode } from './node.ts';
import { OpsThroughNode } from './ops-through-node.ts';
import { USER_BASE, type UserProcess } from './process.ts';

/** The node refused an ioctl or a message by itself. */
export class NodeRefusal extends Error {
  readonly code = 'NODE_REFUSAL';
  readonly errno: number;
  constructor(what: string, errno: number) {
    super(`vhost-vdpa refuses ${what} (errno ${errno})`);
    this.errno = errno;
  }
}

/**
 * Open a node for a virtio driver in `process`: become the owner, acknowledge all backend features, and see the
 * device as any virtio driver does. Guest memory is at {@link USER_BASE} of the process (`processWith`).
 *
 * @param refused called, and has to throw, when the node refuses what the parent was to get; it throws a
 *   {@link NodeRefusal} unless told otherwise
 * @throws BusError EBUSY when the node is open already, ENODEV when it cannot be opened
 */
export function openDevice(
  node: VhostVdpaNode,
  process: UserProcess,
  refused: (refusal: NodeRefusal) => never = (refusal) => {
    throw refusal;
  },
): BoundDevice {
  const file = node.open(process);
  if (typeof file === 'number')
    throw new BusError(
      file === -ERRNO.EBUSY ? 'EBUSY' : 'ENODEV',
      `${node.path} cannot be opened: errno ${-file}`,
    );
  const client = new VhostVdpaClient(file);
  client.setOwner();
  client.setBackendFeatures(client.backendFeatures());
  const { device } = file;
  const ops = new OpsThroughNode(client, {
    eventfd: () => {
      const { fd, event } = process.files.eventfd();
      return {
        fd,
        signal: () => event.signal(),
        wait: (waiter) => void event.wait(waiter),
        close: () => process.files.close(fd),
      };
    },
    toUser: (pa) => USER_BASE + pa,
    nas: device.nas,
    nvqs: device.nvqs,
    parent: device.ops,
    refused: (what, errno) => refused(new NodeRefusal(what, errno)),
  });
  return new VirtioVdpaDevice({ ...described(device), ops });
}

/** The members of a device that is not plain data. */
const described = ({ name, nvqs, ngroups, nas, useVa }: BoundDevice['vdpa']) => ({
  name,
  nvqs,
  ngroups,
  nas,
  useVa,
});
