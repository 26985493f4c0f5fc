/** Device type numbers of virtio 1.1 (section 5). */

/** One device type number. */
export interface DeviceId {
  readonly id: number;
  /** short name; for the types that 1.1 specifies it equals their feature and configuration scope */
  readonly name: string;
  readonly title: string;
  /** where 1.1 specifies the device; just `5` when it only reserves the number */
  readonly section: string;
}

/** Every number that section 5 assigns; 14 and 15 are free in 1.1. */
export const DEVICE_IDS = [
  { id: 0, name: 'reserved', title: 'never a real device', section: '5' },
  { id: 1, name: 'net', title: 'network card', section: '5.1' },
  { id: 2, name: 'blk', title: 'block device', section: '5.2' },
  { id: 3, name: 'console', title: 'console', section: '5.3' },
  { id: 4, name: 'entropy', title: 'entropy source', section: '5.4' },
  { id: 5, name: 'balloon', title: 'traditional memory balloon', section: '5.5' },
  { id: 6, name: 'iomem', title: 'I/O memory', section: '5' },
  { id: 7, name: 'rpmsg', title: 'remote processor messaging', section: '5' },
  { id: 8, name: 'scsi', title: 'SCSI host', section: '5.6' },
  { id: 9, name: '9p', title: '9P file transport', section: '5' },
  { id: 10, name: 'mac80211-wlan', title: 'mac80211 wireless LAN', section: '5' },
  { id: 11, name: 'rproc-serial', title: 'remote processor serial line', section: '5' },
  { id: 12, name: 'caif', title: 'CAIF modem link', section: '5' },
  { id: 13, name: 'memory-balloon', title: 'newer memory balloon', section: '5' },
  { id: 16, name: 'gpu', title: 'graphics adapter', section: '5.7' },
  { id: 17, name: 'timer', title: 'timer and clock', section: '5' },
  { id: 18, name: 'input', title: 'input device', section: '5.8' },
  { id: 19, name: 'socket', title: 'socket transport', section: '5.10' },
  { id: 20, name: 'crypto', title: 'crypto accelerator', section: '5.9' },
  { id: 21, name: 'signal-distribution', title: 'signal distribution module', section: '5' },
  { id: 22, name: 'pstore', title: 'persistent crash store', section: '5' },
  { id: 23, name: 'iommu', title: 'IOMMU', section: '5' },
  { id: 24, name: 'memory', title: 'memory device', section: '5' },
] as const satisfies readonly DeviceId[];

/** Device types that 1.1 specifies; `other` stands for every type that it does not. */
export const DEVICE_TYPES = [
  'net',
  'blk',
  'console',
  'entropy',
  'balloon',
  'scsi',
  'gpu',
  'input',
  'crypto',
  'socket',
  'other',
] as const;
export type DeviceType = (typeof DEVICE_TYPES)[number];

/** The device type of a number (section 5); `other` for all that 1.1 does not specify. */
export function deviceType(id: number): DeviceType {
  const name = DEVICE_IDS.find((row) => row.id === id)?.name;
  return DEVICE_TYPES.find((type) => type === name) ?? 'other';
}

/** Short name of any numbered device type. */
export type DeviceName = (typeof DEVICE_IDS)[number]['name'];

/** Short name of a device type number (section 5), or `device 99` when 1.1 does not assign it. */
export function deviceName(id: number): string {
  return DEVICE_IDS.find((row) => row.id === id)?.name ?? `device ${id}`;
}

/** Number of a device type (section 5). */
export function deviceId(name: DeviceName): number {
  return DEVICE_IDS.find((row) => row.name === name)?.id ?? 0;
}
