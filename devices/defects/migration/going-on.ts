import type { BlkDevice } from '../../simulator/blk/blk-device.ts';
import type { NetDevice } from '../../simulator/net/net-device.ts';
import type { SimQueue } from '../../simulator/queue.ts';
import { BLK, type Defect, NET } from '../defect.ts';
import { migrating, moved } from './migration-defect.ts';

/** Devices that go on wrongly for another one. */
export const MIGRATION_GOING_ON: readonly Defect[] = [
  migrating(
    {
      id: 'migration/first-completed-twice',
      breaks: ['P1.1-019f'],
      what: 'A queue that starts at a position completes the first buffer twice.',
    },
    (device) => {
      const { startQueue, complete } = device;
      const fresh = new WeakSet<SimQueue>();
      device.startQueue = (queue) => {
        if (moved(queue.start)) fresh.add(queue);
        return startQueue.call(device, queue);
      };
      device.complete = (queue, buffer, written) => {
        const again = fresh.delete(queue);
        complete.call(device, queue, buffer, written);
        if (again && queue.ring !== null) complete.call(device, queue, buffer, written);
      };
    },
  ),
  migrating(
    {
      id: 'migration/first-kept',
      breaks: ['P1.1-019f'],
      what: 'A queue that starts at a position drops the first buffer that it takes.',
    },
    (device) => {
      const { startQueue, run } = device;
      const fresh = new WeakSet<SimQueue>();
      device.startQueue = (queue) => {
        if (moved(queue.start)) fresh.add(queue);
        return startQueue.call(device, queue);
      };
      device.run = (queue, buffer) => {
        if (!fresh.delete(queue)) run.call(device, queue, buffer);
      };
    },
  ),
  migrating(
    {
      id: 'migration/first-in-silence',
      breaks: ['VDPA-093'],
      what: 'A queue that starts at a position does not notify for the first buffer.',
    },
    (device) => {
      const { startQueue, interrupt } = device;
      const fresh = new WeakSet<SimQueue>();
      device.startQueue = (queue) => {
        if (moved(queue.start)) fresh.add(queue);
        return startQueue.call(device, queue);
      };
      device.interrupt = (queue) => {
        if (!fresh.delete(queue)) interrupt.call(device, queue);
      };
    },
  ),
  migrating<BlkDevice>(
    {
      id: 'migration/cache-mode-lost',
      parents: BLK,
      breaks: ['P1.1-026e'],
      what: 'The cache mode can be written while the device runs only, and so cannot be set before it goes on.',
      seenBy: 'expectation',
    },
    (device) => {
      const { acceptsConfigWrite } = device;
      device.acceptsConfigWrite = (offset, value) =>
        device.driverOk && acceptsConfigWrite.call(device, offset, value);
    },
  ),
  migrating<NetDevice>(
    {
      id: 'migration/filter-lost-with-control-queue',
      parents: NET,
      breaks: ['P1.1-027q', 'P1.1-027r'],
      what: 'The filter is emptied when the control queue is disabled.',
      seenBy: 'expectation',
    },
    (device) => {
      const { setVqReady } = device;
      device.setVqReady = (idx, ready) => {
        if (!ready && device.isControl(idx) && device.driverOk) {
          const { vlanFiltering, ownMac } = device.filter;
          device.filter.reset(ownMac);
          device.filter.vlanFiltering = vlanFiltering;
        }
        setVqReady.call(device, idx, ready);
      };
    },
  ),
  migrating<NetDevice>(
    {
      id: 'migration/commands-before-data-queues-dropped',
      parents: NET,
      breaks: ['P1.1-027q', 'V1.1-5.1.6.5.2.1-D3'],
      what: 'Control commands that come before a receive queue is ready are acknowledged and not carried out.',
      seenBy: 'expectation',
    },
    (device) => {
      const { control } = device;
      const { dispatch } = control;
      control.dispatch = (kind, command, data) =>
        !device.queues[0].ready || dispatch.call(control, kind, command, data);
    },
  ),
  migrating<NetDevice>(
    {
      id: 'migration/pairs-back-to-one',
      parents: NET,
      breaks: ['V1.1-5.1.6.5.5-N4'],
      what: 'The number of queue pairs goes back to 1 when a data queue is enabled.',
      seenBy: 'expectation',
    },
    (device) => {
      const { startQueue } = device;
      device.startQueue = (queue) => {
        if (!device.isControl(queue.index)) device.setPairs(1);
        return startQueue.call(device, queue);
      };
    },
  ),
  migrating<NetDevice>(
    {
      id: 'migration/offloads-back-on',
      parents: NET,
      breaks: ['P1.1-027v'],
      what: 'All offloads are on again when a data queue is enabled.',
      seenBy: 'expectation',
    },
    (device) => {
      const { startQueue } = device;
      device.startQueue = (queue) => {
        if (!device.isControl(queue.index)) device.offloads = device.initialOffloads();
        return startQueue.call(device, queue);
      };
    },
  ),
];
