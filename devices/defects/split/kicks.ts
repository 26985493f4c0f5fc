import type { SplitDeviceRing } from '../../../framework/virtqueue/device/split.ts';
import type { SimQueue } from '../../simulator/queue.ts';
import { BOTH, type Defect, defineDefect, onSplitRing } from '../defect.ts';
import { inRing } from './ring-defect.ts';

/** Wrong handling of available buffer notifications. */
export const SPLIT_KICKS: readonly Defect[] = [
  inRing(
    {
      id: 'split/used-flags-reserved-bit',
      breaks: ['V1.1-2.6.10.2-D1'],
      what: 'marks itself busy with a reserved bit of used.flags',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.refuseKicks = () => {
        if (!ring.config.eventIdx) ring.storeUsedFlags(2);
      };
    },
  ),
  inRing(
    {
      id: 'split/used-flags-with-event-idx',
      breaks: ['V1.1-2.6.10.2-D3'],
      what: 'sets used.flags while it works although EVENT_IDX was negotiated',
      origin: 'EV-08: text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      const { requestKicks } = ring;
      ring.refuseKicks = () => ring.storeUsedFlags(1);
      ring.requestKicks = () => {
        ring.storeUsedFlags(0);
        requestKicks.call(ring);
      };
    },
  ),
  defineDefect({
    id: 'split/kick-count-is-request-count',
    parents: BOTH,
    breaks: ['V1.1-2.6.10.2-D5'],
    what: 'takes one buffer for every kick, available or not',
    origin: 'SP-26: SPDK 7a3246bfb2',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const owed = new Map<SimQueue, number>();
      const { kickVq } = device;
      device.kickVq = (idx) => {
        const queue = device.queues[idx];
        if (queue !== undefined) owed.set(queue, (owed.get(queue) ?? 0) + 1);
        kickVq.call(device, idx);
      };
      onSplitRing(device, (ring, queue) => {
        owed.set(queue, 0);
        const { availableCount, take } = ring;
        ring.availableCount = () => availableCount.call(ring) || ((owed.get(queue) ?? 0) > 0 ? 1 : 0);
        ring.take = (buffer) => {
          ring.availIndex = ring.readAvailIndex();
          const taken = take.call(ring, buffer);
          if (taken) owed.set(queue, Math.max(0, (owed.get(queue) ?? 0) - 1));
          return taken;
        };
      });
    },
  }),
  defineDefect({
    id: 'split/empty-kick-is-an-error',
    parents: BOTH,
    breaks: ['V1.1-2.6.10.2-D5'],
    what: 'needs a reset after a kick of an empty ring',
    origin: 'EV-10: class of QEMU 4eae2a657d',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { kickVq } = device;
      device.kickVq = (idx) => {
        kickVq.call(device, idx);
        const queue = device.queues[idx];
        if (queue?.ring && !queue.packed && !queue.ring.hasAvailable())
          device.needsReset('kicked for nothing');
      };
    },
  }),
  defineDefect({
    id: 'split/sleeps-without-asking',
    parents: BOTH,
    breaks: ['P1.1-017g'],
    what: 'goes to sleep without asking for kicks again',
    origin: 'EV-07: class of Cloud Hypervisor 72b736153',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { sleep } = device;
      device.sleep = (queue) => {
        if (queue.packed) return sleep.call(device, queue);
        queue.pending = false;
        return true;
      };
    },
  }),
  defineDefect({
    id: 'split/sleeps-without-looking-again',
    parents: BOTH,
    breaks: ['P1.1-017g'],
    what: 'asks for kicks and goes to sleep without looking at the available index once more',
    origin: 'EV-07: Cloud Hypervisor 72b736153',
    seenBy: 'expectation',
    fuzz: 'needs a driver that acts between two accesses of the device',
    seed(device) {
      const { sleep } = device;
      device.sleep = (queue) => {
        if (queue.packed) return sleep.call(device, queue);
        queue.kicksOff = false;
        (queue.ring as SplitDeviceRing).requestKicks();
        queue.pending = false;
        return true;
      };
    },
  }),
  defineDefect({
    id: 'split/one-request-per-kick',
    parents: BOTH,
    breaks: ['P1.1-017g'],
    what: 'serves one request for each kick and waits for the next one',
    origin: 'SP-25: QEMU f8693c2cd0, Firecracker 048128270',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { serve } = device;
      device.serve = (queue) => {
        const done = serve.call(device, queue);
        if (done > 0 && !queue.packed && queue.ring !== null) device.sleep(queue);
        queue.pending &&= queue.packed;
        return done;
      };
    },
  }),
];
