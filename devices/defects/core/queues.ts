import { BOTH, type Defect, defineDefect } from '../defect.ts';

/** Set-up of queues. */
export const CORE_QUEUES: readonly Defect[] = [
  defineDefect({
    id: 'core/ready-survives-reset',
    parents: BOTH,
    breaks: ['V1.1-4.1.4.3.1-D8', 'V1.1-4.2.2.1-D5', 'VDPA-002'],
    what: 'Queues that were ready still look ready after a reset.',
    origin: 'RS-01: queue_enable is not cleared, and Linux refuses to bind again',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { reset, getVqReady, setVqReady } = device;
      const stale = new Set<number>();
      device.reset = () => {
        for (const { ready, index } of device.queues) if (ready) stale.add(index);
        return reset.call(device);
      };
      device.setVqReady = (idx, ready) => {
        stale.delete(idx);
        setVqReady.call(device, idx, ready);
      };
      device.getVqReady = (idx) => stale.has(idx) || getVqReady.call(device, idx);
    },
  }),
  defineDefect({
    id: 'core/size-of-any-queue',
    parents: BOTH,
    breaks: ['V1.1-4.1.4.3.1-D9'],
    what: 'Queues that do not exist have a size.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.getVqSize = (idx) => device.queues[idx]?.latched?.num ?? device.getVqNumMax();
    },
  }),
  defineDefect({
    id: 'core/split-size-255',
    parents: BOTH,
    breaks: ['V1.1-4.1.4.3.1-D10'],
    what: 'A queue size of 255 is reported although split rings are in force.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { getVqSize } = device;
      device.getVqSize = (idx) => {
        const size = getVqSize.call(device, idx);
        return size === 256 ? 255 : size === 64 ? 63 : size;
      };
    },
  }),
  defineDefect({
    id: 'core/cleared-callback-called',
    parents: BOTH,
    breaks: ['V1.1-4.1.5.3.1-D1'],
    what: 'The running queue keeps the callback it started with.',
    origin: 'IR-08: the callback is replaced too late',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { setVqCb } = device;
      device.setVqCb = (idx, cb) => {
        if (device.queues[idx]?.ring == null) setVqCb.call(device, idx, cb);
      };
    },
  }),
  defineDefect({
    id: 'core/stops-without-callback',
    parents: BOTH,
    breaks: ['VDPA-092'],
    what: 'A queue without a callback is not served.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { runnable } = device;
      device.runnable = (queue) => queue.callback !== null && runnable.call(device, queue);
    },
  }),
  defineDefect({
    id: 'core/addresses-make-a-queue',
    parents: BOTH,
    breaks: ['V1.1-4.2.2.1-D7', 'VDPA-022'],
    what: 'At DRIVER_OK every queue with addresses runs, ready or not.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.startQueues = () => {
        for (const queue of device.queues) {
          if (!queue.addressSet || queue.num === 0 || queue.ring !== null || device.suspended) continue;
          if (!device.startQueue(queue)) return false;
        }
        return true;
      };
    },
  }),
  defineDefect({
    id: 'core/loses-every-fifth',
    parents: BOTH,
    breaks: ['P1.1-019f'],
    what: 'Every fifth buffer is never given back.',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { complete } = device;
      let n = 0;
      device.complete = (queue, buffer, written) => {
        if (++n % 5 !== 0) complete.call(device, queue, buffer, written);
      };
    },
  }),
];
