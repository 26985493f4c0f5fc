import { CONTEXT_AT, OPCODE } from '../../mlx5/prm/commands.ts';
import { putField } from '../../mlx5/prm/fields.ts';
import { RQTC } from '../../mlx5/prm/steering.ts';
import type { Defect } from '../defect.ts';
import { onCommand, vendor } from './vendor-defect.ts';

/** Drivers that steer frames or carry commands out wrongly. */
export const MLX5_CONTROL: readonly Defect[] = [
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
