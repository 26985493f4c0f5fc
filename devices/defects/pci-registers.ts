import { STATUS } from '../../specs/virtio-1.1/status.ts';
import { type Defect, definePciDefect } from './defect.ts';
import {
  countGenerationReads,
  cutFeatureSelector,
  keepQueuesOverReset,
  loseUpperFeatureWord,
  startQueueByKick,
  stopGeneration,
} from './register-faults.ts';

/** Reverse of a sentence of section 4.1.4.3 or 4.1.4.7. */
const TEXT = 'the text turned round';
const NET = ['virtio-pci-net'] as const;

/** Functions with wrong common configuration registers, or a wrong configuration window. */
export const PCI_REGISTER_DEFECTS: readonly Defect[] = [
  definePciDefect({
    id: 'pci/feature-words-repeat',
    breaks: ['V1.1-4.1.4.3.1-D3'],
    what: 'Words of features beyond the second repeat the first two.',
    origin: 'a selector that is cut to one bit',
    seed: cutFeatureSelector,
  }),
  definePciDefect({
    id: 'pci/feature-selector-overflows',
    breaks: ['V1.1-4.1.4.3.1-D3'],
    what: 'The selector times 32 is computed in 32 bits.',
    origin: TEXT,
    seed({ core }) {
      const { deviceFeatureWord } = core;
      core.deviceFeatureWord = (select) => deviceFeatureWord.call(core, ((select * 32) >>> 0) / 32);
    },
  }),
  definePciDefect({
    id: 'pci/driver-feature-other-word-lost',
    breaks: ['V1.1-4.1.4.3.1-D4'],
    what: 'Writing the lower word of the accepted features clears the upper one.',
    origin: 'assignment where a word should have been merged',
    seed: loseUpperFeatureWord,
  }),
  definePciDefect({
    id: 'pci/driver-feature-accumulates',
    breaks: ['P1.1-036p'],
    what: 'Accepted features are only ever added.',
    origin: TEXT,
    seed({ core }) {
      const { writeDriverFeatureWord } = core;
      core.writeDriverFeatureWord = (select, value) =>
        writeDriverFeatureWord.call(core, select, (value | (core.driverFeatures[select] ?? 0)) >>> 0);
    },
  }),
  definePciDefect({
    id: 'pci/generation-never-moves',
    breaks: ['V1.1-4.1.4.3.1-D6'],
    what: 'The generation is constant.',
    origin: TEXT,
    seed: stopGeneration,
  }),
  definePciDefect({
    id: 'pci/generation-comes-round',
    breaks: ['V1.1-4.1.4.3.1-D6'],
    what: 'Each change moves the 8-bit generation, so 256 of them leave it as it was.',
    origin: 'the note in 4.1.4.3.1',
    seed({ deviceConfig, core }) {
      deviceConfig.readGeneration = () => core.sim.config.generation;
    },
  }),
  definePciDefect({
    id: 'pci/generation-before-driver-ok',
    breaks: ['V1.1-4.1.4.3.1-D6'],
    what: 'The generation moves only once the driver runs.',
    origin: TEXT,
    seed({ deviceConfig, core }) {
      const { readGeneration } = deviceConfig;
      deviceConfig.readGeneration = () => (core.sim.driverOk ? readGeneration.call(deviceConfig) : 0);
    },
  }),
  definePciDefect({
    id: 'pci/generation-runs-freely',
    breaks: ['P1.1-048p'],
    what: 'Each look at the generation moves it.',
    origin: TEXT,
    seed: countGenerationReads,
  }),
  definePciDefect({
    id: 'pci/reset-keeps-queues',
    breaks: ['V1.1-4.1.4.3.1-D7'],
    what: 'A reset clears the status; the queues go on.',
    origin: 'devices that serve the old rings of the firmware',
    seed: keepQueuesOverReset,
  }),
  definePciDefect({
    id: 'pci/queue-enable-kept',
    breaks: ['V1.1-4.1.4.3.1-D8'],
    what: 'queue_enable keeps showing 1 after a reset.',
    origin: TEXT,
    seed({ common, core }) {
      const register = common.named('queue_enable');
      const { read, write } = register;
      const ever = new Set<number>();
      register.write = (value) => {
        if (value === 1) ever.add(core.queueSelect);
        write(value);
      };
      register.read = () => (ever.has(core.queueSelect) ? 1 : read());
    },
  }),
  definePciDefect({
    id: 'pci/queue-select-has-8-bits',
    breaks: ['V1.1-4.1.4.3.1-D9'],
    what: 'Only the lower 8 bits of queue_select count.',
    origin: TEXT,
    seed({ core }) {
      const { maxSize } = core;
      core.maxSize = (idx) => maxSize.call(core, idx & 0xff);
    },
  }),
  definePciDefect({
    id: 'pci/bad-queue-select-ignored',
    breaks: ['V1.1-4.1.4.3.1-D9'],
    what: 'A queue_select beyond the last queue leaves the old one selected.',
    origin: 'a device model that returns early',
    seed({ common, core }) {
      const register = common.named('queue_select');
      const { write } = register;
      register.write = (value) => {
        if (value < core.queues.length) write(value);
      };
    },
  }),
  definePciDefect({
    id: 'pci/queue-size-100',
    breaks: ['V1.1-4.1.4.3.1-D10'],
    what: 'queue_size shows 100 before the ring format is known.',
    origin: TEXT,
    seed({ core }) {
      core.maxSize = (idx) => (core.queues[idx] === undefined ? 0 : 100);
    },
  }),
  definePciDefect({
    id: 'pci/queue-size-kept-over-reset',
    breaks: ['P1.1-034p'],
    what: 'A reset leaves the queue sizes of the driver.',
    origin: TEXT,
    seed({ core }) {
      const { forget } = core;
      core.forget = () => {
        const sizes = core.queues.map(({ size }) => size);
        forget.call(core);
        for (const [i, size] of sizes.entries()) core.queues[i].size = size;
      };
    },
  }),
  definePciDefect({
    id: 'pci/queue-size-not-used',
    breaks: ['P1.1-035p'],
    what: 'Queues run with their largest size, whatever the driver chose.',
    origin: TEXT,
    seed({ core }) {
      const { enable } = core;
      core.enable = (idx, on) => {
        const queue = core.queues[idx];
        const size = queue?.size ?? null;
        if (queue !== undefined) queue.size = null;
        enable.call(core, idx, on);
        if (queue !== undefined) queue.size = size;
      };
    },
  }),
  definePciDefect({
    id: 'pci/address-low-waits-for-high',
    breaks: ['V1.1-4.1.3.2-D1'],
    what: 'The lower half of a queue address counts only once the upper half is written.',
    origin: '64-bit registers behind a latch',
    seed({ core }) {
      const { writeArea } = core;
      const low: number[] = [];
      core.writeArea = (area, half, value) => {
        if (half === 0) {
          low[area] = value;
          return;
        }
        if (low[area] !== undefined) writeArea.call(core, area, 0, low[area]);
        writeArea.call(core, area, 1, value);
      };
    },
  }),
  definePciDefect({
    id: 'pci/queue-addresses-shared',
    parents: NET,
    breaks: ['P1.1-037p'],
    what: 'Queue addresses are those written last, for whichever queue.',
    origin: TEXT,
    seed({ core }) {
      let last = 0;
      const { readArea, writeArea } = core;
      core.writeArea = (area, half, value) => {
        if (area === 0 && half === 0) last = value >>> 0;
        writeArea.call(core, area, half, value);
      };
      core.readArea = (area, half) => (area === 0 && half === 0 ? last : readArea.call(core, area, half));
    },
  }),
  definePciDefect({
    id: 'pci/queue-enable-ignored',
    breaks: ['P1.1-038p'],
    what: 'A kick starts a queue that is not enabled.',
    origin: TEXT,
    seed: startQueueByKick,
  }),
  definePciDefect({
    id: 'pci/num-queues-follows-features',
    breaks: ['P1.1-047p'],
    what: 'num_queues is lower after negotiation.',
    origin: TEXT,
    seed({ common, core }) {
      const register = common.named('num_queues');
      const { read } = register;
      register.read = () => read() - ((core.sim.status & STATUS.FEATURES_OK) !== 0 ? 1 : 0);
    },
  }),
  definePciDefect({
    id: 'pci/window-reads-words',
    breaks: ['V1.1-4.1.4.7.1-D3'],
    what: 'The window always reads four aligned bytes.',
    origin: TEXT,
    seed(fn) {
      fn.readWindow = () => {
        const { bar, offset } = fn.windowTarget();
        return fn.readBar(bar, offset - (offset % 4), 4);
      };
    },
  }),
  definePciDefect({
    id: 'pci/window-reads-too-early',
    breaks: ['V1.1-4.1.4.7.1-D3'],
    what: 'The window keeps the value of the first read at an address.',
    origin: 'a device model that reads when the offset is written',
    seed(fn) {
      const { readWindow } = fn;
      const known = new Map<string, number>();
      fn.readWindow = () => {
        const key = JSON.stringify(fn.windowTarget());
        if (!known.has(key)) known.set(key, readWindow.call(fn));
        return known.get(key)!;
      };
    },
  }),
  definePciDefect({
    id: 'pci/window-writes-words',
    breaks: ['V1.1-4.1.4.7.1-D2'],
    what: 'The window writes all four bytes of its data, whatever its length.',
    origin: TEXT,
    seed(fn) {
      const { writeWindow } = fn;
      fn.writeWindow = (value) => {
        const { bar, offset, length } = fn.windowTarget();
        writeWindow.call(fn, value);
        if (length === 2) fn.writeBar(bar, offset + 2, 2, value >>> 16);
      };
    },
  }),
  definePciDefect({
    id: 'pci/window-drops-kicks',
    breaks: ['V1.1-4.1.4.7.1-D2'],
    what: 'Notifications through the window are lost.',
    origin: TEXT,
    seed(fn) {
      const { writeWindow } = fn;
      fn.writeWindow = (value) => {
        if (fn.windowTarget().offset < 0x4000) writeWindow.call(fn, value);
      };
    },
  }),
  definePciDefect({
    id: 'pci/window-bar-fixed',
    breaks: ['P1.1-041p'],
    what: 'The BAR field of the window cannot be written.',
    origin: TEXT,
    seed: (fn) => fn.space.allow(fn.capabilityAt.window + 4, 1, 0),
  }),
];
