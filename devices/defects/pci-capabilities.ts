import type { TYPE } from '../virtio-pci/function/layout.ts';
import type { PciFunction } from '../virtio-pci/function/pci-function.ts';
import { type Defect, definePciDefect } from './defect.ts';

/** Reverse of a sentence of section 4.1.4. */
const TEXT = 'the text turned round';
const NET = ['virtio-pci-net'] as const;
const BLK = ['virtio-pci-blk'] as const;
/** The rules of 4.1.4.4.1 differ for devices that do not offer notification data. */
const NO_DATA = { without: 'NOTIFICATION_DATA' };
const GUARD = { shape: 'legacy-guard' };

const OFFSET = 8;
const LENGTH = 12;
const MULTIPLIER = 16;

/** Store a value in a capability, behind the back of the write mask. */
function poke(fn: PciFunction, cap: keyof typeof TYPE, at: number, size: 1 | 2 | 4, value: number): void {
  fn.space.put(fn.capabilityAt[cap] + at, size, value);
}

/** Make a capability one of a kind that nobody knows. */
function hide(fn: PciFunction, cap: keyof typeof TYPE): void {
  poke(fn, cap, 3, 1, 9);
}

/** Add to a field of a capability. */
function shift(fn: PciFunction, cap: keyof typeof TYPE, at: number, by: number): void {
  poke(fn, cap, at, 4, fn.space.read(fn.capabilityAt[cap] + at, 4) + by);
}

/** Notify offsets that grow once the device runs. */
function growOffsets(fn: PciFunction): void {
  const register = fn.common.named('queue_notify_off');
  const { read } = register;
  register.read = () => ((fn.core.sim.status & 4) !== 0 ? 0x100 : 0) + read();
}

/** Functions whose identification or capabilities are wrong. */
export const PCI_CAPABILITY_DEFECTS: readonly Defect[] = [
  definePciDefect({
    id: 'pci/capability-list-loops',
    breaks: ['V1.1-4.1.1-D1'],
    what: 'The last capability points back to the first.',
    origin: TEXT,
    seed: (fn) => poke(fn, 'window', 1, 1, 0x40),
  }),
  definePciDefect({
    id: 'pci/msix-table-outside-bar',
    breaks: ['V1.1-4.1.1-D1'],
    what: 'The MSI-X table sticks out of its BAR.',
    origin: TEXT,
    seed: (fn) => fn.space.put(fn.msixAt + 4, 4, 0xfff1),
  }),
  definePciDefect({
    id: 'pci/bar-with-a-gap',
    breaks: ['V1.1-4.1.1-D1'],
    what: 'A BAR has address bits below its size.',
    origin: TEXT,
    seed: (fn) => fn.space.allow(0x10 + 4 * 4, 4, 0xffff_0800),
  }),
  definePciDefect({
    id: 'pci/vendor-1af5',
    breaks: ['V1.1-4.1.2.1-D1'],
    what: 'The vendor id is 0x1af5.',
    origin: TEXT,
    seed: (fn) => fn.space.put(0, 2, 0x1af5),
  }),
  definePciDefect({
    id: 'pci/device-id-of-the-next-type',
    breaks: ['V1.1-4.1.2.1-D2'],
    what: 'The device id is that of the next device type.',
    origin: TEXT,
    seed: (fn) => fn.space.put(2, 2, fn.space.read(2, 2) + 1),
  }),
  definePciDefect({
    id: 'pci/transitional-id',
    parents: BLK,
    breaks: ['V1.1-4.1.2.1-D4'],
    what: 'A function without the legacy interface has a transitional device id.',
    origin: TEXT,
    seed: (fn) => fn.space.put(2, 2, 0x1001),
  }),
  definePciDefect({
    id: 'pci/revision-0',
    breaks: ['V1.1-4.1.2.1-D5'],
    what: 'A function without the legacy interface has revision 0.',
    origin: TEXT,
    seed: (fn) => fn.space.put(8, 1, 0),
  }),
  definePciDefect({
    id: 'pci/subsystem-2',
    breaks: ['V1.1-4.1.2.1-D6'],
    what: 'A function without the legacy interface has a subsystem id below 0x40.',
    origin: TEXT,
    seed: (fn) => fn.space.put(0x2e, 2, 2),
  }),
  definePciDefect({
    id: 'pci/notify-capability-without-multiplier',
    breaks: ['V1.1-4.1.4.2-D1'],
    what: 'cap_len of the notification capability leaves the multiplier out.',
    origin: TEXT,
    seed: (fn) => poke(fn, 'notify', 2, 1, 16),
  }),
  definePciDefect({
    id: 'pci/common-misaligned',
    breaks: ['V1.1-4.1.4.3.1-D1'],
    what: 'The common configuration is at an offset that is no multiple of 4.',
    origin: TEXT,
    seed: (fn) => shift(fn, 'common', OFFSET, 2),
  }),
  definePciDefect({
    id: 'pci/no-common',
    breaks: ['V1.1-4.1.4.3.1-D2'],
    what: 'There is no common configuration capability.',
    origin: TEXT,
    seed: (fn) => hide(fn, 'common'),
  }),
  definePciDefect({
    id: 'pci/no-notify',
    breaks: ['V1.1-4.1.4.4.1-D1'],
    what: 'There is no notification capability.',
    origin: TEXT,
    seed: (fn) => hide(fn, 'notify'),
  }),
  definePciDefect({
    id: 'pci/no-isr',
    breaks: ['V1.1-4.1.4.5.1-D1'],
    what: 'There is no ISR status capability.',
    origin: 'devices for MSI-X only that leave it out',
    seed: (fn) => hide(fn, 'isr'),
  }),
  definePciDefect({
    id: 'pci/no-device-configuration',
    breaks: ['V1.1-4.1.4.6-N1'],
    what: 'There is no device configuration capability.',
    origin: TEXT,
    seed: (fn) => hide(fn, 'device'),
  }),
  definePciDefect({
    id: 'pci/no-window',
    breaks: ['V1.1-4.1.4.7.1-D1'],
    what: 'There is no configuration window.',
    origin: 'hardware functions that leave it out',
    seed: (fn) => hide(fn, 'window'),
  }),
  definePciDefect({
    id: 'pci/device-configuration-misaligned',
    breaks: ['V1.1-4.1.4.6.1-D1'],
    what: 'The device configuration is at an offset that is no multiple of 4.',
    origin: TEXT,
    seed: (fn) => shift(fn, 'device', OFFSET, 6),
  }),
  definePciDefect({
    id: 'pci/structure-beyond-bar',
    breaks: ['P1.1-039p'],
    what: 'The device configuration is longer than its BAR.',
    origin: TEXT,
    seed: (fn) => poke(fn, 'device', LENGTH, 4, 0x10_0000),
  }),
  definePciDefect({
    id: 'pci/second-notification-structure-dead',
    breaks: ['P1.1-045p'],
    what: 'Of two notification structures only the first one works.',
    origin: TEXT,
    options: { shape: 'io-notify' },
    seed(fn) {
      const memory = fn.regions.find(({ bar, offset }) => bar === 4 && offset === 0x4000)!;
      memory.write = () => {};
    },
  }),
  definePciDefect({
    id: 'pci/notify-odd-offset',
    breaks: ['V1.1-4.1.4.4.1-D2'],
    what: 'The notification structure is at an odd offset.',
    origin: TEXT,
    options: NO_DATA,
    seed: (fn) => shift(fn, 'notify', OFFSET, 1),
  }),
  definePciDefect({
    id: 'pci/multiplier-3',
    breaks: ['V1.1-4.1.4.4.1-D3'],
    what: 'The notification multiplier is 3.',
    origin: TEXT,
    options: NO_DATA,
    seed: (fn) => poke(fn, 'notify', MULTIPLIER, 4, 3),
  }),
  definePciDefect({
    id: 'pci/notify-length-1',
    breaks: ['V1.1-4.1.4.4.1-D4a'],
    what: 'The notification structure has room for one byte.',
    origin: TEXT,
    options: NO_DATA,
    seed: (fn) => poke(fn, 'notify', LENGTH, 4, 1),
  }),
  definePciDefect({
    id: 'pci/notify-too-short-for-the-last-queue',
    parents: NET,
    breaks: ['V1.1-4.1.4.4.1-D5'],
    what: 'The notification structure ends before the address of the last queue.',
    origin: TEXT,
    options: NO_DATA,
    seed: (fn) => poke(fn, 'notify', LENGTH, 4, 4 * (fn.core.queues.length - 1)),
  }),
  definePciDefect({
    id: 'pci/notify-offsets-grow',
    breaks: ['V1.1-4.1.4.4.1-D4b'],
    what: 'Notify offsets are larger once the device runs.',
    origin: TEXT,
    options: NO_DATA,
    seed: growOffsets,
  }),
  definePciDefect({
    id: 'pci/notify-data-offset-2',
    breaks: ['V1.1-4.1.4.4.1-D7'],
    what: 'With notification data offered the structure is aligned to 2 bytes only.',
    origin: TEXT,
    seed: (fn) => shift(fn, 'notify', OFFSET, 2),
  }),
  definePciDefect({
    id: 'pci/notify-data-multiplier-2',
    breaks: ['V1.1-4.1.4.4.1-D6'],
    what: 'With notification data offered the multiplier is 2.',
    origin: TEXT,
    seed: (fn) => poke(fn, 'notify', MULTIPLIER, 4, 2),
  }),
  definePciDefect({
    id: 'pci/notify-data-length-2',
    breaks: ['V1.1-4.1.4.4.1-D8a'],
    what: 'With notification data offered the structure has room for 16 bits.',
    origin: TEXT,
    seed: (fn) => poke(fn, 'notify', LENGTH, 4, 2),
  }),
  definePciDefect({
    id: 'pci/notify-data-too-short-for-the-last-queue',
    parents: NET,
    breaks: ['V1.1-4.1.4.4.1-D9'],
    what: 'With notification data offered the last queue has room for 16 bits.',
    origin: TEXT,
    seed: (fn) => poke(fn, 'notify', LENGTH, 4, 4 * (fn.core.queues.length - 1) + 2),
  }),
  definePciDefect({
    id: 'pci/notify-data-offsets-grow',
    breaks: ['V1.1-4.1.4.4.1-D8b'],
    what: 'With notification data offered notify offsets are larger once the device runs.',
    origin: TEXT,
    seed: growOffsets,
  }),
  definePciDefect({
    id: 'pci/legacy-guard-in-memory',
    breaks: ['V1.1-4.1.4.9.0.1-D1.1'],
    what: 'BAR 0 is a memory BAR, so that a legacy driver fails badly.',
    origin: TEXT,
    options: GUARD,
    seed: (fn) => fn.space.put(0x10, 4, 0x20),
  }),
  definePciDefect({
    id: 'pci/legacy-guard-stays',
    breaks: ['V1.1-4.1.4.9.0.1-D1.2'],
    what: 'The BARs stay after the reset of a legacy driver.',
    origin: TEXT,
    options: GUARD,
    seed(fn) {
      fn.hide = () => {};
    },
  }),
];
