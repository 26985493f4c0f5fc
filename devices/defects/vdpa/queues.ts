import { ERRNO, initialVqState } from '../../../framework/device.ts';
import { PackedDeviceRing } from '../../../framework/virtqueue/device/packed.ts';
import { SplitDeviceRing } from '../../../framework/virtqueue/device/split.ts';
import { copyVqState, type SimQueue } from '../../simulator/queue.ts';
import { type Defect, onSplitRing, simulated } from '../defect.ts';

/** Put a running queue somewhere else in its ring. */
function jumpTo({ ring }: SimQueue, index: number): void {
  if (ring instanceof SplitDeviceRing) {
    ring.nextAvail = index;
    ring.availIndex = index;
  } else if (ring instanceof PackedDeviceRing) {
    ring.availSlot = index;
  }
}

/** Parents that lose, mix up or invent settings of virtqueues. */
export const VDPA_QUEUES: readonly Defect[] = [
  simulated(
    {
      id: 'vdpa/size-changes-under-way',
      breaks: ['VDPA-023'],
      what: 'A new size or address of a running queue takes effect at once.',
    },
    (device) => {
      const { setVqNum, setVqAddress } = device;
      const latchNow = (idx: number) => {
        const queue = device.queues[idx];
        if (queue?.ring == null) return;
        const state = queue.ring.state();
        const config = device.latch(queue);
        if (config === null) return;
        copyVqState(state, queue.start);
        queue.latched = config;
        queue.ring = device.createRing(queue, config);
      };
      device.setVqNum = (idx, num) => {
        setVqNum.call(device, idx, num);
        latchNow(idx);
      };
      device.setVqAddress = (idx, desc, driver, area) => {
        const result = setVqAddress.call(device, idx, desc, driver, area);
        latchNow(idx);
        return result;
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/ready-is-forgotten',
      breaks: ['VDPA-024'],
      what: 'A queue that was disabled still reads as ready.',
      origin: 'QS-11: get_vq_ready answers for something else',
    },
    (device) => {
      const { getVqReady } = device;
      device.getVqReady = (idx) => getVqReady.call(device, idx) || (device.queues[idx]?.addressSet ?? false);
    },
  ),
  simulated(
    {
      id: 'vdpa/disable-does-not-stop',
      breaks: ['VDPA-025'],
      what: 'A disabled queue works off what it has.',
      origin: 'RS-11: one more buffer is processed after the flag was cleared',
    },
    (device) => {
      const { setVqReady } = device;
      device.setVqReady = (idx, ready) => {
        const queue = device.queues[idx];
        if (!ready && queue?.ring != null) queue.ready = false;
        else setVqReady.call(device, idx, ready);
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/ready-starts-at-zero',
      breaks: ['VDPA-026'],
      what: 'A queue that was disabled begins at the start again.',
    },
    (device) => {
      const { setVqReady } = device;
      device.setVqReady = (idx, ready) => {
        setVqReady.call(device, idx, ready);
        const queue = device.queues[idx];
        if (!ready && queue !== undefined) queue.start = initialVqState();
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/state-ignored',
      breaks: ['VDPA-027', 'VDPA-032'],
      what: 'set_vq_state succeeds and has no effect.',
    },
    (device) => {
      device.setVqState = () => 0;
    },
  ),
  simulated(
    {
      id: 'vdpa/used-index-starts-at-zero',
      breaks: ['VDPA-028'],
      what: 'set_vq_state moves the avail position only.',
    },
    (device) =>
      onSplitRing(device, (ring) => {
        ring.usedIndex = 0;
      }),
  ),
  simulated(
    {
      id: 'vdpa/initial-state-refused',
      breaks: ['VDPA-029'],
      what: 'A parent without state support refuses the initial state too.',
    },
    (device) => {
      device.setVqState = () => -ERRNO.EOPNOTSUPP;
    },
  ),
  simulated(
    {
      id: 'vdpa/state-half-applied',
      breaks: ['VDPA-031'],
      what: 'set_vq_state on a running queue moves the avail position.',
    },
    (device) => {
      const { setVqState } = device;
      device.setVqState = (idx, state) => {
        const queue = device.queues[idx];
        if (queue?.ring == null) return setVqState.call(device, idx, state);
        jumpTo(queue, queue.packed ? state.packed.lastAvailIdx : state.split.availIndex);
        return 0;
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/state-is-another-counter',
      parents: ['simulator-blk'],
      breaks: ['VDPA-033'],
      what: 'get_vq_state reports the size of the ring.',
      origin: 'SM-02: the index of another counter is reported',
    },
    (device) => {
      const { getVqState } = device;
      device.getVqState = (idx, state) => {
        const result = getVqState.call(device, idx, state);
        const num = device.queues[idx]?.num ?? 0;
        state.split.availIndex = num;
        state.packed.lastAvailIdx = num;
        return result;
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/in-flight-counted-as-done',
      breaks: ['VDPA-034'],
      what: 'suspend drops requests that are under way and counts them as taken.',
      origin: 'SM-10: in-flight requests are neither completed nor reported',
    },
    (device) => {
      device.stopQueue = (queue) => {
        const { ring } = queue;
        if (ring === null) return;
        const state = ring.state();
        if (ring instanceof SplitDeviceRing) state.split.availIndex = ring.nextAvail;
        else if (ring instanceof PackedDeviceRing) {
          state.packed.lastAvailIdx = ring.availSlot;
          state.packed.lastAvailCounter = ring.availWrap;
        }
        copyVqState(state, queue.start);
        queue.stop();
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/state-without-used-part',
      breaks: ['VDPA-035'],
      what: 'get_vq_state leaves the used part of a packed state at 0.',
    },
    (device) => {
      const { getVqState } = device;
      device.getVqState = (idx, state) => {
        const result = getVqState.call(device, idx, state);
        state.packed.lastUsedIdx = 0;
        state.packed.lastUsedCounter = 0;
        return result;
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/index-unchecked',
      breaks: ['VDPA-037'],
      what: 'A kick with an index that does not exist ends the process.',
      origin: 'QS-07: an index used without a check',
      seenBy: 'run',
    },
    (device) => {
      const { kickVq } = device;
      device.kickVq = (idx) => {
        if (device.queues[idx] === undefined) throw new RangeError('queue index out of range');
        kickVq.call(device, idx);
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/minimum-above-maximum',
      breaks: ['VDPA-038'],
      what: 'Once features are negotiated get_vq_num_min is above get_vq_num_max.',
    },
    (device) => {
      device.getVqNumMin = () => (device.driverFeatures === 0n ? 1 : 2 * device.getVqNumMax());
    },
  ),
  simulated(
    {
      id: 'vdpa/maximum-shrinks',
      breaks: ['VDPA-039'],
      what: 'get_vq_num_max gives the size that was set last.',
    },
    (device) => {
      const { getVqNumMax } = device;
      device.getVqNumMax = () => device.queues[0].num || getVqNumMax.call(device);
      device.sizeFits = (num) => num >= 1;
    },
  ),
  simulated(
    {
      id: 'vdpa/size-only-shrinks',
      breaks: ['VDPA-040'],
      what: 'A size above an earlier one is ignored.',
      origin: 'QS-04: the ring size may only shrink',
    },
    (device) => {
      const { setVqNum } = device;
      const least: number[] = [];
      device.setVqNum = (idx, num) => {
        least[idx] = Math.min(num, least[idx] ?? num);
        setVqNum.call(device, idx, least[idx]);
      };
    },
  ),
  simulated(
    {
      id: 'vdpa/size-above-maximum',
      breaks: ['VDPA-041'],
      what: 'get_vq_size is above get_vq_num_max.',
      origin: 'QS-01: the size reported differs from the one supported',
    },
    (device) => {
      const { getVqSize } = device;
      device.getVqSize = (idx) => 2 * getVqSize.call(device, idx) * 16;
    },
  ),
  simulated({ id: 'vdpa/no-alignment', breaks: ['VDPA-042'], what: 'get_vq_align gives 0.' }, (device) => {
    device.getVqAlign = () => 0;
  }),
];
