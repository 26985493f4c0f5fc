import type { Defect } from '../../defect.ts';
import { net } from '../net-defect.ts';
import { crash } from './command-defect.ts';

/** Commands cut short, too long, or without room for the ack. */
export const NET_CONTROL_BREACH_FRAMING: readonly Defect[] = [
  net({
    id: 'net-breach/empty-command',
    breaks: ['INV-ALIVE'],
    what: 'takes the class of a command that has no bytes',
    seenBy: 'run',
    seed(device) {
      const { control } = device;
      const { execute } = control;
      control.execute = (bytes, length) =>
        length < 2 ? crash('command out of bounds') : execute.call(control, bytes, length);
    },
  }),
  net({
    id: 'net-breach/ends-without-ack-byte',
    breaks: ['INV-ALIVE'],
    what: 'gives up altogether when a command has no place for the ack',
    origin: 'QEMU: exit(1) in virtio_net_handle_ctrl',
    seenBy: 'run',
    seed(device) {
      const { ackAddress } = device;
      device.ackAddress = (buffer) =>
        buffer.writable === 0 ? crash('no place for the ack') : ackAddress.call(device, buffer);
    },
  }),
  net({
    id: 'net-breach/kept-without-ack-byte',
    breaks: ['P1.1-027'],
    what: 'never gives a command back that has no place for the ack',
    seed(device) {
      const { malformed } = device;
      device.malformed = (queue, buffer, why) =>
        device.isControl(queue.index) ? -1 : malformed.call(device, queue, buffer, why);
    },
  }),
  net({
    id: 'net-breach/ack-at-the-end',
    breaks: ['P1.1-027'],
    what: 'stores the ack into the last writable byte',
    seed(device) {
      device.ackAddress = (buffer) => {
        const last = buffer.readable + buffer.writable - 1;
        return buffer.writable === 0 ? -1 : buffer.addr[last] + buffer.len[last] - 1;
      };
    },
  }),
  net({
    id: 'net-breach/ack-one-beyond',
    breaks: ['INV-WRITE-SCOPE'],
    what: 'stores the ack of a command that is too short behind its place',
    seenBy: 'invariant',
    seed(device) {
      const { acknowledge } = device;
      const { execute } = device.control;
      let short = false;
      device.control.execute = (bytes, length) => {
        short = length < 2;
        return execute.call(device.control, bytes, length);
      };
      device.acknowledge = (queue, at, ack) => acknowledge.call(device, queue, short ? at + 1 : at, ack);
    },
  }),
  net({
    id: 'net-breach/huge-command',
    breaks: ['INV-ALIVE'],
    what: 'has 64 kilobytes for a command and does not look at its length',
    seenBy: 'run',
    seed(device) {
      const { command } = device;
      device.command = (queue, buffer) => {
        let length = 0;
        for (let i = 0; i < buffer.readable; i++) length += buffer.len[i];
        return length > 0x1_0000 ? crash('command buffer overrun') : command.call(device, queue, buffer);
      };
    },
  }),
];
