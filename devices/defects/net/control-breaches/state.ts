import { NET_F } from '../../../../specs/virtio-1.1/features.ts';
import type { Defect } from '../../defect.ts';
import { net, PAIRS } from '../net-defect.ts';
import { crash, onCommand } from './command-defect.ts';

/** Commands at the wrong time, pairs and offloads. */
export const NET_CONTROL_BREACH_STATE: readonly Defect[] = [
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
