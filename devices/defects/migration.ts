import { initialVqState, type VqState } from '../../framework/device.ts';
import type { TakenBuffer } from '../../framework/virtqueue/device/taken-buffer.ts';
import { F_RING_PACKED } from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { BlkDevice } from '../simulator/blk/blk-device.ts';
import type { SimulatorDevice } from '../simulator/core.ts';
import type { NetDevice } from '../simulator/net/net-device.ts';
import { copyVqState, type SimQueue } from '../simulator/queue.ts';
import { type Defect, defineDefect, onPackedRing, onSplitRing } from './defect.ts';

const BOTH = ['simulator-net', 'simulator-blk'] as const;
const NET = ['simulator-net'] as const;
const BLK = ['simulator-blk'] as const;

type Facts = Pick<Defect, 'id' | 'breaks' | 'what'> & Partial<Pick<Defect, 'parents' | 'origin' | 'seenBy'>>;

/** A device that loses, doubles or disturbs something when it is stopped, or when it goes on for another one. */
function migrating<D extends SimulatorDevice = SimulatorDevice>(
  facts: Facts,
  seed: (device: D) => void,
): Defect {
  return defineDefect<D>({
    parents: BOTH,
    origin: 'text inverted',
    seenBy: 'invariant',
    fuzz: 'the fuzzer draws no migrations; `vdpa-cts migrate` does',
    ...facts,
    seed,
  });
}

const isPacked = (device: SimulatorDevice) => device.negotiated(F_RING_PACKED);

/** Move a position by `by` entries of a ring of `num`. */
function move(state: VqState, packed: boolean, num: number, by: number): void {
  if (!packed) {
    state.split.availIndex = (state.split.availIndex + by) & 0xffff;
    return;
  }
  const { packed: position } = state;
  const at = position.lastAvailIdx + by;
  if (at >= num || at < 0) position.lastAvailCounter ^= 1;
  position.lastAvailIdx = (at + num) % num;
  position.lastUsedIdx = position.lastAvailIdx;
  position.lastUsedCounter = position.lastAvailCounter;
}

/** Whether the queue has ever moved. */
const moved = ({ split, packed }: VqState) =>
  split.availIndex !== 0 || packed.lastAvailIdx !== 0 || packed.lastAvailCounter !== 1;

/** Change what a stopped device tells of a queue that has moved. */
function onPosition(device: SimulatorDevice, change: (state: VqState, queue: SimQueue) => void): void {
  const { getVqState } = device;
  device.getVqState = (idx, state) => {
    const result = getVqState.call(device, idx, state);
    if (result === 0 && device.suspended && moved(state)) change(state, device.queues[idx]);
    return result;
  };
}

/** Change the position at which a queue is told to start, unless it is the first one. */
function onRestart(device: SimulatorDevice, change: (state: VqState, queue: SimQueue) => void): void {
  const { setVqState } = device;
  device.setVqState = (idx, state) => {
    const taken = structuredClone(state);
    if (device.queues[idx] !== undefined && moved(taken)) change(taken, device.queues[idx]);
    return setVqState.call(device, idx, taken);
  };
}

const POSITIONS: readonly Defect[] = [
  migrating(
    {
      id: 'migration/position-one-ahead',
      breaks: ['VDPA-033'],
      what: 'A suspended device tells the position behind the next buffer, so that this one is nobody’s.',
    },
    (device) => onPosition(device, (state, { num }) => move(state, isPacked(device), num, 1)),
  ),
  migrating(
    {
      id: 'migration/position-one-behind',
      breaks: ['VDPA-033'],
      what: 'A suspended device tells the position of the buffer that it completed last, which is done again.',
    },
    (device) => onPosition(device, (state, { num }) => move(state, isPacked(device), num, -1)),
  ),
  migrating(
    {
      id: 'migration/position-drifts',
      breaks: ['VDPA-033'],
      what: 'Each reading of the position of a suspended queue moves it on.',
    },
    (device) => {
      let readings = 0;
      onPosition(device, (state, { num }) => move(state, isPacked(device), num, readings++ % 2));
    },
  ),
  migrating(
    {
      id: 'migration/wrap-counter-lost',
      breaks: ['VDPA-035'],
      what: 'A suspended device tells the positions of a packed queue without their wrap counters.',
    },
    (device) =>
      onPosition(device, ({ packed }) => {
        packed.lastAvailCounter = 1;
        packed.lastUsedCounter = 1;
      }),
  ),
  migrating(
    {
      id: 'migration/used-counter-inverted',
      breaks: ['VDPA-035'],
      what: 'The used wrap counter of a packed queue is told inverted once the ring has gone round.',
    },
    (device) =>
      onPosition(device, ({ packed }) => {
        if (isPacked(device) && packed.lastAvailCounter === 0) packed.lastUsedCounter = 1;
      }),
  ),
  migrating(
    {
      id: 'migration/used-index-from-zero',
      breaks: ['VDPA-028'],
      what: 'A queue that starts at a position takes the avail index from it, and counts used buffers from 0.',
    },
    (device) =>
      onSplitRing(device, (ring) => {
        ring.usedIndex = 0;
      }),
  ),
  migrating(
    {
      id: 'migration/restart-does-last-again',
      breaks: ['VDPA-027'],
      what: 'A queue that starts at a position begins one buffer earlier and completes that one again.',
    },
    (device) => onRestart(device, (state, { num }) => move(state, isPacked(device), num, -1)),
  ),
  migrating(
    {
      id: 'migration/restart-ignores-counters',
      breaks: ['VDPA-027'],
      what: 'A packed queue starts with both wrap counters 1, whatever it is told.',
    },
    (device) =>
      onRestart(device, ({ packed }) => {
        packed.lastAvailCounter = 1;
        packed.lastUsedCounter = 1;
      }),
  ),
  migrating(
    {
      id: 'migration/restart-signed',
      breaks: ['VDPA-027'],
      what: 'The avail index that a split queue starts at is kept in a signed field and refused from 32768 on.',
    },
    (device) => {
      const { setVqState } = device;
      device.setVqState = (idx, state) =>
        !isPacked(device) && state.split.availIndex > 0x7fff ? -22 : setVqState.call(device, idx, state);
    },
  ),
];

const STOPPING: readonly Defect[] = [
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

const GOING_ON: readonly Defect[] = [
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

export const MIGRATION_DEFECTS: readonly Defect[] = [...POSITIONS, ...STOPPING, ...GOING_ON];
