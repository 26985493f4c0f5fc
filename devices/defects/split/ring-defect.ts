import type { SplitDeviceRing } from '../../../framework/virtqueue/device/split.ts';
import type { SimulatorDevice } from '../../simulator/core.ts';
import type { SimQueue } from '../../simulator/queue.ts';
import { BOTH, type Defect, defineDefect, onSplitRing } from '../defect.ts';

/** A defect in the device side of the split ring, seen on any device type. */
export function inRing(
  defect: Omit<Defect, 'parents' | 'seed' | 'fuzz'> & Partial<Pick<Defect, 'parents' | 'fuzz'>>,
  change: (ring: SplitDeviceRing, queue: SimQueue, device: SimulatorDevice) => void,
): Defect {
  return defineDefect({
    parents: BOTH,
    fuzz: 'yes',
    ...defect,
    seed: (device) => onSplitRing(device, (ring, queue) => change(ring, queue, device)),
  });
}
