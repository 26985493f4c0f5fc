import { ERRNO } from '../../framework/device.ts';
import type { DeviceAttributes, ManagementDevice } from '../../framework/management/management-device.ts';
import type { DevicePort } from '../../framework/memory/host-memory.ts';
import { deviceId } from '../../specs/virtio-1.1/device-ids.ts';
import { F_ACCESS_PLATFORM, F_VERSION_1, NET_F } from '../../specs/virtio-1.1/features.ts';
import { offerable } from './driver/provision.ts';
import { Mlx5Function } from './firmware/mlx5-function.ts';
import { EVENT_MODES, type FunctionShape, PORT_OVERHEAD, UMEM_PARAMS } from './firmware/shape.ts';
import { type Mlx5Instance, mlx5Instance, QUEUE_OFFLOADS } from './parents.ts';
import { toQueueFeatures } from './prm/net-queue.ts';

/** Pairs of data queues that the function has. */
const MAX_PAIRS = 8;
const DEFAULT_MTU = 1500;
const SUPPORTED = offerable(QUEUE_OFFLOADS);
const NEEDED = F_VERSION_1 | F_ACCESS_PLATFORM;

/** The function before anything was provisioned; `mac` zero: it has no address of its own. */
const shapeOf = (mac: Uint8Array, mtu: number): FunctionShape => ({
  maxQueues: 2 * MAX_PAIRS,
  maxQueueSize: 256,
  features: toQueueFeatures(QUEUE_OFFLOADS),
  eventModes: EVENT_MODES.qp,
  vectors: 0,
  freezeToReady: true,
  descGroup: false,
  umemParams: UMEM_PARAMS,
  mac,
  portMtu: mtu + PORT_OVERHEAD,
});

/**
 * The management device of a ConnectX function: it makes one device. `mac` is the address of the function; six zeros
 * when it has none, and then only a device that is given one offers VIRTIO_NET_F_MAC.
 */
export function mlx5Management(
  port: DevicePort,
  name = '0000:01:00.2',
  mac: Uint8Array = new Uint8Array(6),
): ManagementDevice {
  let made: Mlx5Instance | null = null;
  return {
    name,
    bus: 'pci',
    classes: [deviceId('net')],
    accepts: ['dev-net-cfg-macaddr', 'dev-net-cfg-max-vqp', 'dev-net-cfg-mtu', 'dev-features'],
    features: SUPPORTED,
    maxVqs: 2 * MAX_PAIRS + 1,
    devAdd(busName, attributes) {
      if (made !== null) return -ERRNO.ENOSPC;
      const features = featuresOf(attributes, mac);
      if (typeof features === 'number') return features;
      const maxPairs = attributes.maxVqPairs ?? 1;
      if (maxPairs > MAX_PAIRS) return -ERRNO.EINVAL;
      const own = attributes.mac ?? mac;
      const shape = shapeOf(own, attributes.mtu ?? DEFAULT_MTU);
      made = mlx5Instance(new Mlx5Function(shape, port), { features, maxPairs }, undefined, busName);
      return made;
    },
    devDel(instance) {
      instance.dispose?.();
      made = null;
    },
  };
}

/** What a device is to offer; without an order mergeable buffers are left out, and MAC where there is no address. */
function featuresOf({ features, mac }: DeviceAttributes, ofFunction: Uint8Array): bigint | number {
  const wanted = features ?? SUPPORTED & ~NET_F.MRG_RXBUF;
  if ((wanted & ~SUPPORTED) !== 0n) return -ERRNO.EINVAL;
  if ((wanted & NEEDED) !== NEEDED) return -ERRNO.EOPNOTSUPP;
  const address = mac ?? ofFunction;
  if ((wanted & NET_F.MAC) === 0n || address.some((byte) => byte !== 0)) return wanted;
  return features === undefined && mac === undefined ? wanted & ~NET_F.MAC : -ERRNO.EINVAL;
}
