import { NET_F } from '../../specs/virtio-1.1/features.ts';
import type { NetDevice } from '../simulator/net/net-device.ts';
import type { Defect } from './defect.ts';
import { net, PAIRS } from './net-control.ts';

/** What a device in another language would do with an index out of range. */
function crash(why: string): never {
  throw new RangeError(why);
}

/** Look at every command before it is carried out. */
function onCommand(
  device: NetDevice,
  look: (class_: number, command: number, data: Uint8Array) => boolean | undefined,
): void {
  const { control } = device;
  const { dispatch } = control;
  control.dispatch = (class_, command, data) =>
    look(class_, command, data) ?? dispatch.call(control, class_, command, data);
}

/** Network devices that a driver can harm with the control queue (section 5.1.6.5). */
export const NET_CONTROL_BREACH_DEFECTS: readonly Defect[] = [
  net({
    id: 'net-breach/rx-mode-handler-missing',
    breaks: ['INV-ALIVE'],
    what: 'calls the handler of a receive mode that was not negotiated',
    seenBy: 'run',
    seed(device) {
      onCommand(device, (class_, command) => {
        if (class_ === 0 && command > 1 && !device.control.rxMode(command, Uint8Array.of(0)))
          crash('no handler for this receive mode');
        return undefined;
      });
    },
  }),
  net({
    id: 'net-breach/table-count-trusted',
    breaks: ['INV-ALIVE'],
    what: 'reads as many table entries as the count says',
    origin: 'NC-05: variant of QEMU CVE-2014-0150, size overflow',
    seenBy: 'run',
    seed(device) {
      const { control } = device;
      const { macTable } = control;
      control.macTable = (data, at) => {
        if (at + 4 <= data.length && control.macEntries(data, at) > 0xffff) crash('table out of bounds');
        return macTable.call(control, data, at);
      };
    },
  }),
  net({
    id: 'net-breach/half-a-table',
    breaks: ['P1.1-027q'],
    what: 'puts the unicast table in force before it finds the other one wrong',
    seed(device) {
      const { control } = device;
      const { macTableSet } = control;
      control.macTableSet = (data) => {
        const unicast = control.macTable(data, 0);
        if (unicast !== null) device.filter.unicast = new Set(unicast);
        return macTableSet.call(control, data);
      };
    },
  }),
  net({
    id: 'net-breach/wrong-half-sorted',
    breaks: ['INV-ALIVE'],
    what: 'sorts table entries by their first bit and runs out of room',
    seenBy: 'run',
    seed(device) {
      const { control } = device;
      const { applyMacTables } = control;
      control.applyMacTables = (unicast, multicast) => {
        const groups = unicast.filter((mac) => Math.floor(mac / 2 ** 40) % 2 === 1).length;
        if (groups > multicast.length / 2) crash('no room for a multicast address');
        applyMacTables.call(control, unicast, multicast);
      };
    },
  }),
  net({
    id: 'net-breach/vlan-bitmap',
    breaks: ['INV-ALIVE'],
    what: 'uses the VLAN id as an index without looking at its range',
    seenBy: 'run',
    seed(device) {
      const { control } = device;
      const { vlanId } = control;
      control.vlanId = (data) => {
        const id = vlanId.call(control, data);
        return id > 4095 ? crash('bitmap index out of range') : id;
      };
    },
  }),
  net({
    id: 'net-breach/short-argument',
    breaks: ['INV-ALIVE'],
    what: 'reads the argument of a receive mode that is not there',
    seenBy: 'run',
    seed(device) {
      onCommand(device, (class_, _command, data) =>
        class_ === 0 && data.length === 0 ? crash('argument out of bounds') : undefined,
      );
    },
  }),
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
  net({
    id: 'net-breach/announces-without-end',
    breaks: ['INV-ALIVE'],
    what: 'notifies again and again until an announcement is acknowledged',
    seenBy: 'run',
    seed(device) {
      const { pump } = device;
      device.pump = (budget) => {
        const done = pump.call(device, budget);
        if ((device.statusField & 2) === 0) return done;
        device.notifyConfig();
        return Math.min(budget, done + 1);
      };
    },
  }),
  net({
    id: 'net-breach/announce-without-feature',
    breaks: ['INV-ALIVE'],
    what: 'takes an acknowledgement without the feature for impossible',
    seenBy: 'run',
    seed(device) {
      onCommand(device, (class_) =>
        class_ === 3 && !device.negotiated(NET_F.GUEST_ANNOUNCE) ? crash('assertion failed') : undefined,
      );
    },
  }),
  net({
    id: 'net-breach/pairs-unchecked',
    options: PAIRS,
    breaks: ['INV-ALIVE'],
    what: 'checks the number of pairs against the limit of the protocol only',
    origin: 'NC-02: Cloud Hypervisor 0e085592b, limit is 0x8000 instead of its own',
    seenBy: 'run',
    seed(device) {
      onCommand(device, (class_, command, data) => {
        const pairs = data.length === 2 ? device.control.pairCount(data) : 0;
        if (class_ !== 4 || command !== 0 || pairs < 1 || pairs > 0x8000) return undefined;
        device.setPairs(pairs);
        return true;
      });
    },
  }),
  net({
    id: 'net-breach/no-pairs',
    breaks: ['INV-ALIVE'],
    what: 'accepts 0 pairs and drops everything',
    seed(device) {
      const { wanted } = device.rx;
      let none = false;
      onCommand(device, (class_, command, data) => {
        if (class_ !== 4 || command !== 0 || data.length !== 2) return undefined;
        none = device.control.pairCount(data) === 0;
        return none || undefined;
      });
      device.rx.wanted = (sent) => !none && wanted.call(device.rx, sent);
    },
  }),
  net({
    id: 'net-breach/pair-not-ready',
    breaks: ['INV-ALIVE'],
    what: 'delivers to the queue of a pair without looking whether it is there',
    seenBy: 'run',
    seed(device) {
      device.rx.pairFor = (sent) => {
        const pair = device.steering.pairFor(sent.bytes, sent.bytes.length);
        return device.receiveQueue(pair).ring === null ? crash('queue is not there') : pair;
      };
    },
  }),
  net({
    id: 'net-breach/pair-not-ready-address-zero',
    breaks: ['INV-WRITE-SCOPE'],
    what: 'writes to address 0 for a pair that is not ready',
    seenBy: 'invariant',
    seed(device) {
      const { pairFor } = device.rx;
      device.rx.pairFor = (sent) => {
        const pair = device.steering.pairFor(sent.bytes, sent.bytes.length);
        if (device.receiveQueue(pair).ring === null) device.port.put8(0, 0);
        return pairFor.call(device.rx, sent);
      };
    },
  }),
  net({
    id: 'net-breach/tx-of-unused-pair',
    options: PAIRS,
    breaks: ['INV-ALIVE'],
    what: 'has no back end for the transmit queue of a pair that is not in use',
    seenBy: 'run',
    seed(device) {
      const { process } = device.tx;
      device.tx.process = (queue, buffer) =>
        queue.index >> 1 >= device.steering.pairs
          ? crash('no back end for this queue')
          : process.call(device.tx, queue, buffer);
    },
  }),
  net({
    id: 'net-breach/offloads-unchecked',
    breaks: ['V1.1-5.1.6.4.1-D8'],
    what: 'takes the mask as it is, with offloads that were not negotiated',
    seed(device) {
      const { control } = device;
      control.offloads = (command, data) => {
        if (command !== 0 || data.length !== 8) return false;
        control.applyOffloads(control.offloadMask(data));
        return true;
      };
    },
  }),
  net({
    id: 'net-breach/reset-with-command',
    breaks: ['INV-ALIVE'],
    what: 'takes a reset with a command in the control queue for impossible',
    origin: 'NC-14: QEMU 2a7888cc3a, control command served while the device stops',
    seenBy: 'run',
    seed(device) {
      const { reset } = device;
      device.reset = () => {
        const queue = device.controlAt < 0 ? undefined : device.queues[device.controlAt];
        if (device.driverOk && queue?.ring && queue.pending) crash('assertion failed');
        return reset.call(device);
      };
    },
  }),
];
