import type { DeviceType } from '../../specs/virtio-1.1/device-ids.ts';

/** Child descriptors that a machine's command line refers to. */
export const CHILD_FD = { qtest: 3, ram: 4, qmp: 5, disk: 6, net: 7, firmware: 8 } as const;

/** What a QEMU device needs around it. */
export interface DeviceKind {
  readonly type: DeviceType;
  /** Arguments of the command line that come before the device. */
  readonly before?: readonly string[];
  /** Properties of the device besides those of the user. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Arguments that come after it. */
  readonly after?: readonly string[];
  /** It has a disk behind it: `backing` makes it, as the block node `disk`. */
  readonly disk?: boolean;
  /** It has a network behind it: the netdev `net`. */
  readonly net?: boolean;
}

const memory = ['-object', 'memory-backend-ram,id=extra,size=16M'];
const cryptodev = ['-object', 'cryptodev-backend-builtin,id=crypto'];

/** QEMU's virtio devices that start without outside help, by their name without `virtio-` and the bus. */
export const KINDS: Readonly<Record<string, DeviceKind>> = {
  'virtio-blk': { type: 'blk', disk: true, properties: { drive: 'disk' } },
  'virtio-net': { type: 'net', net: true, properties: { netdev: 'net', mac: '52:54:00:12:34:56' } },
  'virtio-rng': {
    type: 'entropy',
    before: ['-object', 'rng-builtin,id=rng'],
    properties: { rng: 'rng' },
  },
  'virtio-balloon': { type: 'balloon' },
  'virtio-serial': {
    type: 'console',
    before: ['-chardev', 'null,id=console'],
    after: ['-device', 'virtconsole,chardev=console'],
  },
  'virtio-scsi': { type: 'scsi', disk: true, after: ['-device', 'scsi-hd,drive=disk'] },
  'virtio-keyboard': { type: 'input' },
  'virtio-mouse': { type: 'input' },
  'virtio-tablet': { type: 'input' },
  'virtio-gpu': { type: 'gpu' },
  'virtio-crypto': { type: 'crypto', before: cryptodev, properties: { cryptodev: 'crypto' } },
  'virtio-iommu': { type: 'other' },
  'virtio-mem': { type: 'other', before: memory, properties: { memdev: 'extra' } },
  'virtio-pmem': { type: 'other', before: memory, properties: { memdev: 'extra' } },
  'virtio-9p': {
    type: 'other',
    before: ['-fsdev', 'synth,id=files'],
    properties: { fsdev: 'files', mount_tag: 'files' },
  },
};

/** How a device hangs on its machine. */
export type Transport = 'pci' | 'mmio';

/** A QEMU device name taken apart; null when it is none that the suite can start. */
export function kindOf(name: string): { kind: DeviceKind; base: string; transport: Transport } | null {
  const match = /^(virtio-[a-z0-9]+?)-(pci|device)(-non-transitional|-transitional)?$/.exec(name);
  if (match === null || KINDS[match[1]] === undefined) return null;
  return { kind: KINDS[match[1]], base: match[1], transport: match[2] === 'pci' ? 'pci' : 'mmio' };
}

/** Every device name that {@link kindOf} takes, without the transitional variants. */
export const DEVICE_NAMES: readonly string[] = Object.keys(KINDS).flatMap((base) => [
  `${base}-pci`,
  ...(['virtio-iommu', 'virtio-mem', 'virtio-pmem'].includes(base) ? [] : [`${base}-device`]),
]);
