import type { NetDevice } from '../../simulator/net/net-device.ts';
import type { Defect } from '../defect.ts';
import { net, PAIRS } from './net-defect.ts';

/** Replace the number of pairs that steering works with when the driver sets one. */
function onPairs(device: NetDevice, use: (pairs: number) => number): void {
  const { setPairs } = device.steering;
  device.steering.setPairs = (pairs) => setPairs.call(device.steering, use(pairs));
}

/** Wrong multiqueue devices (section 5.1.6.5.5). */
export const NET_MULTIQUEUE_DEFECTS: readonly Defect[] = [
  net({
    id: 'net-mq/count-big-endian',
    options: PAIRS,
    breaks: ['P1.1-027t'],
    what: 'reads the number of pairs big-endian',
    seed(device) {
      device.control.pairCount = (data) => (data[0] << 8) | data[1];
    },
  }),
  net({
    id: 'net-mq/maximum-only',
    options: PAIRS,
    breaks: ['P1.1-027t'],
    what: 'accepts no number of pairs but the maximum',
    seed(device) {
      const { multiqueue } = device.control;
      device.control.multiqueue = (command, data) =>
        data[0] === device.maxPairs && multiqueue.call(device.control, command, data);
    },
  }),
  net({
    id: 'net-mq/one-refused',
    options: PAIRS,
    breaks: ['P1.1-027t'],
    what: 'refuses to go back to one pair',
    seed(device) {
      const { multiqueue } = device.control;
      device.control.multiqueue = (command, data) =>
        data[0] !== 1 && multiqueue.call(device.control, command, data);
    },
  }),
  net({
    id: 'net-mq/spread-by-default',
    breaks: ['V1.1-5.1.6.5.5.2-D1', 'P1.1-027u'],
    what: 'spreads flows over all pairs from the start',
    fuzz: 'yes',
    seed(device) {
      device.steering.resetPairs = () => {
        device.steering.pairs = device.maxPairs;
      };
    },
  }),
  net({
    id: 'net-mq/kept-over-reset',
    breaks: ['V1.1-5.1.6.5.5.2-D1', 'P1.1-027u'],
    what: 'keeps the number of pairs over a reset',
    fuzz: 'yes',
    seed(device) {
      device.steering.resetPairs = () => {};
    },
  }),
  net({
    id: 'net-mq/one-ignored',
    breaks: ['P1.1-027u'],
    what: 'acks one pair and goes on with as many as before',
    fuzz: 'yes',
    seed: (device) => onPairs(device, (pairs) => (pairs === 1 ? device.steering.pairs : pairs)),
  }),
  net({
    id: 'net-mq/per-packet',
    breaks: ['V1.1-5.1.6.5.5-N3'],
    what: 'puts each packet on the next queue',
    fuzz: 'yes',
    seed(device) {
      const { steering } = device;
      let next = 0;
      steering.pairFor = () => (steering.enabled ? next++ % steering.pairs : 0);
    },
  }),
  net({
    id: 'net-mq/by-sequence-number',
    breaks: ['V1.1-5.1.6.5.5-N3'],
    what: 'steers by a hash that takes in the sequence number',
    fuzz: 'yes',
    seed(device) {
      const { steering } = device;
      const { pairFor } = steering;
      steering.pairFor = (bytes, length) =>
        steering.enabled && length > 42
          ? (bytes[40] * 4 + (bytes[41] >> 6)) % steering.pairs
          : pairFor.call(steering, bytes, length);
    },
  }),
  net({
    id: 'net-mq/hash-only',
    breaks: ['V1.1-5.1.6.5.5-N4'],
    what: 'steers by a hash and pays no heed to where a flow was sent',
    fuzz: 'yes',
    seed(device) {
      device.steering.learn = () => {};
    },
  }),
  net({
    id: 'net-mq/first-queue-learnt-stays',
    breaks: ['V1.1-5.1.6.5.5-N4'],
    what: 'never moves a flow that is sent on another queue',
    fuzz: 'yes',
    seed(device) {
      const { steering } = device;
      const { learn } = steering;
      steering.learn = (bytes, length, pair) => {
        const flow = steering.flowOf(bytes, length, true);
        if (!steering.flows?.has(flow)) learn.call(steering, bytes, length, pair);
      };
    },
  }),
  net({
    id: 'net-mq/shrink-stale-flows',
    breaks: ['V1.1-5.1.6.5.5.2-D2'],
    what: 'leaves flows on the queues where they were when the number of pairs shrinks',
    fuzz: 'yes',
    seed(device) {
      const { steering } = device;
      steering.clamp = (pair) => pair;
      steering.pairFor = (bytes, length) => {
        if (!steering.enabled) return 0;
        const flow = steering.flowOf(bytes, length, false);
        return steering.flows?.get(flow) ?? (flow < 0 ? 0 : flow % steering.pairs);
      };
    },
  }),
  net({
    id: 'net-mq/shrink-late',
    breaks: ['V1.1-5.1.6.5.5.2-D2'],
    what: 'delivers what waits for a queue there, although the queue was given up meanwhile',
    fuzz: 'yes',
    seed(device) {
      device.rx.resteer = () => {};
    },
  }),
  net({
    id: 'net-mq/shrink-drops-flows',
    breaks: ['V1.1-5.1.6.5.5.2-D2'],
    what: 'drops the flows of queues that were given up',
    fuzz: 'yes',
    seed(device) {
      const { steering } = device;
      const { wanted } = device.rx;
      device.rx.wanted = (sent) => {
        const flow = steering.enabled ? steering.flowOf(sent.bytes, sent.bytes.length, false) : -1;
        const learnt = steering.flows?.get(flow);
        return (learnt === undefined || learnt < steering.pairs) && wanted.call(device.rx, sent);
      };
    },
  }),
];
