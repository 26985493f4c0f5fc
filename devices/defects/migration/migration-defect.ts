import type { VqState } from '../../../framework/device.ts';
import { F_RING_PACKED } from '../../../specs/virtio-1.1/features.ts';
import type { SimulatorDevice } from '../../simulator/core.ts';
import type { SimQueue } from '../../simulator/queue.ts';
import { BOTH, type Defect, defineDefect } from '../defect.ts';

type Facts = Pick<Defect, 'id' | 'breaks' | 'what'> & Partial<Pick<Defect, 'parents' | 'origin' | 'seenBy'>>;

/** A device that loses, doubles or disturbs something when it is stopped, or when it goes on for another one. */
export function migrating<D extends SimulatorDevice = SimulatorDevice>(
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

export const isPacked = (device: SimulatorDevice) => device.negotiated(F_RING_PACKED);

/** Move a position by `by` entries of a ring of `num`. */
export function move(state: VqState, packed: boolean, num: number, by: number): void {
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
export const moved = ({ split, packed }: VqState) =>
  split.availIndex !== 0 || packed.lastAvailIdx !== 0 || packed.lastAvailCounter !== 1;

/** Change what a stopped device tells of a queue that has moved. */
export function onPosition(device: SimulatorDevice, change: (state: VqState, queue: SimQueue) => void): void {
  const { getVqState } = device;
  device.getVqState = (idx, state) => {
    const result = getVqState.call(device, idx, state);
    if (result === 0 && device.suspended && moved(state)) change(state, device.queues[idx]);
    return result;
  };
}

/** Change the position at which a queue is told to start, unless it is the first one. */
export function onRestart(device: SimulatorDevice, change: (state: VqState, queue: SimQueue) => void): void {
  const { setVqState } = device;
  device.setVqState = (idx, state) => {
    const taken = structuredClone(state);
    if (device.queues[idx] !== undefined && moved(taken)) change(taken, device.queues[idx]);
    return setVqState.call(device, idx, taken);
  };
}
