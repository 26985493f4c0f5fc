import type { ManagementDevice } from '../../framework/management/management-device.ts';
import type { DevicePort } from '../../framework/memory/host-memory.ts';
import { deviceId } from '../../specs/virtio-1.1/device-ids.ts';
import { BLK_F, F_ACCESS_PLATFORM, F_VERSION_1 } from '../../specs/virtio-1.1/features.ts';
import { type BlkLimits, blkConfig } from '../simulator/blk/blk-config.ts';
import { BlkDevice } from '../simulator/blk/blk-device.ts';
import { BLK_ABILITIES } from '../simulator/blk/parent.ts';
import type { BlkProfile } from '../simulator/blk/profile.ts';
import { SimulatorInstance } from '../simulator/instance.ts';
import { F_ANY_LAYOUT } from './vdpasim-net.ts';

/** Feature bit 12 is not in virtio 1.1; `vdpasim_blk` offers it. */
const BLK_F_MQ = 1n << 12n;

/** Features of `vdpasim_blk`. */
export const VDPASIM_BLK_FEATURES =
  F_ANY_LAYOUT |
  F_VERSION_1 |
  F_ACCESS_PLATFORM |
  BLK_F.SIZE_MAX |
  BLK_F.SEG_MAX |
  BLK_F.BLK_SIZE |
  BLK_F.TOPOLOGY |
  BLK_F_MQ |
  BLK_F.FLUSH |
  BLK_F.DISCARD |
  BLK_F.WRITE_ZEROES;

/** A disk of 128 MiB. */
const LIMITS: BlkLimits = {
  capacity: 0x4_0000,
  blkSize: 512,
  segMax: 32,
  sizeMax: 0x1000,
  discardSectors: 0xffff_ffff,
  discardSegments: 1,
  zeroesSectors: 0xffff_ffff,
  zeroesSegments: 1,
};

/** The configuration space as Linux fills it, `num_queues` of virtio 1.2 included. */
function configuration(): Uint8Array {
  const bytes = blkConfig(LIMITS, VDPASIM_BLK_FEATURES);
  const view = new DataView(bytes.buffer);
  view.setUint8(24, 0); // physical_block_exp
  view.setUint16(26, 1, true); // min_io_size
  view.setUint32(28, 1, true); // opt_io_size
  view.setUint16(34, 1, true); // num_queues
  view.setUint32(44, 512, true); // discard_sector_alignment
  view.setUint8(56, 0); // write_zeroes_may_unmap
  return bytes;
}

const PROFILE: BlkProfile = {
  deviceType: 'blk',
  deviceId: deviceId('blk'),
  nvqs: 1,
  ngroups: 1,
  nas: 1,
  features: VDPASIM_BLK_FEATURES,
  numMax: 256,
  config: configuration(),
  dma: 'set',
  variant: undefined,
  limits: LIMITS,
  readOnly: false,
  serial: serial('vdpa_blk_sim'),
};

function serial(text: string): Uint8Array {
  const bytes = new Uint8Array(20);
  bytes.set(new TextEncoder().encode(text));
  return bytes;
}

/** The management device `vdpasim_blk`: it takes no attributes and publishes neither features nor queues. */
export function vdpasimBlk(port: DevicePort): ManagementDevice {
  return {
    name: 'vdpasim_blk',
    classes: [deviceId('blk')],
    accepts: [],
    features: 0n,
    maxVqs: 0,
    devAdd: (name) => new SimulatorInstance(new BlkDevice(PROFILE, port, name), BLK_ABILITIES),
    devDel(instance) {
      instance.dispose?.();
    },
  };
}
