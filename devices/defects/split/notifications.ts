import type { SplitDeviceRing } from '../../../framework/virtqueue/device/split.ts';
import type { SimQueue } from '../../simulator/queue.ts';
import { BOTH, type Defect, defineDefect, onSplitRing } from '../defect.ts';
import { inRing } from './ring-defect.ts';

/** Wrong used buffer notifications. */
export const SPLIT_NOTIFICATIONS: readonly Defect[] = [
  inRing(
    {
      id: 'split/used-event-without-feature',
      breaks: ['V1.1-2.6.7.2-D1'],
      what: 'goes by used_event although EVENT_IDX was not negotiated',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      const { wantsNotification } = ring;
      ring.wantsNotification = (count) =>
        wantsNotification.call(ring, count) &&
        ring.needEvent(ring.readUsedEvent(), ring.usedIndex, (ring.usedIndex - count) & 0xffff);
    },
  ),
  inRing(
    {
      id: 'split/no-interrupt-flag-ignored',
      breaks: ['V1.1-2.6.7.2-D2'],
      what: 'notifies although avail.flags is 1',
      origin: 'EV-02: text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      if (!ring.config.eventIdx) ring.wantsNotification = () => true;
    },
  ),
  inRing(
    {
      id: 'split/notifies-when-empty',
      breaks: ['V1.1-2.6.7.2-D3'],
      what: 'notifies only when no buffer is left to be used',
      origin: 'EV-16: ACRN fa375a2aa',
      seenBy: 'expectation',
    },
    (ring) => {
      if (!ring.config.eventIdx) ring.wantsNotification = () => ring.readAvailFlags() === 0 && !ring.probe();
    },
  ),
  defineDefect({
    id: 'split/notifies-before-index',
    parents: BOTH,
    breaks: ['V1.1-2.6.7.2-D3'],
    what: 'sends the notification before the used index moves',
    origin: 'class of DPDK ca4cc612d7',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      device.publish = (queue) => {
        const { ring } = queue;
        const wanted = ring !== null && !queue.packed && (ring as SplitDeviceRing).wantsNotification(1);
        if (wanted) device.interrupt(queue);
        ring!.publish();
        if (ring!.needsNotification() && !wanted) device.interrupt(queue);
      };
    },
  }),
  defineDefect({
    id: 'split/notifies-once-per-kick',
    parents: BOTH,
    breaks: ['V1.1-2.6.7.2-D3'],
    what: 'notifies for the first used buffer after a kick only',
    origin: 'IR-10: DPDK d76a17f7b8',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const told = new Set<SimQueue>();
      const { interrupt, kickVq } = device;
      device.kickVq = (idx) => {
        told.delete(device.queues[idx]);
        kickVq.call(device, idx);
      };
      device.interrupt = (queue) => {
        if (told.has(queue)) return;
        told.add(queue);
        interrupt.call(device, queue);
      };
    },
  }),
  inRing(
    {
      id: 'split/remembers-silence',
      breaks: ['V1.1-2.6.7.2-D3'],
      what: 'stays silent for good once it has seen avail.flags 1',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      let silent = false;
      const { readAvailFlags } = ring;
      ring.readAvailFlags = () => {
        silent ||= readAvailFlags.call(ring) !== 0;
        return silent ? 1 : 0;
      };
    },
  ),
  inRing(
    {
      id: 'split/flag-and-event',
      breaks: ['V1.1-2.6.7.2-D4'],
      what: 'wants both avail.flags 0 and used_event reached',
      origin: 'EV-01: class of Cloud Hypervisor 1da37c7bb',
      seenBy: 'expectation',
    },
    (ring) => {
      const { wantsNotification } = ring;
      ring.wantsNotification = (count) =>
        wantsNotification.call(ring, count) && (ring.readAvailFlags() & 1) === 0;
    },
  ),
  defineDefect({
    id: 'split/event-last-of-batch',
    parents: BOTH,
    breaks: ['V1.1-2.6.7.2-D5'],
    what: 'compares used_event with the last index of what it publishes together',
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    options: { variant: 'coalesce' },
    seed(device) {
      device.publish = (queue) => {
        queue.flushDue = true;
      };
      onSplitRing(device, (ring) => {
        ring.needEvent = (event, now) => event === ((now - 1) & 0xffff);
      });
    },
  }),
  inRing(
    {
      id: 'split/event-without-wrap',
      breaks: ['V1.1-2.6.7.2-D5'],
      what: 'compares used_event as a plain number, not modulo 65536',
      origin: 'EV-05: class of QEMU 750539c4c4',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.needEvent = (event, now, old) => event >= old && event < now;
    },
  ),
  inRing(
    {
      id: 'split/event-off-by-one',
      breaks: ['V1.1-2.6.7.2-D5'],
      what: 'waits until the used index has reached used_event, which is one later',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.needEvent = (event, now, old) => ((now - event) & 0xffff) < ((now - old) & 0xffff);
    },
  ),
  defineDefect({
    id: 'split/signalled-index-survives-reset',
    parents: BOTH,
    breaks: ['V1.1-2.6.7.2-D5'],
    what: 'goes on with the index at which it notified last, from before a reset',
    origin: 'EV-04: DPDK 2f706027c8, crosvm 078ef31b7',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const signalled = new Map<number, number>();
      onSplitRing(device, (ring, queue) => {
        if (!ring.config.eventIdx) return;
        ring.wantsNotification = (count) => {
          const old = signalled.get(queue.index) ?? (ring.usedIndex - count) & 0xffff;
          const wanted = ring.needEvent(ring.readUsedEvent(), ring.usedIndex, old);
          if (wanted) signalled.set(queue.index, ring.usedIndex);
          return wanted;
        };
      });
    },
  }),
  inRing(
    {
      id: 'split/notifies-whatever-the-event',
      breaks: ['V1.1-2.6.7.2-D6'],
      what: 'notifies for every used buffer, whatever used_event says',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      if (ring.config.eventIdx) ring.wantsNotification = () => true;
    },
  ),
];
