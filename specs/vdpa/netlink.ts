/**
 * The generic netlink family `vdpa` as tables: commands, attributes, and how they differ between kernels.
 * Source: `include/uapi/linux/vdpa.h`; values are in host byte order on the wire, which is little-endian here.
 */

export const VDPA_FAMILY = { name: 'vdpa', version: 1 } as const;

/** Kernel releases whose interface differs: 6.1, and 6.12 with what came in between. */
export const VDPA_RELEASES = ['6.1', '6.12'] as const;
export type VdpaRelease = (typeof VDPA_RELEASES)[number];

/** Largest attribute number of the family, as the family itself reports it. */
export const VDPA_MAXATTR: Readonly<Record<VdpaRelease, number>> = { '6.1': 22, '6.12': 37 };

/** The release whose interface a family with this largest attribute number has. */
export const releaseOf = (maxattr: number): VdpaRelease => (maxattr >= VDPA_MAXATTR['6.12'] ? '6.12' : '6.1');

/** Commands (`enum vdpa_command`); 8 came after 6.1. */
export const VDPA_CMD = {
  'mgmtdev-new': 1,
  'mgmtdev-get': 2,
  'dev-new': 3,
  'dev-del': 4,
  'dev-get': 5,
  'dev-config-get': 6,
  'dev-vstats-get': 7,
  'dev-attr-set': 8,
} as const;
export type VdpaCommand = keyof typeof VDPA_CMD;

/** Kinds of attribute payload; `mac` is six bytes, `string` is terminated by a zero byte. */
export type AttributeKind = 'u8' | 'u16' | 'u32' | 'u64' | 'string' | 'mac';

/** One attribute of the family. */
export interface VdpaAttribute {
  readonly id: number;
  readonly name: string;
  readonly kind: AttributeKind;
  /** Releases that have it; all when missing. */
  readonly only?: VdpaRelease;
}

/** Attributes (`enum vdpa_attr`) by number. Number 21 was given away twice. */
export const VDPA_ATTRIBUTES = [
  { id: 1, name: 'mgmtdev-bus-name', kind: 'string' },
  { id: 2, name: 'mgmtdev-dev-name', kind: 'string' },
  { id: 3, name: 'mgmtdev-supported-classes', kind: 'u64' },
  { id: 4, name: 'dev-name', kind: 'string' },
  { id: 5, name: 'dev-id', kind: 'u32' },
  { id: 6, name: 'dev-vendor-id', kind: 'u32' },
  { id: 7, name: 'dev-max-vqs', kind: 'u32' },
  { id: 8, name: 'dev-max-vq-size', kind: 'u16' },
  { id: 9, name: 'dev-min-vq-size', kind: 'u16' },
  { id: 10, name: 'dev-net-cfg-macaddr', kind: 'mac' },
  { id: 11, name: 'dev-net-status', kind: 'u16' },
  { id: 12, name: 'dev-net-cfg-max-vqp', kind: 'u16' },
  { id: 13, name: 'dev-net-cfg-mtu', kind: 'u16' },
  { id: 14, name: 'dev-negotiated-features', kind: 'u64' },
  { id: 15, name: 'dev-mgmtdev-max-vqs', kind: 'u32' },
  { id: 16, name: 'dev-supported-features', kind: 'u64' },
  { id: 17, name: 'dev-queue-index', kind: 'u32' },
  { id: 18, name: 'dev-vendor-attr-name', kind: 'string' },
  { id: 19, name: 'dev-vendor-attr-value', kind: 'u64' },
  { id: 20, name: 'dev-features', kind: 'u64' },
  { id: 21, name: 'vdpa-dev-supported-features', kind: 'u64', only: '6.1' },
  { id: 21, name: 'dev-blk-cfg-capacity', kind: 'u64', only: '6.12' },
  { id: 22, name: 'dev-blk-cfg-size-max', kind: 'u32', only: '6.12' },
  { id: 23, name: 'dev-blk-cfg-blk-size', kind: 'u32', only: '6.12' },
  { id: 24, name: 'dev-blk-cfg-seg-max', kind: 'u32', only: '6.12' },
  { id: 25, name: 'dev-blk-cfg-num-queues', kind: 'u16', only: '6.12' },
  { id: 26, name: 'dev-blk-cfg-phy-blk-exp', kind: 'u8', only: '6.12' },
  { id: 27, name: 'dev-blk-cfg-align-offset', kind: 'u8', only: '6.12' },
  { id: 28, name: 'dev-blk-cfg-min-io-size', kind: 'u16', only: '6.12' },
  { id: 29, name: 'dev-blk-cfg-opt-io-size', kind: 'u32', only: '6.12' },
  { id: 30, name: 'dev-blk-cfg-max-discard-sec', kind: 'u32', only: '6.12' },
  { id: 31, name: 'dev-blk-cfg-max-discard-seg', kind: 'u32', only: '6.12' },
  { id: 32, name: 'dev-blk-cfg-discard-sec-align', kind: 'u32', only: '6.12' },
  { id: 33, name: 'dev-blk-cfg-max-write-zeroes-sec', kind: 'u32', only: '6.12' },
  { id: 34, name: 'dev-blk-cfg-max-write-zeroes-seg', kind: 'u32', only: '6.12' },
  { id: 35, name: 'dev-blk-read-only', kind: 'u8', only: '6.12' },
  { id: 36, name: 'dev-blk-flush', kind: 'u8', only: '6.12' },
] as const satisfies readonly VdpaAttribute[];

export type VdpaAttributeName = (typeof VDPA_ATTRIBUTES)[number]['name'];

const rows: readonly VdpaAttribute[] = VDPA_ATTRIBUTES;
const byName = new Map(rows.map((row) => [row.name, row]));

/** The attribute of this name. @throws RangeError when there is none */
export function vdpaAttribute(name: string): VdpaAttribute {
  const row = byName.get(name);
  if (row === undefined) throw new RangeError(`the vdpa family has no attribute ${name}`);
  return row;
}

/** Number of an attribute. */
export const attributeId = (name: VdpaAttributeName): number => vdpaAttribute(name).id;

/** What attribute number `id` means in a release; undefined for a number that has no meaning there. */
export function attributeById(id: number, release: VdpaRelease): VdpaAttribute | undefined {
  return rows.find((row) => row.id === id && (row.only === undefined || row.only === release));
}

/** Bits of `attributes` as a mask, bit n for attribute n (`config_attr_mask`). */
export const attributeMask = (names: readonly VdpaAttributeName[]): bigint =>
  names.reduce((mask, name) => mask | (1n << BigInt(attributeId(name))), 0n);

/** Smallest MTU that the family accepts (section 5.1.4.1 of virtio 1.1). */
export const MIN_MTU = 68;

/** Largest queue index that a statistics query may name. */
export const MAX_QUEUE_INDEX = 0x8000;
