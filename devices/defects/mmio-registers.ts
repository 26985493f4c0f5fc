import { type Defect, defineMmioDefect } from './defect.ts';
import {
  countGenerationReads,
  cutFeatureSelector,
  doubleNotifiedIndex,
  keepQueuesOverReset,
  loseUpperFeatureWord,
  startQueueByKick,
  stopGeneration,
} from './register-faults.ts';

/** Reverse of a sentence of section 4.2. */
const TEXT = 'the text turned round';
const NET = ['virtio-mmio-net'] as const;

/** Wrong virtio-mmio devices. */
export const MMIO_DEFECTS: readonly Defect[] = [
  defineMmioDefect({
    id: 'mmio/magic-big-endian',
    breaks: ['V1.1-4.2.2.1-D1'],
    what: 'The bytes of the magic value are the other way round.',
    origin: TEXT,
    seed({ registers }) {
      registers.named('MagicValue').read = () => 0x76697274;
    },
  }),
  defineMmioDefect({
    id: 'mmio/version-1',
    breaks: ['V1.1-4.2.2.1-D2'],
    what: 'The version is 1 although the registers are those of version 2.',
    origin: TEXT,
    seed({ registers }) {
      registers.named('Version').read = () => 1;
    },
  }),
  defineMmioDefect({
    id: 'mmio/device-id-as-on-pci',
    breaks: ['P1.1-055m'],
    what: 'DeviceID has 0x1040 added.',
    origin: TEXT,
    seed({ registers, core }) {
      registers.named('DeviceID').read = () => 0x1040 + core.sim.getDeviceId();
    },
  }),
  defineMmioDefect({
    id: 'mmio/reading-acknowledges',
    breaks: ['V1.1-4.2.2.1-D3'],
    what: 'Reading InterruptStatus clears it.',
    origin: 'the habit of the ISR status on PCI',
    seed(fn) {
      fn.registers.named('InterruptStatus').read = () => {
        const bits = fn.interruptStatus;
        fn.acknowledge(bits);
        return bits;
      };
    },
  }),
  defineMmioDefect({
    id: 'mmio/acknowledge-clears-all',
    breaks: ['V1.1-4.2.2.1-D3', 'P1.1-052m'],
    what: 'Acknowledging one event acknowledges all.',
    origin: TEXT,
    seed(fn) {
      const { acknowledge } = fn;
      fn.acknowledge = () => acknowledge.call(fn, 3);
    },
  }),
  defineMmioDefect({
    id: 'mmio/change-sets-queue-bit',
    breaks: ['V1.1-4.2.2.1-D4'],
    what: 'A configuration change sets the bit of used buffers too.',
    origin: TEXT,
    seed(fn) {
      const { event } = fn;
      fn.event = (bit) => event.call(fn, bit === 2 ? 3 : bit);
    },
  }),
  defineMmioDefect({
    id: 'mmio/reset-keeps-interrupts',
    breaks: ['V1.1-4.2.2.1-D5'],
    what: 'A reset leaves InterruptStatus.',
    origin: TEXT,
    seed(fn) {
      fn.afterReset = () => {};
    },
  }),
  defineMmioDefect({
    id: 'mmio/generation-never-moves',
    breaks: ['V1.1-4.2.2.1-D6'],
    what: 'ConfigGeneration is constant.',
    origin: TEXT,
    seed: stopGeneration,
  }),
  defineMmioDefect({
    id: 'mmio/generation-runs-freely',
    breaks: ['P1.1-054m'],
    what: 'Each look at ConfigGeneration moves it.',
    origin: TEXT,
    seed: countGenerationReads,
  }),
  defineMmioDefect({
    id: 'mmio/queue-ready-ignored',
    breaks: ['V1.1-4.2.2.1-D7'],
    what: 'A kick starts a queue that is not ready.',
    origin: TEXT,
    seed: startQueueByKick,
  }),
  defineMmioDefect({
    id: 'mmio/queue-ready-shared',
    parents: NET,
    breaks: ['P1.1-020'],
    what: 'QueueReady shows whether any queue is ready.',
    origin: TEXT,
    seed({ registers, core }) {
      registers.named('QueueReady').read = () => (core.queues.some((_, idx) => core.enabled(idx)) ? 1 : 0);
    },
  }),
  defineMmioDefect({
    id: 'mmio/queue-select-wraps',
    breaks: ['P1.1-021'],
    what: 'QueueSel counts modulo the number of queues.',
    origin: TEXT,
    seed({ core }) {
      const { maxSize } = core;
      core.maxSize = (idx) => maxSize.call(core, idx % core.queues.length);
    },
  }),
  defineMmioDefect({
    id: 'mmio/queue-ready-reads-0',
    breaks: ['P1.1-022'],
    what: 'QueueReady always reads 0.',
    origin: TEXT,
    seed({ registers }) {
      registers.named('QueueReady').read = () => 0;
    },
  }),
  defineMmioDefect({
    id: 'mmio/num-max-follows-num',
    breaks: ['P1.1-061m'],
    what: 'QueueNumMax shows the size that the driver chose.',
    origin: TEXT,
    seed({ registers, core }) {
      const register = registers.named('QueueNumMax');
      const { read } = register;
      register.read = () => core.selected?.size ?? read();
    },
  }),
  defineMmioDefect({
    id: 'mmio/reset-keeps-queues',
    breaks: ['P1.1-023'],
    what: 'Writing 0 to Status clears the status; the queues go on.',
    origin: TEXT,
    seed: keepQueuesOverReset,
  }),
  defineMmioDefect({
    id: 'mmio/status-without-acknowledge',
    breaks: ['P1.1-056m'],
    what: 'Status does not show ACKNOWLEDGE.',
    origin: TEXT,
    seed({ core }) {
      const { readStatus } = core;
      core.readStatus = () => readStatus.call(core) & ~1;
    },
  }),
  defineMmioDefect({
    id: 'mmio/feature-words-repeat',
    breaks: ['P1.1-050m'],
    what: 'Words of features beyond the second repeat the first two.',
    origin: TEXT,
    seed: cutFeatureSelector,
  }),
  defineMmioDefect({
    id: 'mmio/driver-feature-other-word-lost',
    breaks: ['P1.1-059m'],
    what: 'Writing the lower word of the accepted features clears the upper one.',
    origin: TEXT,
    seed: loseUpperFeatureWord,
  }),
  defineMmioDefect({
    id: 'mmio/queue-num-ignored',
    breaks: ['P1.1-051m'],
    what: 'Queues run with their largest size.',
    origin: TEXT,
    seed({ core }) {
      core.writeSize = () => {};
    },
  }),
  defineMmioDefect({
    id: 'mmio/line-falls-too-early',
    breaks: ['P1.1-053m'],
    what: 'The line falls with the first acknowledgement, whatever is left.',
    origin: TEXT,
    seed(fn) {
      const { acknowledge, event } = fn;
      let level = false;
      fn.line = () => level;
      fn.event = (bit) => {
        level = true;
        event.call(fn, bit);
      };
      fn.acknowledge = (bits) => {
        if (bits !== 0) level = false;
        acknowledge.call(fn, bits);
      };
    },
  }),
  defineMmioDefect({
    id: 'mmio/configuration-in-words-only',
    parents: NET,
    breaks: ['P1.1-057m'],
    what: '16-bit fields of the configuration read 0.',
    origin: TEXT,
    seed({ deviceConfig }) {
      const { read } = deviceConfig;
      deviceConfig.read = (offset, size) => (size === 2 ? 0 : read.call(deviceConfig, offset, size));
    },
  }),
  defineMmioDefect({
    id: 'mmio/notify-counts-pairs',
    parents: NET,
    breaks: ['P1.1-058m'],
    what: 'The index that is written to QueueNotify counts pairs.',
    origin: TEXT,
    seed: doubleNotifiedIndex,
  }),
  defineMmioDefect({
    id: 'mmio/address-without-upper-half',
    breaks: ['P1.1-060m'],
    what: 'The upper halves of queue addresses are dropped.',
    origin: TEXT,
    seed({ core }) {
      const { writeArea } = core;
      core.writeArea = (area, half, value) => writeArea.call(core, area, half, half === 1 ? 0 : value);
    },
  }),
];
