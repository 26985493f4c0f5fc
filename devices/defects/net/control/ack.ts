import { KEPT } from '../../../simulator/engine.ts';
import type { Defect } from '../../defect.ts';
import { net } from '../net-defect.ts';

/** Completion of commands and their ack. */
export const NET_CONTROL_ACK: readonly Defect[] = [
  net({
    id: 'net-ctrl/ack-missing',
    breaks: ['P1.1-027'],
    what: 'uses a command without storing the ack byte',
    seed(device) {
      device.acknowledge = () => 1;
    },
  }),
  net({
    id: 'net-ctrl/ack-ff',
    breaks: ['P1.1-027'],
    what: 'answers a failed command with ff',
    seed(device) {
      const { acknowledge } = device;
      device.acknowledge = (queue, at, ack) => acknowledge.call(device, queue, at, ack === 0 ? 0 : 0xff);
    },
  }),
  net({
    id: 'net-ctrl/unknown-kept',
    breaks: ['P1.1-027'],
    what: 'never uses a command of a class that it does not know',
    seed(device) {
      const { command } = device;
      const { dispatch } = device.control;
      let known = true;
      device.control.dispatch = (class_, code, data) => {
        known = class_ <= 5;
        return dispatch.call(device.control, class_, code, data);
      };
      device.command = (queue, buffer) => {
        const written = command.call(device, queue, buffer);
        return known ? written : KEPT;
      };
    },
  }),
  net({
    id: 'net-ctrl/unknown-ok',
    breaks: ['P1.1-027'],
    what: 'acks commands OK that it does not know',
    seed(device) {
      const { dispatch } = device.control;
      device.control.dispatch = (class_, command, data) =>
        class_ > 5 || command > 5 || dispatch.call(device.control, class_, command, data);
    },
  }),
  net({
    id: 'net-ctrl/len-counts-command',
    breaks: ['V1.1-2.6.8.2-D2', 'P1.1-006'],
    what: 'counts class and command in the used length',
    origin: 'NC-01: Cloud Hypervisor and DPDK, used length with the command bytes',
    seed(device) {
      const { acknowledge } = device;
      device.acknowledge = (queue, at, ack) => acknowledge.call(device, queue, at, ack) + 2;
    },
  }),
  net({
    id: 'net-ctrl/ack-over-class',
    breaks: ['P1.1-027', 'V1.1-2.6.5.1-D1a', 'V1.1-2.7.15-D1a'],
    what: 'stores the ack over the class of the command',
    seenBy: 'invariant',
    seed(device) {
      device.ackAddress = (buffer) => buffer.addr[0];
    },
  }),
  net({
    id: 'net-ctrl/fixed-framing',
    breaks: ['V1.1-2.6.4.1-D1'],
    what: 'answers ERR unless class and command share a descriptor and the data have one',
    origin: 'NC-08: DPDK control queue, command framing hard-coded',
    seed(device) {
      const { command } = device;
      device.command = (queue, buffer) =>
        buffer.readable === 2
          ? command.call(device, queue, buffer)
          : device.acknowledge(queue, device.ackAddress(buffer), 1);
    },
  }),
  net({
    id: 'net-ctrl/one-per-kick',
    breaks: ['P1.1-027'],
    what: 'serves one command per kick and does not look for more',
    seed(device) {
      const { serve } = device;
      device.serve = (queue) => {
        const done = serve.call(device, queue);
        if (device.isControl(queue.index)) queue.pending = false;
        return done;
      };
    },
  }),
];
