/**
 * Feature bits that virtio 1.1 defines (sections 2.2, 5.x.3 and 6), their dependencies and bit mask helpers.
 */

/**
 * Who owns a feature bit: one device type, all of them (`common`), or only the legacy interface. A device of a
 * type that 1.1 does not specify (`other`) has the common ones.
 */
export type DeviceScope =
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
  | 'other'
  | 'common'
  | 'legacy'
  | 'net-legacy'
  | 'blk-legacy';

/** One row of the feature table. */
export interface FeatureBit {
  readonly name: string;
  readonly bit: number;
  readonly scope: DeviceScope;
  /** all groups must be met; a group is met by any one of its names */
  readonly requires: readonly (readonly string[])[];
  readonly section: string;
  readonly note?: string;
}

/** A dependency that a feature mask leaves open: any one name of `needs` would satisfy it. */
export interface UnmetDependency {
  readonly feature: string;
  readonly needs: readonly string[];
}

/** De-facto number of VIRTIO_NET_F_CTRL_RX_EXTRA; 1.1 (section 5.1.6.5.1) gives the name only. */
export const VIRTIO_NET_F_CTRL_RX_EXTRA_BIT = 20;

/** Every feature bit of virtio 1.1: those of all devices first, then device by device. */
export const FEATURES = [
  {
    name: 'VIRTIO_F_NOTIFY_ON_EMPTY',
    bit: 24,
    scope: 'legacy',
    requires: [],
    section: '6.3',
    note: 'Only for drivers that use the legacy interface.',
  },
  {
    name: 'VIRTIO_F_ANY_LAYOUT',
    bit: 27,
    scope: 'legacy',
    requires: [],
    section: '6.3',
    note: 'Only for the legacy interface, where a transitional device has to offer it.',
  },
  {
    name: 'VIRTIO_F_INDIRECT_DESC',
    bit: 28,
    scope: 'common',
    requires: [],
    section: '6',
    note: 'Chapter 6 spells it VIRTIO_F_RING_INDIRECT_DESC.',
  },
  {
    name: 'VIRTIO_F_EVENT_IDX',
    bit: 29,
    scope: 'common',
    requires: [],
    section: '6',
    note: 'Chapter 6 and section 2.7 spell it VIRTIO_F_RING_EVENT_IDX.',
  },
  {
    name: 'UNUSED_30',
    bit: 30,
    scope: 'legacy',
    requires: [],
    section: '6.3',
    note: 'Marks buggy drivers of early experimental days; nobody should negotiate it.',
  },
  {
    name: 'VIRTIO_F_VERSION_1',
    bit: 32,
    scope: 'common',
    requires: [],
    section: '6',
    note: 'Every 1.1 device offers it and every 1.1 driver accepts it.',
  },
  {
    name: 'VIRTIO_F_ACCESS_PLATFORM',
    bit: 33,
    scope: 'common',
    requires: [],
    section: '6',
    note: 'Older Linux headers say VIRTIO_F_IOMMU_PLATFORM; vDPA parents insist on it in practice.',
  },
  { name: 'VIRTIO_F_RING_PACKED', bit: 34, scope: 'common', requires: [], section: '6' },
  { name: 'VIRTIO_F_IN_ORDER', bit: 35, scope: 'common', requires: [], section: '6' },
  { name: 'VIRTIO_F_ORDER_PLATFORM', bit: 36, scope: 'common', requires: [], section: '6' },
  {
    name: 'VIRTIO_F_SR_IOV',
    bit: 37,
    scope: 'common',
    requires: [],
    section: '6.2',
    note: 'Tied to a PCI function with an SR-IOV capability, not to another feature bit.',
  },
  {
    name: 'VIRTIO_F_NOTIFICATION_DATA',
    bit: 38,
    scope: 'common',
    requires: [],
    section: '6',
    note: 'Lies above bit 37 although 2.2 still calls that range future use.',
  },
  { name: 'VIRTIO_NET_F_CSUM', bit: 0, scope: 'net', requires: [], section: '5.1.3' },
  { name: 'VIRTIO_NET_F_GUEST_CSUM', bit: 1, scope: 'net', requires: [], section: '5.1.3' },
  {
    name: 'VIRTIO_NET_F_CTRL_GUEST_OFFLOADS',
    bit: 2,
    scope: 'net',
    requires: [],
    section: '5.1.3',
    note: 'Works through the control queue, yet 5.1.3.1 lists no dependency on CTRL_VQ.',
  },
  { name: 'VIRTIO_NET_F_MTU', bit: 3, scope: 'net', requires: [], section: '5.1.3' },
  { name: 'VIRTIO_NET_F_MAC', bit: 5, scope: 'net', requires: [], section: '5.1.3' },
  {
    name: 'VIRTIO_NET_F_GUEST_TSO4',
    bit: 7,
    scope: 'net',
    requires: [['VIRTIO_NET_F_GUEST_CSUM']],
    section: '5.1.3.1',
  },
  {
    name: 'VIRTIO_NET_F_GUEST_TSO6',
    bit: 8,
    scope: 'net',
    requires: [['VIRTIO_NET_F_GUEST_CSUM']],
    section: '5.1.3.1',
  },
  {
    name: 'VIRTIO_NET_F_GUEST_ECN',
    bit: 9,
    scope: 'net',
    requires: [['VIRTIO_NET_F_GUEST_TSO4', 'VIRTIO_NET_F_GUEST_TSO6']],
    section: '5.1.3.1',
  },
  {
    name: 'VIRTIO_NET_F_GUEST_UFO',
    bit: 10,
    scope: 'net',
    requires: [['VIRTIO_NET_F_GUEST_CSUM']],
    section: '5.1.3.1',
  },
  {
    name: 'VIRTIO_NET_F_HOST_TSO4',
    bit: 11,
    scope: 'net',
    requires: [['VIRTIO_NET_F_CSUM']],
    section: '5.1.3.1',
  },
  {
    name: 'VIRTIO_NET_F_HOST_TSO6',
    bit: 12,
    scope: 'net',
    requires: [['VIRTIO_NET_F_CSUM']],
    section: '5.1.3.1',
  },
  {
    name: 'VIRTIO_NET_F_HOST_ECN',
    bit: 13,
    scope: 'net',
    requires: [['VIRTIO_NET_F_HOST_TSO4', 'VIRTIO_NET_F_HOST_TSO6']],
    section: '5.1.3.1',
  },
  {
    name: 'VIRTIO_NET_F_HOST_UFO',
    bit: 14,
    scope: 'net',
    requires: [['VIRTIO_NET_F_CSUM']],
    section: '5.1.3.1',
  },
  { name: 'VIRTIO_NET_F_MRG_RXBUF', bit: 15, scope: 'net', requires: [], section: '5.1.3' },
  { name: 'VIRTIO_NET_F_STATUS', bit: 16, scope: 'net', requires: [], section: '5.1.3' },
  { name: 'VIRTIO_NET_F_CTRL_VQ', bit: 17, scope: 'net', requires: [], section: '5.1.3' },
  {
    name: 'VIRTIO_NET_F_CTRL_RX',
    bit: 18,
    scope: 'net',
    requires: [['VIRTIO_NET_F_CTRL_VQ']],
    section: '5.1.3.1',
  },
  {
    name: 'VIRTIO_NET_F_CTRL_VLAN',
    bit: 19,
    scope: 'net',
    requires: [['VIRTIO_NET_F_CTRL_VQ']],
    section: '5.1.3.1',
  },
  {
    name: 'VIRTIO_NET_F_CTRL_RX_EXTRA',
    bit: 20,
    scope: 'net',
    requires: [],
    section: '5.1.3',
    note: '1.1 uses the name in 5.1.6.5.1 but gives it no number; 20 is the de-facto one (Linux, QEMU).',
  },
  {
    name: 'VIRTIO_NET_F_GUEST_ANNOUNCE',
    bit: 21,
    scope: 'net',
    requires: [['VIRTIO_NET_F_CTRL_VQ']],
    section: '5.1.3.1',
    note: 'Visible only together with STATUS, because the announce bit lives in the status field.',
  },
  {
    name: 'VIRTIO_NET_F_MQ',
    bit: 22,
    scope: 'net',
    requires: [['VIRTIO_NET_F_CTRL_VQ']],
    section: '5.1.3.1',
  },
  {
    name: 'VIRTIO_NET_F_CTRL_MAC_ADDR',
    bit: 23,
    scope: 'net',
    requires: [['VIRTIO_NET_F_CTRL_VQ']],
    section: '5.1.3.1',
    note: 'A driver without CTRL_RX may not send MAC class commands (5.1.6.5.2.2): negotiate both.',
  },
  {
    name: 'VIRTIO_NET_F_RSC_EXT',
    bit: 61,
    scope: 'net',
    requires: [['VIRTIO_NET_F_HOST_TSO4', 'VIRTIO_NET_F_HOST_TSO6']],
    section: '5.1.3.1',
    note: '5.1.6.4 speaks of GUEST_TSO4/6 where 5.1.3.1 says HOST_TSO4/6; this table follows 5.1.3.1.',
  },
  { name: 'VIRTIO_NET_F_STANDBY', bit: 62, scope: 'net', requires: [], section: '5.1.3' },
  {
    name: 'VIRTIO_NET_F_GSO',
    bit: 6,
    scope: 'net-legacy',
    requires: [],
    section: '5.1.3.2',
    note: 'Legacy bit.',
  },
  {
    name: 'VIRTIO_NET_F_GUEST_RSC4',
    bit: 41,
    scope: 'net-legacy',
    requires: [],
    section: '5.1.3.2',
    note: 'Legacy bit; a later revision reuses 41 for a common feature.',
  },
  {
    name: 'VIRTIO_NET_F_GUEST_RSC6',
    bit: 42,
    scope: 'net-legacy',
    requires: [],
    section: '5.1.3.2',
    note: 'Legacy bit.',
  },
  { name: 'VIRTIO_BLK_F_SIZE_MAX', bit: 1, scope: 'blk', requires: [], section: '5.2.3' },
  { name: 'VIRTIO_BLK_F_SEG_MAX', bit: 2, scope: 'blk', requires: [], section: '5.2.3' },
  { name: 'VIRTIO_BLK_F_GEOMETRY', bit: 4, scope: 'blk', requires: [], section: '5.2.3' },
  { name: 'VIRTIO_BLK_F_RO', bit: 5, scope: 'blk', requires: [], section: '5.2.3' },
  { name: 'VIRTIO_BLK_F_BLK_SIZE', bit: 6, scope: 'blk', requires: [], section: '5.2.3' },
  {
    name: 'VIRTIO_BLK_F_FLUSH',
    bit: 9,
    scope: 'blk',
    requires: [],
    section: '5.2.3',
    note: 'A device should always offer it (5.2.5.2); legacy texts call it VIRTIO_BLK_F_WCE.',
  },
  { name: 'VIRTIO_BLK_F_TOPOLOGY', bit: 10, scope: 'blk', requires: [], section: '5.2.3' },
  {
    name: 'VIRTIO_BLK_F_CONFIG_WCE',
    bit: 11,
    scope: 'blk',
    requires: [],
    section: '5.2.3',
    note: 'A device that offers it must offer FLUSH too (5.2.5.2); a driver may accept it alone.',
  },
  { name: 'VIRTIO_BLK_F_DISCARD', bit: 13, scope: 'blk', requires: [], section: '5.2.3' },
  { name: 'VIRTIO_BLK_F_WRITE_ZEROES', bit: 14, scope: 'blk', requires: [], section: '5.2.3' },
  {
    name: 'VIRTIO_BLK_F_BARRIER',
    bit: 0,
    scope: 'blk-legacy',
    requires: [],
    section: '5.2.3.1',
    note: 'Legacy bit.',
  },
  {
    name: 'VIRTIO_BLK_F_SCSI',
    bit: 7,
    scope: 'blk-legacy',
    requires: [],
    section: '5.2.3.1',
    note: 'Legacy bit.',
  },
  { name: 'VIRTIO_CONSOLE_F_SIZE', bit: 0, scope: 'console', requires: [], section: '5.3.3' },
  { name: 'VIRTIO_CONSOLE_F_MULTIPORT', bit: 1, scope: 'console', requires: [], section: '5.3.3' },
  {
    name: 'VIRTIO_CONSOLE_F_EMERG_WRITE',
    bit: 2,
    scope: 'console',
    requires: [],
    section: '5.3.3',
    note: 'Usable without negotiation, even before FEATURES_OK (5.3.4).',
  },
  { name: 'VIRTIO_BALLOON_F_MUST_TELL_HOST', bit: 0, scope: 'balloon', requires: [], section: '5.5.3' },
  { name: 'VIRTIO_BALLOON_F_STATS_VQ', bit: 1, scope: 'balloon', requires: [], section: '5.5.3' },
  { name: 'VIRTIO_BALLOON_F_DEFLATE_ON_OOM', bit: 2, scope: 'balloon', requires: [], section: '5.5.3' },
  { name: 'VIRTIO_SCSI_F_INOUT', bit: 0, scope: 'scsi', requires: [], section: '5.6.3' },
  { name: 'VIRTIO_SCSI_F_HOTPLUG', bit: 1, scope: 'scsi', requires: [], section: '5.6.3' },
  { name: 'VIRTIO_SCSI_F_CHANGE', bit: 2, scope: 'scsi', requires: [], section: '5.6.3' },
  { name: 'VIRTIO_SCSI_F_T10_PI', bit: 3, scope: 'scsi', requires: [], section: '5.6.3' },
  { name: 'VIRTIO_GPU_F_VIRGL', bit: 0, scope: 'gpu', requires: [], section: '5.7.3' },
  { name: 'VIRTIO_GPU_F_EDID', bit: 1, scope: 'gpu', requires: [], section: '5.7.3' },
  { name: 'VIRTIO_CRYPTO_F_REVISION_1', bit: 0, scope: 'crypto', requires: [], section: '5.9.3' },
  {
    name: 'VIRTIO_CRYPTO_F_CIPHER_STATELESS_MODE',
    bit: 1,
    scope: 'crypto',
    requires: [['VIRTIO_CRYPTO_F_REVISION_1']],
    section: '5.9.3.1',
  },
  {
    name: 'VIRTIO_CRYPTO_F_HASH_STATELESS_MODE',
    bit: 2,
    scope: 'crypto',
    requires: [['VIRTIO_CRYPTO_F_REVISION_1']],
    section: '5.9.3.1',
  },
  {
    name: 'VIRTIO_CRYPTO_F_MAC_STATELESS_MODE',
    bit: 3,
    scope: 'crypto',
    requires: [['VIRTIO_CRYPTO_F_REVISION_1']],
    section: '5.9.3.1',
  },
  {
    name: 'VIRTIO_CRYPTO_F_AEAD_STATELESS_MODE',
    bit: 4,
    scope: 'crypto',
    requires: [['VIRTIO_CRYPTO_F_REVISION_1']],
    section: '5.9.3.1',
  },
] as const satisfies readonly FeatureBit[];

/** Full name of any feature bit in the table. */
export type FeatureName = (typeof FEATURES)[number]['name'];

/** Every feature bit there can be. */
export const EVERY_FEATURE = 2n ** 64n - 1n;

/** Mask of VIRTIO_F_INDIRECT_DESC (section 6). */
export const F_INDIRECT_DESC = 1n << 28n;
/** Mask of VIRTIO_F_EVENT_IDX (section 6). */
export const F_EVENT_IDX = 1n << 29n;
/** Mask of VIRTIO_F_VERSION_1 (section 6). */
export const F_VERSION_1 = 1n << 32n;
/** Mask of VIRTIO_F_ACCESS_PLATFORM (section 6). */
export const F_ACCESS_PLATFORM = 1n << 33n;
/** Mask of VIRTIO_F_RING_PACKED (section 6). */
export const F_RING_PACKED = 1n << 34n;
/** Mask of VIRTIO_F_IN_ORDER (section 6). */
export const F_IN_ORDER = 1n << 35n;
/** Mask of VIRTIO_F_ORDER_PLATFORM (section 6). */
export const F_ORDER_PLATFORM = 1n << 36n;
/** Mask of VIRTIO_F_SR_IOV (section 6). */
export const F_SR_IOV = 1n << 37n;
/** Mask of VIRTIO_F_NOTIFICATION_DATA (section 6). */
export const F_NOTIFICATION_DATA = 1n << 38n;

/** Masks of the network device bits without the legacy ones (section 5.1.3). */
export const NET_F = {
  CSUM: 1n << 0n,
  GUEST_CSUM: 1n << 1n,
  CTRL_GUEST_OFFLOADS: 1n << 2n,
  MTU: 1n << 3n,
  MAC: 1n << 5n,
  GUEST_TSO4: 1n << 7n,
  GUEST_TSO6: 1n << 8n,
  GUEST_ECN: 1n << 9n,
  GUEST_UFO: 1n << 10n,
  HOST_TSO4: 1n << 11n,
  HOST_TSO6: 1n << 12n,
  HOST_ECN: 1n << 13n,
  HOST_UFO: 1n << 14n,
  MRG_RXBUF: 1n << 15n,
  STATUS: 1n << 16n,
  CTRL_VQ: 1n << 17n,
  CTRL_RX: 1n << 18n,
  CTRL_VLAN: 1n << 19n,
  CTRL_RX_EXTRA: 1n << 20n,
  GUEST_ANNOUNCE: 1n << 21n,
  MQ: 1n << 22n,
  CTRL_MAC_ADDR: 1n << 23n,
  RSC_EXT: 1n << 61n,
  STANDBY: 1n << 62n,
} as const satisfies Record<string, bigint>;

/** Masks of the block device bits without the legacy ones (section 5.2.3). */
export const BLK_F = {
  SIZE_MAX: 1n << 1n,
  SEG_MAX: 1n << 2n,
  GEOMETRY: 1n << 4n,
  RO: 1n << 5n,
  BLK_SIZE: 1n << 6n,
  FLUSH: 1n << 9n,
  TOPOLOGY: 1n << 10n,
  CONFIG_WCE: 1n << 11n,
  DISCARD: 1n << 13n,
  WRITE_ZEROES: 1n << 14n,
} as const satisfies Record<string, bigint>;

const TABLE: readonly FeatureBit[] = FEATURES;
const BY_NAME: ReadonlyMap<string, FeatureBit> = new Map(TABLE.map((row) => [row.name, row]));
const BY_BIT: ReadonlyMap<string, FeatureBit> = new Map(TABLE.map((row) => [`${row.scope}:${row.bit}`, row]));

/** Spellings that the specification itself uses next to the canonical one. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['VIRTIO_F_RING_INDIRECT_DESC', 'VIRTIO_F_INDIRECT_DESC'],
  ['VIRTIO_F_RING_EVENT_IDX', 'VIRTIO_F_EVENT_IDX'],
]);

/**
 * Looks up a feature bit by name (sections 2.2, 5.x.3 and 6).
 *
 * Besides the full name it takes the name without `VIRTIO_` (`NET_F_CSUM`), the bare name of a common bit
 * (`VERSION_1`) and the scoped shorthand (`net.CSUM`, `blk.FLUSH`).
 *
 * @throws RangeError with a suggestion when no row has that name
 */
export function featureByName(name: string): FeatureBit {
  for (const spelling of fullSpellings(name)) {
    const row = BY_NAME.get(ALIASES.get(spelling) ?? spelling);
    if (row !== undefined) return row;
  }
  const hint = suggestion(name);
  throw new RangeError(
    `unknown virtio 1.1 feature "${name}"${hint === undefined ? '' : `; did you mean ${hint}?`}`,
  );
}

/** Combines named feature bits into one mask (section 2.2); names as in {@link featureByName}. */
export function bitMask(names: readonly string[]): bigint {
  let mask = 0n;
  for (const name of names) mask |= maskOf(name);
  return mask;
}

/** Masks by the spelling that was asked for: the same names are asked for again and again. */
const MASKS = new Map<string, bigint>();

function maskOf(name: string): bigint {
  let mask = MASKS.get(name);
  if (mask === undefined) {
    mask = 1n << BigInt(featureByName(name).bit);
    MASKS.set(name, mask);
  }
  return mask;
}

/**
 * Names the bits of a mask in ascending order (section 2.2): device bits, common bits, then legacy ones.
 * A bit without a row comes out as `bit 40`.
 *
 * @throws RangeError for a negative mask
 */
export function namesOf(mask: bigint, scope: DeviceScope): string[] {
  return bitsOf(mask).map((bit) => rowFor(bit, scope)?.name ?? `bit ${bit}`);
}

/**
 * Lists the dependencies that a mask leaves open (sections 2.2.1, 5.1.3.1 and 5.9.3.1).
 * Only real feature-to-feature requirements count: the offer rule of CONFIG_WCE and the PCI condition of
 * SR_IOV are not among them.
 */
export function unmetDependencies(mask: bigint, scope: DeviceScope): readonly UnmetDependency[] {
  let known = UNMET.get(scope);
  if (known === undefined || known.size > MOST_MASKS) {
    known = new Map();
    UNMET.set(scope, known);
  }
  let unmet = known.get(mask);
  if (unmet === undefined) {
    unmet = findUnmet(mask, scope);
    known.set(mask, unmet);
  }
  return unmet;
}

/** Answers by scope and mask; a run asks about few masks, many times. */
const UNMET = new Map<DeviceScope, Map<bigint, readonly UnmetDependency[]>>();
const MOST_MASKS = 20_000;

function findUnmet(mask: bigint, scope: DeviceScope): UnmetDependency[] {
  return bitsOf(mask).flatMap((bit) => {
    const row = rowFor(bit, scope);
    if (row === undefined) return [];
    const open = row.requires.filter((group) => !group.some((name) => (mask & bitMask([name])) !== 0n));
    return open.map((needs) => ({ feature: row.name, needs }));
  });
}

/**
 * Adds what a mask still needs (sections 2.2.1, 5.1.3.1 and 5.9.3.1): the first name of every open group,
 * repeated until nothing is missing.
 */
export function withDependencies(mask: bigint, scope: DeviceScope): bigint {
  let closed = mask;
  for (;;) {
    const firsts = unmetDependencies(closed, scope).flatMap(({ needs }) => needs.slice(0, 1));
    if (firsts.length === 0) return closed;
    closed |= bitMask(firsts);
  }
}

/** The name among `names` that a misspelt one most likely stands for; none when nothing comes close. */
export function closestName(wanted: string, names: readonly string[]): string | undefined {
  const target = wanted.toUpperCase();
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(target, name.toUpperCase());
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

function fullSpellings(name: string): string[] {
  const scoped = /^([a-z]+)\.(.+)$/.exec(name);
  if (scoped === null) return [name, `VIRTIO_${name}`, `VIRTIO_F_${name}`];
  const [, scope = '', rest = ''] = scoped;
  return [
    scope === 'common' || scope === 'legacy' ? `VIRTIO_F_${rest}` : `VIRTIO_${scope.toUpperCase()}_F_${rest}`,
  ];
}

function suggestion(name: string): string | undefined {
  const forms = new Map<string, string>();
  for (const row of TABLE) {
    const short = row.name.replace(/^VIRTIO_(?:[A-Z]+_)?F_/, '');
    const device = row.scope.replace(/-legacy$/, '');
    for (const form of [row.name, row.name.replace('VIRTIO_', ''), short, `${device}.${short}`]) {
      if (!forms.has(form)) forms.set(form, row.name);
    }
  }
  const form = closestName(name, [...forms.keys()]);
  return form === undefined ? undefined : forms.get(form);
}

function rowFor(bit: number, scope: DeviceScope): FeatureBit | undefined {
  const device = scope.replace(/-legacy$/, '');
  for (const owner of [device, 'common', 'legacy', `${device}-legacy`]) {
    const row = BY_BIT.get(`${owner}:${bit}`);
    if (row !== undefined) return row;
  }
  return undefined;
}

function bitsOf(mask: bigint): number[] {
  if (mask < 0n) throw new RangeError(`feature mask ${mask} is negative`);
  const bits: number[] = [];
  for (let bit = 0, rest = mask; rest !== 0n; bit += 1, rest >>= 1n) {
    if ((rest & 1n) === 1n) bits.push(bit);
  }
  return bits;
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
