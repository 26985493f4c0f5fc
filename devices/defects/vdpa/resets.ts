import { ERRNO } from '../../../framework/device.ts';
import type { SimulatorDevice } from '../../simulator/core.ts';
import { copyVqState } from '../../simulator/queue.ts';
import { type Defect, NET, simulated } from '../defect.ts';

/** What `reset` does, and then `after`. */
function afterReset(device: SimulatorDevice, before: () => () => void): void {
  const { reset } = device;
  device.reset = () => {
    const after = before();
    const result = reset.call(device);
    after();
    return result;
  };
}

/** Parents that keep something over a reset, or lose too much. */
export const VDPA_RESETS: readonly Defect[] = [
  simulated(
    {
      id: 'vdpa/driver-features-survive-reset',
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
  simulated(
    {
      id: 'vdpa/config-callback-survives-reset',
      breaks: ['VDPA-005'],
      what: 'The configuration callback of the last session is called in the next.',
    },
    (device) =>
      afterReset(device, () => {
        const { configCallback } = device;
        return () => {
          device.configCallback = configCallback;
        };
      }),
  ),
  simulated(
    {
      id: 'vdpa/position-survives-reset',
      breaks: ['VDPA-006'],
      what: 'A queue starts where the last session left it, unless told otherwise.',
      origin: 'SM-04: the base is taken from the old session',
    },
    (device) =>
      afterReset(device, () => {
        const states = device.queues.map(({ ring }) => ring?.state());
        return () =>
          device.queues.forEach(({ start }, i) => {
            const state = states[i];
            if (state !== undefined) copyVqState(state, start);
          });
      }),
  ),
  simulated(
    {
      id: 'vdpa/addresses-survive-reset',
      breaks: ['VDPA-006'],
      what: 'A queue that is made ready without addresses runs on the old rings.',
      origin: 'RS-02: ring addresses survive a reset',
    },
    (device) =>
      afterReset(device, () => {
        const old = device.queues.map(({ addressSet, num, descArea, driverArea, deviceArea }) => ({
          addressSet,
          num,
          descArea,
          driverArea,
          deviceArea,
        }));
        return () => device.queues.forEach((queue, i) => void Object.assign(queue, old[i]));
      }),
  ),
  simulated(
    {
      id: 'vdpa/second-reset-fails',
      breaks: ['VDPA-008'],
      what: 'A reset at status 0 is refused.',
      origin: 'RS-08: the second reset waits for a thread that has finished',
    },
    (device) => {
      const { reset } = device;
      device.reset = () => (device.status === 0 ? -ERRNO.EINVAL : reset.call(device));
    },
  ),
  simulated(
    {
      id: 'vdpa/reset-drops-mappings',
      breaks: ['VDPA-010'],
      what: 'A plain reset drops the mappings although reset_map is there.',
      origin: 'RS-14: mappings dropped or kept against the rule on reset',
    },
    (device) => afterReset(device, () => () => device.translation.clearAll()),
  ),
  simulated(
    {
      id: 'vdpa/clean-map-keeps-mappings',
      breaks: ['VDPA-011'],
      what: 'compat_reset ignores its flag.',
      origin: 'RS-14: mappings dropped or kept against the rule on reset',
    },
    (device) => {
      device.compatReset = () => device.reset();
    },
  ),
  simulated(
    {
      id: 'vdpa/suspension-survives-reset',
      breaks: ['VDPA-012'],
      what: 'After suspend and reset the next session is frozen.',
      origin: 'SM-07: the suspended flag survives a reset',
    },
    (device) =>
      afterReset(device, () => {
        const { suspended } = device;
        return () => {
          device.suspended = suspended;
        };
      }),
  ),
  simulated(
    {
      id: 'vdpa/groups-survive-reset',
      parents: NET,
      breaks: ['VDPA-013'],
      what: 'Groups stay in the address space of the last session.',
    },
    (device) => {
      device.translation.resetGroups = () => {};
    },
  ),
];
