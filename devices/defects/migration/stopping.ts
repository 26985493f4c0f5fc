import { initialVqState } from '../../../framework/device.ts';
import type { TakenBuffer } from '../../../framework/virtqueue/device/taken-buffer.ts';
import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import { copyVqState } from '../../simulator/queue.ts';
import { type Defect, onPackedRing, onSplitRing } from '../defect.ts';
import { migrating, move } from './migration-defect.ts';

/** Devices that do not stop as they should. */
export const MIGRATION_STOPPING: readonly Defect[] = [
  migrating(
    {
      id: 'migration/in-flight-dropped',
      breaks: ['VDPA-034'],
      what: 'suspend counts requests that were taken as done and forgets them.',
    },
    (device) => {
      device.stopQueue = (queue) => {
        const { ring } = queue;
        if (ring === null) return;
        const lost = queue.inFlight.length;
        copyVqState(ring.state(), queue.start);
        const slots = queue.inFlight.reduce((sum, { slots: n }) => sum + n, 0);
        if (lost > 0) move(queue.start, queue.packed, queue.num, queue.packed ? slots : lost);
        queue.stop();
      };
    },
  ),
  migrating(
    {
      id: 'migration/position-before-draining',
      breaks: ['VDPA-034'],
      what: 'suspend notes the position first and then finishes what was taken, so that it is done again.',
    },
    (device) => {
      const { stopQueue } = device;
      device.stopQueue = (queue) => {
        const before = initialVqState();
        const held = queue.inFlight.length > 0;
        if (queue.ring !== null) copyVqState(queue.ring.state(), before);
        stopQueue.call(device, queue);
        if (held) copyVqState(before, queue.start);
      };
    },
  ),
  migrating(
    {
      id: 'migration/in-flight-after-suspend',
      breaks: ['VDPA-082'],
      what: 'suspend returns at once; what was taken is completed by the next work, after the position was told.',
    },
    (device) => {
      const { drain, pump, reset } = device;
      const late: (() => void)[] = [];
      device.drain = (queue) => {
        const { ring } = queue;
        const buffers = queue.inFlight.splice(0);
        if (ring === null || buffers.length === 0) {
          drain.call(device, queue);
          return;
        }
        late.push(() => {
          queue.ring = ring;
          queue.inFlight.push(...buffers);
          drain.call(device, queue);
          queue.ring = null;
        });
      };
      device.pump = (budget) => {
        const due = late.splice(0);
        for (const finish of due) finish();
        return due.length + pump.call(device, budget - due.length);
      };
      device.reset = () => {
        late.length = 0;
        return reset.call(device);
      };
    },
  ),
  migrating(
    {
      id: 'migration/suspend-stops-at-next-look',
      breaks: ['VDPA-082'],
      what: 'suspend only asks the worker to stop, which finishes its round first.',
    },
    (device) => {
      const { suspend, pump } = device;
      let asked = false;
      device.suspend = () => {
        const rings = device.queues.map(({ ring, pending }) => ({ ring, pending }));
        const result = suspend.call(device);
        asked = true;
        device.queues.forEach((queue, i) => {
          queue.ring = rings[i].ring;
          queue.pending = rings[i].pending;
        });
        return result;
      };
      device.pump = (budget) => {
        const round = pump.call(device, budget);
        if (asked) for (const queue of device.queues) queue.stop();
        asked = false;
        return round;
      };
    },
  ),
  migrating(
    {
      id: 'migration/stop-without-notification',
      breaks: ['VDPA-093'],
      what: 'Requests that are finished while the device is being stopped are published without a notification.',
    },
    (device) => {
      const { drain } = device;
      device.drain = (queue) => {
        const { interrupt } = device;
        device.interrupt = () => {};
        drain.call(device, queue);
        device.interrupt = interrupt;
      };
    },
  ),
  migrating(
    {
      id: 'migration/notifies-after-stop',
      breaks: ['VDPA-089'],
      what: 'A suspended device signals its queues once more when it looks at its work.',
      seenBy: 'invariant',
    },
    (device) => {
      const { pump } = device;
      device.pump = (budget) => {
        if (device.suspended) for (const queue of device.queues) if (queue.ready) queue.callback?.();
        return pump.call(device, budget);
      };
    },
  ),
  migrating(
    {
      id: 'migration/status-cleared',
      breaks: ['VDPA-087'],
      what: 'suspend takes DRIVER_OK back, so that the other side is set up and never started.',
      seenBy: 'expectation',
    },
    (device) => {
      const { suspend } = device;
      device.suspend = () => {
        const result = suspend.call(device);
        device.status &= ~STATUS.DRIVER_OK;
        return result;
      };
    },
  ),
  migrating(
    {
      id: 'migration/order-lost',
      breaks: ['V1.1-6.2-D5'],
      what: 'Requests that are finished while the device is being stopped come back last one first, IN_ORDER or not.',
    },
    (device) => {
      const { drain } = device;
      const disorder = (ring: { inTurn(buffer: TakenBuffer): boolean }) => {
        const { inTurn } = ring;
        ring.inTurn = (buffer) => device.suspended || stopping || inTurn.call(ring, buffer);
      };
      let stopping = false;
      onSplitRing(device, disorder);
      onPackedRing(device, disorder);
      device.drain = (queue) => {
        stopping = true;
        queue.inFlight.reverse();
        drain.call(device, queue);
        stopping = false;
      };
    },
  ),
];
