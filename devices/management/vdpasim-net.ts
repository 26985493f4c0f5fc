import { ERRNO } from '../../framework/device.ts';
import type { DeviceAttributes, ManagementDevice } from '../../framework/management/management-device.ts';
import type { DevicePort } from '../../framework/memory/host-memory.ts';
import type { VdpaRelease } from '../../specs/vdpa/netlink.ts';
import { deviceId } from '../../specs/virtio-1.1/device-ids.ts';
import { F_ACCESS_PLATFORM, F_VERSION_1, NET_F } from '../../specs/virtio-1.1/features.ts';
import { CORE_ABILITIES, SimulatorInstance } from '../simulator/instance.ts';
import { NET_S, type NetProfile } from '../simulator/net/net-config.ts';
import { NetDevice } from '../simulator/net/net-device.ts';
import { countStatistics, withoutStatistics } from './net-statistics.ts';

/** Legacy bit that the simulators of Linux offer all the same (section 6.3). */
export const F_ANY_LAYOUT = 1n << 27n;

/** Queues of `vdpasim_net`: receive, transmit, control. */
const QUEUES = 3;
const DEFAULT_MTU = 1500;

/** Features of `vdpasim_net`; STATUS came after 6.1. */
export const vdpasimNetFeatures = (release: VdpaRelease): bigint =>
  F_ANY_LAYOUT |
  F_VERSION_1 |
  F_ACCESS_PLATFORM |
  NET_F.MTU |
  NET_F.MAC |
  NET_F.CTRL_VQ |
  NET_F.CTRL_MAC_ADDR |
  (release === '6.1' ? 0n : NET_F.STATUS);

/** What a device of `vdpasim_net` is made of: 3 queues, 2 groups and address spaces, 256 descriptors. */
export function vdpasimNetProfile(features: bigint, attributes: DeviceAttributes): NetProfile {
  const mtu = attributes.mtu ?? DEFAULT_MTU;
  const config = new Uint8Array(12);
  const view = new DataView(config.buffer);
  config.set(attributes.mac ?? new Uint8Array(6));
  view.setUint16(6, NET_S.LINK_UP, true);
  view.setUint16(10, mtu, true);
  return {
    deviceType: 'net',
    deviceId: deviceId('net'),
    nvqs: QUEUES,
    ngroups: 2,
    nas: 2,
    features,
    numMax: 256,
    config,
    dma: 'set',
    variant: undefined,
    maxPairs: 1,
    mtu,
  };
}

/** The management device `vdpasim_net`. Its devices move frames to a packet peer instead of back to themselves. */
export function vdpasimNet(port: DevicePort, release: VdpaRelease): ManagementDevice {
  const features = vdpasimNetFeatures(release);
  return {
    name: 'vdpasim_net',
    classes: [deviceId('net')],
    accepts: ['dev-net-cfg-macaddr', 'dev-net-cfg-mtu', 'dev-features'],
    features,
    maxVqs: QUEUES,
    devAdd(name, attributes) {
      const wanted = attributes.features ?? features;
      if ((wanted & ~features) !== 0n) return -ERRNO.EINVAL;
      const device = new NetDevice(vdpasimNetProfile(features & wanted, attributes), port, name);
      if (release === '6.1') withoutStatistics(device);
      else countStatistics(device);
      return new SimulatorInstance(device, CORE_ABILITIES, undefined, device.peer);
    },
    devDel(instance) {
      instance.dispose?.();
    },
    ...(release === '6.1' ? {} : { devSetAttributes: setAddress }),
  };
}

/** Give a device another MAC address; the MTU is not changed, as in Linux. */
function setAddress({ device }: { device: unknown }, { mac }: DeviceAttributes): number {
  if (mac === undefined) return -ERRNO.EOPNOTSUPP;
  (device as NetDevice).changeConfig(0, mac);
  return 0;
}
