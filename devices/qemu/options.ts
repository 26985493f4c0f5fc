import { findProgram } from '../../framework/native/child.ts';
import type { ParentOption } from '../../framework/parent.ts';
import { closestName } from '../../specs/virtio-1.1/features.ts';
import { DEVICE_NAMES, type DeviceKind, kindOf, type Transport } from './devices.ts';

/** A target that names no device, or options that do not go together; `hint` tells what would. */
export class QemuOptionError extends Error {
  readonly code = 'QEMU_OPTION';
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** Options of the target that are not properties of the QEMU device. */
export const OPTIONS: readonly ParentOption[] = [
  {
    name: 'bin',
    description: 'QEMU program: a name on the PATH, or a path',
    default: 'qemu-system-x86_64',
  },
  {
    name: 'capacity',
    description: 'sectors of 512 bytes of the disk behind a block device',
    default: '8192',
  },
  { name: 'read-only', description: 'yes: the disk behind a block device cannot be written', default: 'no' },
  {
    name: 'interrupts',
    description: 'msix or intx: how a PCI function tells the parent of its work',
    default: 'msix',
  },
];

const OWN = new Set(OPTIONS.map(({ name }) => name));

/** What a target asks for. */
export interface QemuSettings {
  /** Name of the QEMU device, e.g. `virtio-blk-pci`. */
  readonly device: string;
  readonly base: string;
  readonly kind: DeviceKind;
  readonly transport: Transport;
  readonly program: string;
  readonly capacity: number;
  readonly readOnly: boolean;
  readonly interrupts: 'msix' | 'intx';
  /** Properties of the device as the user gave them. */
  readonly properties: Readonly<Record<string, string>>;
}

/**
 * Read the options of a target `qemu:DEVICE,property=value,…`.
 * @throws QemuOptionError
 */
export function readOptions(options: Readonly<Record<string, string>>): QemuSettings {
  const names = Object.entries(options).filter(([, value]) => value === '');
  if (names.length !== 1)
    throw new QemuOptionError(
      names.length === 0
        ? 'qemu needs the name of a device'
        : `qemu takes one device, not ${names.map(([name]) => name).join(' and ')}`,
      `for example qemu:virtio-blk-pci or qemu:virtio-net-pci,packed=on; devices: ${DEVICE_NAMES.join(', ')}`,
    );
  const [[device]] = names;
  const found = kindOf(device);
  if (found === null) {
    const near = closestName(device, DEVICE_NAMES);
    throw new QemuOptionError(
      `qemu:${device} is no device that can be started`,
      near ? `did you mean ${near}?` : `devices: ${DEVICE_NAMES.join(', ')}`,
    );
  }
  const given = Object.entries(options).filter(([name]) => name !== device);
  return {
    device,
    ...found,
    program: programOf(options.bin ?? 'qemu-system-x86_64'),
    capacity: whole('capacity', options.capacity ?? '8192'),
    readOnly: oneOf('read-only', options['read-only'] ?? 'no', ['yes', 'no']) === 'yes',
    interrupts: oneOf('interrupts', options.interrupts ?? 'msix', ['msix', 'intx']),
    properties: Object.fromEntries(given.filter(([name]) => !OWN.has(name))),
  };
}

function programOf(name: string): string {
  const path = findProgram(name);
  if (path === undefined)
    throw new QemuOptionError(
      `there is no program ${name}`,
      'install QEMU (Debian: apt-get install qemu-system-x86), or name it with bin=PATH',
    );
  return path;
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new QemuOptionError(`${name}=${text} is not a whole number above 0`, `for example ${name}=8192`);
}

function oneOf<T extends string>(name: string, text: string, values: readonly T[]): T {
  const value = values.find((one) => one === text);
  if (value !== undefined) return value;
  throw new QemuOptionError(`${name}=${text} is not known`, `${name} is ${values.join(' or ')}`);
}
