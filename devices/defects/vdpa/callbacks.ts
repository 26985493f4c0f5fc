import type { SimQueue } from '../../simulator/queue.ts';
import { type Defect, simulated } from '../defect.ts';

/** Parents that call back too often, too late or not at all. */
export const VDPA_CALLBACKS: readonly Defect[] = [
  simulated(
    {
      id: 'vdpa/callback-structure-kept',
      breaks: ['VDPA-091'],
      what: 'The structure of the caller is kept, not copied.',
    },
    (device) => {
      device.setVqCb = (idx, cb) => {
        const queue = device.queues[idx];
        if (queue !== undefined) queue.callback = () => cb.callback?.();
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/callback-before-data',
      breaks: ['VDPA-093'],
      what: 'The callback comes before the used entry is in memory.',
    },
    (device) => {
      device.publish = (queue) => {
        queue.callback?.();
        queue.ring!.publish();
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/callback-for-the-first-only',
      breaks: ['VDPA-093'],
      what: 'Of a burst only the first completion is announced.',
      origin: 'IR-10: used interrupt only for the first completion of a burst',
    },
    (device) => {
      const { interrupt, kickVq } = device;
      const told = new Set<SimQueue>();
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
  ),
  simulated(
    {
      id: 'vdpa/trigger-and-callback',
      breaks: ['VDPA-094'],
      what: 'Callback and trigger are both signalled.',
    },
    (device) => {
      device.setVqCb = (idx, { callback, trigger }) => {
        const queue = device.queues[idx];
        if (queue === undefined) return;
        queue.callback =
          callback === null
            ? null
            : () => {
                callback();
                trigger?.();
              };
      };
    },
  ),
];
