/** Configuration space of every 1.1 device type (sections 2.4 and 5.x.4). All values are little-endian. */

import { closestName, type FeatureName } from './features.ts';

/** Device types whose configuration space 1.1 describes; `other` stands for all that it does not specify. */
export type ConfigDevice =
  | 'net'
  | 'blk'
  | 'console'
  | 'entropy'
  | 'balloon'
  | 'scsi'
  | 'gpu'
  | 'input'
  | 'crypto'
  | 'socket'
  | 'other';

/** How the bytes of a field are read; `none` marks the placeholder of a device without fields. */
export type ConfigType = 'u8' | 'le16' | 'le32' | 'le64' | `u8[${number}]` | 'none';

/** One field of a device configuration space. */
export interface ConfigField {
  readonly device: ConfigDevice;
  readonly field: string;
  readonly offset: number;
  readonly width: number;
  readonly type: ConfigType;
  /** whether a driver may write the field through the modern interface */
  readonly driverWrites: boolean;
  /** features of which one has to be offered for the field to exist; empty when it always does */
  readonly condition: readonly FeatureName[];
  readonly section: string;
  readonly note?: string;
}

/** Every configuration field of virtio 1.1, by device and offset. */
export const CONFIG_FIELDS = [
  {
    device: 'net',
    field: 'mac',
    offset: 0,
    width: 6,
    type: 'u8[6]',
    driverWrites: false,
    condition: [],
    section: '5.1.4',
    note: 'Always there, valid only with MAC; a legacy driver may write it.',
  },
  {
    device: 'net',
    field: 'status',
    offset: 6,
    width: 2,
    type: 'le16',
    driverWrites: false,
    condition: ['VIRTIO_NET_F_STATUS'],
    section: '5.1.4',
  },
  {
    device: 'net',
    field: 'max_virtqueue_pairs',
    offset: 8,
    width: 2,
    type: 'le16',
    driverWrites: false,
    condition: ['VIRTIO_NET_F_MQ'],
    section: '5.1.4',
  },
  {
    device: 'net',
    field: 'mtu',
    offset: 10,
    width: 2,
    type: 'le16',
    driverWrites: false,
    condition: ['VIRTIO_NET_F_MTU'],
    section: '5.1.4',
  },
  {
    device: 'blk',
    field: 'capacity',
    offset: 0,
    width: 8,
    type: 'le64',
    driverWrites: false,
    condition: [],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'size_max',
    offset: 8,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: ['VIRTIO_BLK_F_SIZE_MAX'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'seg_max',
    offset: 12,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: ['VIRTIO_BLK_F_SEG_MAX'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'geometry.cylinders',
    offset: 16,
    width: 2,
    type: 'le16',
    driverWrites: false,
    condition: ['VIRTIO_BLK_F_GEOMETRY'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'geometry.heads',
    offset: 18,
    width: 1,
    type: 'u8',
    driverWrites: false,
    condition: ['VIRTIO_BLK_F_GEOMETRY'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'geometry.sectors',
    offset: 19,
    width: 1,
    type: 'u8',
    driverWrites: false,
    condition: ['VIRTIO_BLK_F_GEOMETRY'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'blk_size',
    offset: 20,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: ['VIRTIO_BLK_F_BLK_SIZE'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'topology.physical_block_exp',
    offset: 24,
    width: 1,
    type: 'u8',
    driverWrites: false,
    condition: ['VIRTIO_BLK_F_TOPOLOGY'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'topology.alignment_offset',
    offset: 25,
    width: 1,
    type: 'u8',
    driverWrites: false,
    condition: ['VIRTIO_BLK_F_TOPOLOGY'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'topology.min_io_size',
    offset: 26,
    width: 2,
    type: 'le16',
    driverWrites: false,
    condition: ['VIRTIO_BLK_F_TOPOLOGY'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'topology.opt_io_size',
    offset: 28,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: ['VIRTIO_BLK_F_TOPOLOGY'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'writeback',
    offset: 32,
    width: 1,
    type: 'u8',
    driverWrites: true,
    condition: ['VIRTIO_BLK_F_CONFIG_WCE'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'unused0',
    offset: 33,
    width: 3,
    type: 'u8[3]',
    driverWrites: false,
    condition: [],
    section: '5.2.4',
    note: 'Reads as zero (5.2.5.2).',
  },
  {
    device: 'blk',
    field: 'max_discard_sectors',
    offset: 36,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: ['VIRTIO_BLK_F_DISCARD'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'max_discard_seg',
    offset: 40,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: ['VIRTIO_BLK_F_DISCARD'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'discard_sector_alignment',
    offset: 44,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: ['VIRTIO_BLK_F_DISCARD'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'max_write_zeroes_sectors',
    offset: 48,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: ['VIRTIO_BLK_F_WRITE_ZEROES'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'max_write_zeroes_seg',
    offset: 52,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: ['VIRTIO_BLK_F_WRITE_ZEROES'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'write_zeroes_may_unmap',
    offset: 56,
    width: 1,
    type: 'u8',
    driverWrites: false,
    condition: ['VIRTIO_BLK_F_WRITE_ZEROES'],
    section: '5.2.4',
  },
  {
    device: 'blk',
    field: 'unused1',
    offset: 57,
    width: 3,
    type: 'u8[3]',
    driverWrites: false,
    condition: [],
    section: '5.2.4',
    note: 'Reads as zero (5.2.5.2).',
  },
  {
    device: 'console',
    field: 'cols',
    offset: 0,
    width: 2,
    type: 'le16',
    driverWrites: false,
    condition: ['VIRTIO_CONSOLE_F_SIZE'],
    section: '5.3.4',
  },
  {
    device: 'console',
    field: 'rows',
    offset: 2,
    width: 2,
    type: 'le16',
    driverWrites: false,
    condition: ['VIRTIO_CONSOLE_F_SIZE'],
    section: '5.3.4',
  },
  {
    device: 'console',
    field: 'max_nr_ports',
    offset: 4,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: ['VIRTIO_CONSOLE_F_MULTIPORT'],
    section: '5.3.4',
  },
  {
    device: 'console',
    field: 'emerg_wr',
    offset: 8,
    width: 4,
    type: 'le32',
    driverWrites: true,
    condition: ['VIRTIO_CONSOLE_F_EMERG_WRITE'],
    section: '5.3.4',
    note: 'Write-only: each write puts one character out, even before negotiation.',
  },
  {
    device: 'balloon',
    field: 'num_pages',
    offset: 0,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.5.4',
  },
  {
    device: 'balloon',
    field: 'actual',
    offset: 4,
    width: 4,
    type: 'le32',
    driverWrites: true,
    condition: [],
    section: '5.5.4',
  },
  {
    device: 'scsi',
    field: 'num_queues',
    offset: 0,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.6.4',
  },
  {
    device: 'scsi',
    field: 'seg_max',
    offset: 4,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.6.4',
  },
  {
    device: 'scsi',
    field: 'max_sectors',
    offset: 8,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.6.4',
  },
  {
    device: 'scsi',
    field: 'cmd_per_lun',
    offset: 12,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.6.4',
  },
  {
    device: 'scsi',
    field: 'event_info_size',
    offset: 16,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.6.4',
  },
  {
    device: 'scsi',
    field: 'sense_size',
    offset: 20,
    width: 4,
    type: 'le32',
    driverWrites: true,
    condition: [],
    section: '5.6.4',
    note: '96 after a reset.',
  },
  {
    device: 'scsi',
    field: 'cdb_size',
    offset: 24,
    width: 4,
    type: 'le32',
    driverWrites: true,
    condition: [],
    section: '5.6.4',
    note: '32 after a reset.',
  },
  {
    device: 'scsi',
    field: 'max_channel',
    offset: 28,
    width: 2,
    type: 'le16',
    driverWrites: false,
    condition: [],
    section: '5.6.4',
  },
  {
    device: 'scsi',
    field: 'max_target',
    offset: 30,
    width: 2,
    type: 'le16',
    driverWrites: false,
    condition: [],
    section: '5.6.4',
  },
  {
    device: 'scsi',
    field: 'max_lun',
    offset: 32,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.6.4',
  },
  {
    device: 'gpu',
    field: 'events_read',
    offset: 0,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.7.4',
  },
  {
    device: 'gpu',
    field: 'events_clear',
    offset: 4,
    width: 4,
    type: 'le32',
    driverWrites: true,
    condition: [],
    section: '5.7.4',
    note: 'Writing a one clears that bit of events_read.',
  },
  {
    device: 'gpu',
    field: 'num_scanouts',
    offset: 8,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.7.4',
    note: 'From 1 to 16.',
  },
  {
    device: 'gpu',
    field: 'reserved',
    offset: 12,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.7.4',
  },
  {
    device: 'input',
    field: 'select',
    offset: 0,
    width: 1,
    type: 'u8',
    driverWrites: true,
    condition: [],
    section: '5.8.4',
  },
  {
    device: 'input',
    field: 'subsel',
    offset: 1,
    width: 1,
    type: 'u8',
    driverWrites: true,
    condition: [],
    section: '5.8.4',
  },
  {
    device: 'input',
    field: 'size',
    offset: 2,
    width: 1,
    type: 'u8',
    driverWrites: false,
    condition: [],
    section: '5.8.4',
    note: 'Zero when the device lacks the selected item.',
  },
  {
    device: 'input',
    field: 'reserved',
    offset: 3,
    width: 5,
    type: 'u8[5]',
    driverWrites: false,
    condition: [],
    section: '5.8.4',
  },
  {
    device: 'input',
    field: 'u',
    offset: 8,
    width: 128,
    type: 'u8[128]',
    driverWrites: false,
    condition: [],
    section: '5.8.4',
    note: 'Only `size` bytes count: string, bitmap, five le32 of an axis or four le16 of ids.',
  },
  {
    device: 'crypto',
    field: 'status',
    offset: 0,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.9.5',
    note: 'Bit 0 says that the hardware is ready.',
  },
  {
    device: 'crypto',
    field: 'max_dataqueues',
    offset: 4,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.9.5',
  },
  {
    device: 'crypto',
    field: 'crypto_services',
    offset: 8,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.9.5',
  },
  {
    device: 'crypto',
    field: 'cipher_algo_l',
    offset: 12,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.9.5',
    note: 'Meaningful with the CIPHER service.',
  },
  {
    device: 'crypto',
    field: 'cipher_algo_h',
    offset: 16,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.9.5',
    note: 'Meaningful with the CIPHER service.',
  },
  {
    device: 'crypto',
    field: 'hash_algo',
    offset: 20,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.9.5',
    note: 'Meaningful with the HASH service.',
  },
  {
    device: 'crypto',
    field: 'mac_algo_l',
    offset: 24,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.9.5',
    note: 'Meaningful with the MAC service.',
  },
  {
    device: 'crypto',
    field: 'mac_algo_h',
    offset: 28,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.9.5',
    note: 'Meaningful with the MAC service.',
  },
  {
    device: 'crypto',
    field: 'aead_algo',
    offset: 32,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.9.5',
    note: 'Meaningful with the AEAD service.',
  },
  {
    device: 'crypto',
    field: 'max_cipher_key_len',
    offset: 36,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.9.5',
    note: 'Meaningful with the CIPHER service.',
  },
  {
    device: 'crypto',
    field: 'max_auth_key_len',
    offset: 40,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.9.5',
    note: 'Meaningful with the MAC service.',
  },
  {
    device: 'crypto',
    field: 'reserved',
    offset: 44,
    width: 4,
    type: 'le32',
    driverWrites: false,
    condition: [],
    section: '5.9.5',
  },
  {
    device: 'crypto',
    field: 'max_size',
    offset: 48,
    width: 8,
    type: 'le64',
    driverWrites: false,
    condition: [],
    section: '5.9.5',
  },
  {
    device: 'socket',
    field: 'guest_cid',
    offset: 0,
    width: 8,
    type: 'le64',
    driverWrites: false,
    condition: [],
    section: '5.10.4',
    note: 'The upper 32 bits are zero.',
  },
  {
    device: 'entropy',
    field: '(none)',
    offset: 0,
    width: 0,
    type: 'none',
    driverWrites: false,
    condition: [],
    section: '5.4.4',
    note: 'Stands for a configuration space without any field.',
  },
] as const satisfies readonly ConfigField[];

const TABLE: readonly ConfigField[] = CONFIG_FIELDS;

/**
 * The configuration fields of one device type in offset order (sections 5.x.4).
 * A device without a configuration space, such as the entropy device, has none.
 */
export function configFields(device: ConfigDevice): readonly ConfigField[] {
  return TABLE.filter((row) => row.device === device && row.width > 0);
}

/**
 * One configuration field by name (sections 5.x.4); members of a structure are spelt `geometry.heads`.
 *
 * @throws RangeError with a suggestion when the device has no such field
 */
export function configField(device: ConfigDevice, name: string): ConfigField {
  const fields = configFields(device);
  const found = fields.find((row) => row.field === name);
  if (found !== undefined) return found;
  const hint = closestName(
    name,
    fields.map((row) => row.field),
  );
  const tail = hint === undefined ? '' : `; did you mean ${hint}?`;
  throw new RangeError(`no configuration field "${name}" in a virtio 1.1 ${device} device${tail}`);
}

/**
 * Decodes one field from the bytes of a whole configuration space (section 2.4, little-endian).
 * Up to 32 bits come back as a number, 64 bits as a bigint, byte arrays as a copy.
 *
 * @throws RangeError when the bytes end before the field does
 */
export function readField(bytes: Uint8Array, field: ConfigField): number | bigint | Uint8Array {
  const end = field.offset + field.width;
  if (bytes.length < end) {
    throw new RangeError(
      `${field.device} ${field.field} ends at byte ${end}, but only ${bytes.length} are there`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (field.type) {
    case 'u8':
      return view.getUint8(field.offset);
    case 'le16':
      return view.getUint16(field.offset, true);
    case 'le32':
      return view.getUint32(field.offset, true);
    case 'le64':
      return view.getBigUint64(field.offset, true);
    default:
      return Uint8Array.from(bytes.subarray(field.offset, end));
  }
}
