import type { Defect } from '../defect.ts';
import { vendor } from './vendor-defect.ts';

/** Drivers that tell too little, or the wrong thing, of what happened. */
export const MLX5_SIGNS: readonly Defect[] = [
  vendor(
    {
      id: 'mlx5/features-survive-reset',
      breaks: ['VDPA-003'],
      what: 'get_driver_features shows the last session after a reset.',
    },
    (device) => {
      let last = 0n;
      device.getDriverFeatures = () => {
        last = device.driverFeatures || last;
        return last;
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/completion-queue-not-armed-again',
      breaks: ['V1.1-2.6.7.2-D3'],
      what: 'The completion queue is armed once: the first used buffer is told, no later one.',
      origin: 'M5-07: interrupt for the first completion only',
    },
    (device) => {
      device.completion = (cqn) => {
        const queue = device.queues.find(({ objects }) => objects?.channel?.cqn === cqn);
        if ((queue?.objects?.channel?.poll() ?? 0) > 0) queue!.callback?.();
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/doorbell-of-the-neighbour',
      breaks: ['P1.1-019f'],
      what: 'The index that is written to the doorbell page is that of the other queue of the pair.',
      origin: 'one doorbell page for all queues: a wrong index kicks another queue',
    },
    (device, below) => {
      const { writeBar } = below;
      below.writeBar = (offset, value, low) =>
        writeBar.call(below, offset, offset === device.resources.doorbellOffset ? value ^ 1 : value, low);
    },
  ),
  vendor(
    {
      id: 'mlx5/link-event-dropped',
      breaks: ['P1.1-027d'],
      what: 'Port events are not listened to, so that the link bit never changes.',
      origin: 'NT-13: the link is always reported the same',
      fuzz: 'random steps do not pull the cable',
    },
    (device) => {
      device.portChanged = () => {};
    },
  ),
  vendor(
    {
      id: 'mlx5/object-error-not-told',
      breaks: ['V1.1-2.1.2-D4'],
      what: 'A queue object in its error state sets DEVICE_NEEDS_RESET without a configuration change notification.',
      origin: 'ST-04: NEEDS_RESET is set without one',
      seenBy: 'invariant',
    },
    (device) => {
      const { needsReset } = device;
      device.needsReset = () => {
        const { configCallback } = device;
        device.configCallback = null;
        needsReset.call(device);
        device.configCallback = configCallback;
      };
    },
  ),
];
