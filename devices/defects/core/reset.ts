import type { DeviceBuffer, DeviceRing } from '../../../framework/virtqueue/device/ring.ts';
import type { SimulatorDevice } from '../../simulator/core.ts';
import { BOTH, type Defect, defineDefect } from '../defect.ts';

/** A completion that a reset should have cancelled. */
interface Leftover {
  ring: DeviceRing;
  buffer: DeviceBuffer | null;
  callback: (() => void) | null;
}

/** What is under way on the queues of `device`: the next buffer of each, and whom to tell. */
function underWay(device: SimulatorDevice): Leftover[] {
  const left: Leftover[] = [];
  for (const queue of device.queues) {
    const { ring, callback } = queue;
    if (ring === null || device.broken) continue;
    try {
      const buffer = queue.inFlight[0] ?? ring.pop();
      if (buffer !== null) left.push({ ring, buffer, callback });
    } catch {
      // A ring that cannot be read has nothing under way.
    }
  }
  return left;
}

/** Reset. */
export const CORE_RESET: readonly Defect[] = [
  defineDefect({
    id: 'core/completes-after-reset',
    parents: BOTH,
    breaks: ['P1.1-019a', 'V1.1-4.1.4.3.1-D7', 'VDPA-007'],
    what: 'A completion under way at the reset lands in the old ring afterwards.',
    origin: 'RS-04: in-flight DMA is not drained by a reset',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { reset, pump } = device;
      let left: Leftover[] = [];
      device.reset = () => {
        left = underWay(device);
        return reset.call(device);
      };
      device.pump = (budget) => {
        for (const { ring, buffer } of left) {
          ring.push(buffer!, 0);
          ring.publish();
        }
        left = [];
        return pump.call(device, budget);
      };
    },
  }),
  defineDefect({
    id: 'core/interrupts-after-reset',
    parents: BOTH,
    breaks: ['VDPA-004', 'P1.1-019a'],
    what: 'An interrupt that was on its way at the reset is delivered afterwards.',
    origin: 'RS-05: interrupt after reset',
    seenBy: 'expectation',
    fuzz: 'yes',
    seed(device) {
      const { reset, pump } = device;
      let left: Leftover[] = [];
      device.reset = () => {
        left = underWay(device);
        return reset.call(device);
      };
      device.pump = (budget) => {
        for (const { callback } of left) callback?.();
        left = [];
        return pump.call(device, budget);
      };
    },
  }),
];
