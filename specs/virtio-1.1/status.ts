/** The device status field (section 2.1). */

/** One bit of the device status field. */
export interface StatusBit {
  readonly name: string;
  readonly value: number;
  readonly setBy: 'driver' | 'device';
  readonly section: string;
  readonly meaning: string;
}

/** The status bits in the order in which a start-up normally sets them, the two failure bits last. */
export const STATUS_BITS = [
  {
    name: 'ACKNOWLEDGE',
    value: 1,
    setBy: 'driver',
    section: '2.1',
    meaning: 'The guest has noticed the device and takes it for a virtio device.',
  },
  {
    name: 'DRIVER',
    value: 2,
    setBy: 'driver',
    section: '2.1',
    meaning: 'A driver for this device type has been found and is going to run it.',
  },
  {
    name: 'FEATURES_OK',
    value: 8,
    setBy: 'driver',
    section: '2.1',
    meaning: 'The driver has made its choice of features; a device that objects leaves the bit clear.',
  },
  {
    name: 'DRIVER_OK',
    value: 4,
    setBy: 'driver',
    section: '2.1',
    meaning: 'Set-up is complete, so the device may start to use buffers and to notify.',
  },
  {
    name: 'DEVICE_NEEDS_RESET',
    value: 64,
    setBy: 'device',
    section: '2.1',
    meaning: 'The device is stuck in an error that only a reset clears.',
  },
  {
    name: 'FAILED',
    value: 128,
    setBy: 'driver',
    section: '2.1',
    meaning: 'The guest has given the device up and has to reset it before another attempt.',
  },
] as const satisfies readonly StatusBit[];

/** Name of any device status bit. */
export type StatusName = (typeof STATUS_BITS)[number]['name'];

/** The status bits by name (section 2.1). */
export const STATUS = {
  ACKNOWLEDGE: 1,
  DRIVER: 2,
  DRIVER_OK: 4,
  FEATURES_OK: 8,
  DEVICE_NEEDS_RESET: 64,
  FAILED: 128,
} as const satisfies Record<StatusName, number>;

/**
 * Spells a status value out in start-up order (section 2.1), for example `ACKNOWLEDGE|DRIVER`.
 * Zero, the state after a reset, is `0`; bits that 1.1 does not define follow in hexadecimal.
 */
export function statusNames(value: number): string {
  const names: string[] = STATUS_BITS.filter((bit) => (value & bit.value) !== 0).map((bit) => bit.name);
  const unknown = (value & ~STATUS_BITS.reduce((known, bit) => known | bit.value, 0)) >>> 0;
  if (unknown !== 0) names.push(`0x${unknown.toString(16)}`);
  return names.length === 0 ? '0' : names.join('|');
}
