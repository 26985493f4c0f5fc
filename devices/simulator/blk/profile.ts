import type { ParentOption } from '../../../framework/parent.ts';
import { deviceId } from '../../../specs/virtio-1.1/device-ids.ts';
import { BLK_F } from '../../../specs/virtio-1.1/features.ts';
import { offerOf } from '../feature-offer.ts';
import {
  CORE_OPTIONS,
  checkOptions,
  coreProfile,
  flagOption,
  integerOption,
  OptionError,
  type Options,
  profileCache,
  RING_FEATURES,
} from '../options.ts';
import type { DeviceProfile } from '../profile.ts';
import { type BlkLimits, blkConfig } from './blk-config.ts';

/** Largest disk: 4 PiB, so that every byte position is an exact number. */
export const MAX_CAPACITY = 2 ** 43;

/** A block device as its options describe it. */
export interface BlkProfile extends DeviceProfile {
  readonly limits: BlkLimits;
  readonly readOnly: boolean;
  readonly serial: Uint8Array;
}

/** Options of the simulated block device. */
export const BLK_OPTIONS: readonly ParentOption[] = [
  ...CORE_OPTIONS,
  { name: 'capacity', description: 'sectors of 512 bytes, up to 2^43; the store is sparse', default: '8192' },
  { name: 'read-only', description: 'offer RO and refuse writes' },
  { name: 'blk-size', description: 'block size in bytes: a power of two from 512', default: '512' },
  {
    name: 'seg-max',
    description: 'data segments of a request',
    default: '32, or what the queue has room for',
  },
  { name: 'size-max', description: 'bytes of a data segment', default: '4096' },
  { name: 'discard-sectors', description: 'sectors of a discard segment', default: '8192' },
  { name: 'discard-segments', description: 'segments of a discard request', default: '8' },
  { name: 'zeroes-sectors', description: 'sectors of a write zeroes segment', default: '8192' },
  { name: 'zeroes-segments', description: 'segments of a write zeroes request', default: '8' },
  { name: 'serial', description: 'answer to GET_ID, up to 20 bytes', default: 'vdpa-cts-blk' },
];

const ALL_FEATURES =
  RING_FEATURES |
  BLK_F.SIZE_MAX |
  BLK_F.SEG_MAX |
  BLK_F.GEOMETRY |
  BLK_F.BLK_SIZE |
  BLK_F.FLUSH |
  BLK_F.TOPOLOGY |
  BLK_F.CONFIG_WCE |
  BLK_F.DISCARD |
  BLK_F.WRITE_ZEROES;

/**
 * The profile that `options` ask for. Later calls with the same object return the same profile.
 *
 * @throws OptionError for an option that does not exist or a value out of its range
 * @throws RangeError for an unknown feature name
 */
export const blkProfile = profileCache(buildProfile);

function buildProfile(options: Options): BlkProfile {
  checkOptions(options, BLK_OPTIONS);
  const core = coreProfile(options);
  const readOnly = flagOption(options, 'read-only');
  const features = blkOffer(options, readOnly);
  const limits = blkLimits(options, core.numMax);
  return {
    ...core,
    deviceType: 'blk',
    deviceId: deviceId('blk'),
    nvqs: 1,
    ngroups: 1,
    nas: 1,
    features,
    config: blkConfig(limits, features),
    limits,
    readOnly: (features & BLK_F.RO) !== 0n,
    serial: serialOf(options.serial ?? 'vdpa-cts-blk'),
  };
}

/** CONFIG_WCE is offered only together with FLUSH (section 5.2.5.2). */
function blkOffer(options: Options, readOnly: boolean): bigint {
  const offer = offerOf(ALL_FEATURES, 'blk', options) | (readOnly ? BLK_F.RO : 0n);
  return (offer & BLK_F.FLUSH) === 0n ? offer & ~BLK_F.CONFIG_WCE : offer;
}

function blkLimits(options: Options, numMax: number): BlkLimits {
  const blkSize = integerOption(options, 'blk-size', 512, 512, 2 ** 20);
  if ((blkSize & (blkSize - 1)) !== 0) throw new OptionError(`blk-size=${blkSize}: not a power of two`);
  const most = 0xffff_ffff;
  return {
    capacity: integerOption(options, 'capacity', 8192, 1, MAX_CAPACITY),
    blkSize,
    // Header and status take a descriptor each, and a chain has no more than the queue (2.6.5.3.1).
    segMax: integerOption(options, 'seg-max', Math.max(1, Math.min(32, numMax - 2)), 1, most),
    sizeMax: integerOption(options, 'size-max', 4096, 1, most),
    discardSectors: integerOption(options, 'discard-sectors', 8192, 0, most),
    discardSegments: integerOption(options, 'discard-segments', 8, 0, 4096),
    zeroesSectors: integerOption(options, 'zeroes-sectors', 8192, 0, most),
    zeroesSegments: integerOption(options, 'zeroes-segments', 8, 0, 4096),
  };
}

function serialOf(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > 20) throw new OptionError(`serial=${text}: longer than 20 bytes`);
  const serial = new Uint8Array(20);
  serial.set(bytes);
  return serial;
}
