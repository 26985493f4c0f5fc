import { configField } from '../../../specs/virtio-1.1/config-space.ts';
import { BLK_F } from '../../../specs/virtio-1.1/features.ts';
import { PAGE, SECTOR } from './disk.ts';

/** Bytes of `struct virtio_blk_config` (section 5.2.4). */
export const BLK_CONFIG_SIZE = 60;

/** Where the fields lie that the device itself looks at. */
export const CAPACITY_AT = configField('blk', 'capacity').offset;
export const WRITEBACK_AT = configField('blk', 'writeback').offset;

/** What the configuration space tells a driver about the disk. */
export interface BlkLimits {
  /** Sectors of 512 bytes. */
  readonly capacity: number;
  readonly blkSize: number;
  readonly segMax: number;
  readonly sizeMax: number;
  readonly discardSectors: number;
  readonly discardSegments: number;
  readonly zeroesSectors: number;
  readonly zeroesSegments: number;
}

/**
 * The configuration space of a block device (section 5.2.4). Fields of features that are not offered are 0,
 * as are the paddings (section 5.2.5.2).
 */
export function blkConfig(limits: BlkLimits, offered: bigint): Uint8Array {
  const bytes = new Uint8Array(BLK_CONFIG_SIZE);
  const view = new DataView(bytes.buffer);
  const put = (feature: bigint, fields: Readonly<Record<string, number>>): void => {
    if ((offered & feature) !== feature) return;
    for (const [name, value] of Object.entries(fields)) putField(view, name, value);
  };
  put(0n, { capacity: limits.capacity });
  put(BLK_F.SIZE_MAX, { size_max: limits.sizeMax });
  put(BLK_F.SEG_MAX, { seg_max: limits.segMax });
  const cylinders = Math.min(0xffff, Math.floor(limits.capacity / (HEADS * SECTORS_PER_TRACK)));
  put(BLK_F.GEOMETRY, {
    'geometry.cylinders': cylinders,
    'geometry.heads': HEADS,
    'geometry.sectors': SECTORS_PER_TRACK,
  });
  put(BLK_F.BLK_SIZE, { blk_size: limits.blkSize });
  const perPage = Math.max(1, PAGE / limits.blkSize);
  put(BLK_F.TOPOLOGY, {
    'topology.physical_block_exp': Math.log2(perPage),
    'topology.alignment_offset': 0,
    'topology.min_io_size': perPage,
    'topology.opt_io_size': perPage * 16,
  });
  put(BLK_F.CONFIG_WCE, { writeback: 1 });
  put(BLK_F.DISCARD, {
    max_discard_sectors: limits.discardSectors,
    max_discard_seg: limits.discardSegments,
    discard_sector_alignment: PAGE / SECTOR,
  });
  put(BLK_F.WRITE_ZEROES, {
    max_write_zeroes_sectors: limits.zeroesSectors,
    max_write_zeroes_seg: limits.zeroesSegments,
    write_zeroes_may_unmap: 1,
  });
  return bytes;
}

/** The classic translation of disks without real tracks. */
const HEADS = 16;
const SECTORS_PER_TRACK = 63;

function putField(view: DataView, name: string, value: number): void {
  const { offset, width } = configField('blk', name);
  if (width === 8) view.setBigUint64(offset, BigInt(value), true);
  else if (width === 4) view.setUint32(offset, value, true);
  else if (width === 2) view.setUint16(offset, value, true);
  else view.setUint8(offset, value);
}
