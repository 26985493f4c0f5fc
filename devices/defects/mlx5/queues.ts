import { OPCODE } from '../../mlx5/prm/commands.ts';
import { putField } from '../../mlx5/prm/fields.ts';
import { MODIFY, NET_Q } from '../../mlx5/prm/net-queue.ts';
import type { Defect } from '../defect.ts';
import { OBJECT_AT, onCommand, vendor } from './vendor-defect.ts';

/** Drivers that create and change queue objects wrongly. */
export const MLX5_QUEUES: readonly Defect[] = [
  vendor(
    {
      id: 'mlx5/used-index-not-restored',
      breaks: ['VDPA-028'],
      what: 'Only the available index is written to the queue object; the used index stays 0.',
      origin: 'M5-02: the restored index is applied to avail only',
    },
    (_, below) =>
      onCommand(below, [OPCODE.CREATE_GENERAL_OBJECT, OPCODE.MODIFY_GENERAL_OBJECT], (input) => {
        if (input.length > 0x60) putField(input, OBJECT_AT, NET_Q.hw_used_index, 0);
      }),
  ),
  vendor(
    {
      id: 'mlx5/state-not-modified',
      breaks: ['VDPA-027'],
      what: 'A position that is set while the queue object exists is not written to it.',
      origin: 'SM-03: the state is accepted and not applied',
    },
    (device) => {
      const { setVqState } = device;
      device.setVqState = (idx, state) => {
        const result = setVqState.call(device, idx, state);
        const queue = device.dataQueue(idx);
        if (queue !== undefined) queue.availableIndex = queue.usedIndex = 0;
        return result;
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/indices-survive-reset',
      breaks: ['VDPA-006'],
      what: 'Saved indices are kept over a reset, so that queues of the next driver start there.',
      origin: 'SM-04: the base is taken from the old session',
    },
    (device) => {
      const { reset } = device;
      device.reset = () => {
        const positions = device.queues.map((queue) =>
          queue.running ? queue.query().used : queue.usedIndex,
        );
        const result = reset.call(device);
        for (const [i, queue] of device.queues.entries()) {
          queue.availableIndex = positions[i];
          queue.usedIndex = positions[i];
        }
        return result;
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/toggled-queue-starts-over',
      breaks: ['VDPA-026'],
      what: 'A queue that is made ready again is resumed at index 0.',
    },
    (device) => {
      const { setVqReady } = device;
      device.setVqReady = (idx, ready) => {
        const queue = device.dataQueue(idx);
        if (ready && queue !== undefined && queue.objects !== null) {
          queue.availableIndex = queue.usedIndex = 0;
          queue.modified |= MODIFY.AVAIL_INDEX | MODIFY.USED_INDEX;
        }
        setVqReady.call(device, idx, ready);
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/ready-forgets-suspension',
      breaks: ['VDPA-088'],
      what: 'set_vq_ready modifies the queue object to RDY although the device is suspended.',
      origin: 'SM-05: "should not activate virtq object when suspended" of mlx5',
    },
    (device) => {
      const { setVqReady } = device;
      device.setVqReady = (idx, ready) => {
        const { suspended } = device;
        if (ready) device.suspended = false;
        setVqReady.call(device, idx, ready);
        device.suspended = suspended;
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/suspend-without-modify',
      breaks: ['VDPA-081', 'VDPA-082'],
      what: 'suspend queries the queue objects and leaves them in RDY.',
      origin: 'SM-01: buffers are processed after suspend',
    },
    (device) => {
      device.stopQueues = () => {
        for (const queue of device.queues) if (queue.running) queue.query();
        return 0;
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/suspension-survives-reset',
      breaks: ['VDPA-012'],
      what: 'The suspended flag is not cleared by a reset.',
      origin: 'SM-07: the suspended flag survives a reset',
    },
    (device) => {
      const { reset } = device;
      device.reset = () => {
        const { suspended } = device;
        const result = reset.call(device);
        device.suspended = suspended;
        return result;
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/resume-one-queue-short',
      breaks: ['VDPA-085'],
      what: 'resume leaves the last active queue suspended.',
    },
    (device) => {
      const resume = device.resume!;
      device.resume = () => {
        const last = device.active.at(-1)!;
        const { start } = last;
        last.start = () => {};
        const result = resume.call(device);
        last.start = start;
        return result;
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/control-queue-in-guest-memory',
      breaks: ['VDPA-077'],
      what: 'The control queue is read through the table of the data queues.',
      origin: 'TL-10: the control queue uses the data address space',
    },
    (device) => {
      device.controlTable = () => device.spaces.tables[0];
    },
  ),
];
