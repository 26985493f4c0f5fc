import { CHILD_FD } from './devices.ts';
import { HIGH_RAM, LOW_RAM } from './layout.ts';
import type { QemuSettings } from './options.ts';

/** Where a PCI function sits: slot 5 of bus 0, so that no other device of the machine is in the way. */
export const SLOT = 5;

/** Path of the I/O interrupt controller in QEMU's object tree. */
export const IOAPIC = { pci: '/machine/q35/ioapic', mmio: '/machine/ioapic' } as const;

/** Devices of the machines that only take time to start. */
const Q35 =
  'q35,accel=tcg,smm=off,hpet=off,sata=off,smbus=off,i8042=off,usb=off,vmport=off,memory-backend=ram';
const MICROVM =
  'microvm,accel=tcg,pit=off,pic=off,rtc=off,isa-serial=off,x-option-roms=off,auto-kernel-cmdline=off,ioapic2=off,memory-backend=ram';

const pairs = (properties: Readonly<Record<string, string>>) =>
  Object.entries(properties).map(([name, value]) => `,${name}=${value}`);

/** QEMU's arguments: a machine that runs no guest code, one device, and what that needs. */
export function commandLine(settings: QemuSettings): string[] {
  const { device, base, kind, transport, properties, readOnly } = settings;
  const pci = transport === 'pci';
  const ram = LOW_RAM.size + (pci ? HIGH_RAM.size : 0);
  const own: Record<string, string> = {
    id: 'dut',
    ...kind.properties,
    // Kicks are worked off before the command that makes them is answered.
    ...(pci && has(EVENTFD, base) ? { ioeventfd: 'off' } : {}),
    ...(pci ? { addr: `0x${SLOT.toString(16)}` } : {}),
    ...(device.endsWith('-pci') && has(LEGACY, base) ? { 'disable-legacy': 'on' } : {}),
  };
  return [
    '-nodefaults',
    '-no-user-config',
    '-display',
    'none',
    '-machine',
    pci ? `${Q35},max-ram-below-4g=${LOW_RAM.size}` : MICROVM,
    '-m',
    `size=${ram >> 20}M${/mem/.test(device) ? ',slots=4,maxmem=4G' : ''}`,
    '-object',
    `memory-backend-file,id=ram,size=${ram},mem-path=/proc/self/fd/${CHILD_FD.ram},share=on`,
    '-bios',
    `/proc/self/fd/${CHILD_FD.firmware}`,
    '-chardev',
    `socket,id=qtest,fd=${CHILD_FD.qtest}`,
    '-object',
    'qtest,id=qt,chardev=qtest,log=none',
    '-chardev',
    `socket,id=qmp,fd=${CHILD_FD.qmp}`,
    '-mon',
    'chardev=qmp,mode=control',
    ...(pci ? [] : ['-global', 'virtio-mmio.force-legacy=false', '-global', 'virtio-mmio.ioeventfd=off']),
    ...(kind.disk
      ? [
          '-blockdev',
          `driver=file,node-name=disk,filename=/proc/self/fd/${CHILD_FD.disk},locking=off,discard=unmap,read-only=${readOnly ? 'on' : 'off'}`,
        ]
      : []),
    ...(kind.net ? ['-netdev', `socket,id=net,fd=${CHILD_FD.net}`] : []),
    ...(kind.before ?? []),
    '-device',
    [device, ...pairs({ ...own, ...properties })].join(''),
    ...(kind.after ?? []),
  ];
}

/** Devices whose PCI function has the property `ioeventfd`. */
const EVENTFD = 'blk net rng serial scsi crypto 9p';
/** Devices that have a legacy interface as well; newer ones have no property to switch it off. */
const LEGACY = 'blk net rng serial scsi balloon 9p';

const has = (list: string, base: string) => list.split(' ').includes(base.replace('virtio-', ''));
