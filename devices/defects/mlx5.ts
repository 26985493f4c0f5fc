import type { ParentInstance } from '../../framework/parent.ts';
import type { Mlx5Device } from '../mlx5/driver/mlx5-device.ts';
import type { Mlx5Function } from '../mlx5/firmware/mlx5-function.ts';
import type { Mlx5Instance } from '../mlx5/parents.ts';
import { ANSWER, CMD_STATUS, CONTEXT_AT, HEADER, OPCODE } from '../mlx5/prm/commands.ts';
import { get64, getField, put64, putField } from '../mlx5/prm/fields.ts';
import { MODIFY, MODIFY_SELECT_AT, NET_Q } from '../mlx5/prm/net-queue.ts';
import { RQTC } from '../mlx5/prm/steering.ts';
import { type Defect, defineDefect } from './defect.ts';

const OBJECT_AT = CONTEXT_AT.generalObject;

type Facts = Pick<Defect, 'id' | 'breaks' | 'what'> & Partial<Defect>;

/** A parent driver that goes wrong on the way between contract and commands. */
const vendor = (facts: Facts, seed: (device: Mlx5Device, below: Mlx5Function) => void): Defect =>
  defineDefect({
    parents: ['mlx5-net'],
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    ...facts,
    seed(_, instance: ParentInstance) {
      const { device, function: below } = instance as Mlx5Instance;
      seed(device, below);
    },
  });

/** Change the commands of these opcodes before the firmware gets them, in a copy. */
function onCommand(
  below: Mlx5Function,
  opcodes: readonly number[],
  change: (input: Uint8Array) => void,
): void {
  const { execute } = below;
  below.execute = (input, length) => {
    if (!opcodes.includes(getField(input, 0, HEADER.opcode))) return execute.call(below, input, length);
    const copy = input.slice();
    change(copy);
    return execute.call(below, copy, length);
  };
}

/** The bits of a MODIFY of a queue object, changed. */
function onModify(below: Mlx5Function, change: (select: number, input: Uint8Array) => number): void {
  onCommand(below, [OPCODE.MODIFY_GENERAL_OBJECT], (input) => {
    const select = get64(input, OBJECT_AT + MODIFY_SELECT_AT);
    put64(input, OBJECT_AT + MODIFY_SELECT_AT, change(select, input));
  });
}

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

const queues: readonly Defect[] = [
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

const memory: readonly Defect[] = [
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

const control: readonly Defect[] = [
  vendor(
    {
      id: 'mlx5/control-queue-not-suspended',
      breaks: ['VDPA-090'],
      what: 'Commands are carried out while the device is suspended.',
      origin: 'SM-01: the queue that software serves is forgotten',
    },
    (device) => {
      const { suspend, kickVq } = device;
      device.suspend = () => {
        const { stop } = device.control;
        device.control.stop = () => {};
        const result = suspend.call(device);
        device.control.stop = stop;
        return result;
      };
      device.kickVq = (idx) => {
        if (idx === device.controlIndex) device.control.kick();
        else kickVq.call(device, idx);
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/receive-table-of-any-size',
      breaks: ['P1.1-027t'],
      what: 'The receive queue table gets as many entries as there are pairs, which the firmware refuses for 3.',
      origin: 'M5-01: the RQ table size is no power of two',
      fuzz: 'random steps seldom ask for three pairs',
      options: { 'max-pairs': '3' },
    },
    (device, below) =>
      onCommand(below, [OPCODE.CREATE_RQT, OPCODE.MODIFY_RQT], (input) =>
        putField(input, CONTEXT_AT.rqt, RQTC.rqt_actual_size, device.pairs),
      ),
  ),
  vendor(
    {
      id: 'mlx5/pairs-lose-queues',
      breaks: ['P1.1-019f'],
      what: 'With a new number of pairs the queues of the new pairs stay in INIT.',
      origin: 'MQ change forgets to run what it made',
      fuzz: 'random steps seldom use further pairs',
    },
    (device) => {
      const { setPairs } = device;
      device.setPairs = (pairs) => {
        const done = setPairs.call(device, pairs);
        for (const queue of device.queues.slice(2)) queue.suspend();
        return done;
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/receive-table-not-shrunk',
      breaks: ['V1.1-5.1.6.5.5.2-D2'],
      what: 'Fewer pairs are acknowledged, and the receive queue table stays as it was.',
      fuzz: 'random steps seldom use further pairs',
    },
    (device) => {
      device.setPairs = (pairs) => {
        if (pairs <= device.pairs) return true;
        device.pairs = pairs;
        device.startQueues();
        return true;
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/pairs-survive-reset',
      breaks: ['P1.1-027u'],
      what: 'The number of pairs in use is kept over a reset.',
      fuzz: 'random steps seldom use further pairs',
    },
    (device) => {
      const { reset } = device;
      device.reset = () => {
        const { pairs } = device;
        const result = reset.call(device);
        device.pairs = pairs;
        return result;
      };
    },
  ),
  vendor(
    {
      id: 'mlx5/control-queue-keeps-its-size',
      breaks: ['VDPA-040'],
      what: 'The control queue has 256 entries, whatever size was set.',
      origin: 'M5-05: a size change of the control queue is ignored',
    },
    (device) => {
      const { setVqNum } = device;
      device.setVqNum = (idx, num) => setVqNum.call(device, idx, idx === device.controlIndex ? 256 : num);
    },
  ),
  vendor(
    {
      id: 'mlx5/vlan-rule-stays',
      breaks: ['P1.1-027r'],
      what: 'A VLAN that is removed keeps its flow rules.',
      fuzz: 'random frames seldom carry a tag that was let in',
    },
    (device) => {
      const { setVlan } = device;
      device.setVlan = (id, on) => !on || setVlan.call(device, id, on);
    },
  ),
  vendor(
    {
      id: 'mlx5/tagged-rules-missing',
      breaks: ['P1.1-027r'],
      what: 'A VLAN that is added gets no flow rules until the rules are built anew.',
      fuzz: 'random frames seldom carry a tag that was let in',
    },
    (device) => {
      const { refresh } = device.steering;
      const { setVlan } = device;
      device.setVlan = (id, on) => {
        device.steering.refresh = () => {};
        const done = setVlan.call(device, id, on);
        device.steering.refresh = refresh;
        return done;
      };
    },
  ),
];

const signs: readonly Defect[] = [
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

/** Wrong mlx5 drivers. */
export const MLX5_DEFECTS: readonly Defect[] = [...queues, ...memory, ...control, ...signs];
