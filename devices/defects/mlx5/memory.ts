import type { Mlx5Function } from '../../mlx5/firmware/mlx5-function.ts';
import { ANSWER, CMD_STATUS, HEADER, OPCODE } from '../../mlx5/prm/commands.ts';
import { getField, putField } from '../../mlx5/prm/fields.ts';
import { MODIFY } from '../../mlx5/prm/net-queue.ts';
import type { Defect } from '../defect.ts';
import { onModify, vendor } from './vendor-defect.ts';

/** Keys that are still in use stay, and nobody is told. */
function leakKeys(below: Mlx5Function): void {
  const { execute } = below;
  below.execute = (input, length) => {
    const output = execute.call(below, input, length);
    if (getField(input, 0, HEADER.opcode) === OPCODE.DESTROY_MKEY)
      putField(output, 0, ANSWER.status, CMD_STATUS.OK);
    return output;
  };
}

/** Drivers that keep the wrong memory keys. */
export const MLX5_MEMORY: readonly Defect[] = [
  vendor(
    {
      id: 'mlx5/key-not-modified',
      breaks: ['VDPA-061'],
      what: 'After set_map queues go on with the key of the old table, which is never destroyed.',
      origin: 'TL-03: a translation survives the change of the map',
    },
    (_, below) => {
      onModify(below, (select) => (select === MODIFY.MKEY ? MODIFY.VERSION : select & ~MODIFY.MKEY));
      leakKeys(below);
    },
  ),
  vendor(
    {
      id: 'mlx5/remap-starts-over',
      breaks: ['VDPA-064'],
      what: 'A queue object that is made anew for a new table starts at index 0.',
      options: { resume: 'no' },
    },
    (device) => {
      const { changeKeys } = device;
      device.changeKeys = () => {
        const { startQueues } = device;
        device.startQueues = () => {
          for (const queue of device.queues) queue.availableIndex = queue.usedIndex = 0;
          startQueues.call(device);
        };
        const result = changeKeys.call(device);
        device.startQueues = startQueues;
        return result;
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/remap-does-not-resume',
      breaks: ['VDPA-064'],
      what: 'set_map suspends the queues for the new key and forgets to let them run again.',
    },
    (device) => {
      const { changeKeys } = device;
      device.changeKeys = () => {
        const { startQueues } = device;
        device.startQueues = () => {};
        const result = changeKeys.call(device);
        device.startQueues = startQueues;
        return result;
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/remap-wakes-suspended-queues',
      breaks: ['VDPA-081'],
      what: 'set_map resumes the queues of a suspended device.',
      origin: 'SM-06: a map change while suspended wakes the queues',
    },
    (device) => {
      const { changeKeys } = device;
      device.changeKeys = () => {
        const { suspended } = device;
        device.suspended = false;
        const result = changeKeys.call(device);
        device.suspended = suspended;
        return result;
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/one-key-for-both-spaces',
      breaks: ['VDPA-063'],
      what: 'A table of address space 1 becomes the key of address space 0 as well.',
      origin: 'TL-10: one table for all address spaces',
    },
    (device) => {
      const { setMap } = device;
      device.setMap = (asid, table) => {
        const result = setMap.call(device, asid, table);
        return asid === 1 ? setMap.call(device, 0, table) : result;
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/groups-survive-reset',
      breaks: ['VDPA-013'],
      what: 'Groups stay in the address space that the last driver put them into.',
    },
    (device) => {
      device.spaces.resetGroups = () => {};
    },
  ),
  vendor(
    {
      id: 'mlx5/clean-map-ignored',
      breaks: ['VDPA-011'],
      what: 'compat_reset leaves the keys where they are, whatever the flags say.',
      origin: 'RS-14: mappings are kept against the rule',
    },
    (device) => {
      device.compatReset = () => device.reset();
    },
  ),
  vendor(
    {
      id: 'mlx5/mappings-gone-with-reset',
      breaks: ['VDPA-010'],
      what: 'A plain reset destroys the keys.',
      origin: 'RS-14: mappings are dropped against the rule',
    },
    (device) => {
      const { reset } = device;
      device.reset = () => {
        const result = reset.call(device);
        for (let asid = 0; asid < device.nas; asid++) device.setMap(asid, []);
        return result;
      };
    },
  ),
];
