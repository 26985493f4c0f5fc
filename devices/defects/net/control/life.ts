import type { Defect } from '../../defect.ts';
import { net } from '../net-defect.ts';

/** Life cycle. */
export const NET_CONTROL_LIFE: readonly Defect[] = [
  net({
    id: 'net-session/receives-before-driver-ok',
    breaks: ['V1.1-2.1.2-D2'],
    what: 'delivers frames as soon as a receive queue is ready',
    seenBy: 'invariant',
    seed(device) {
      const { setVqReady } = device;
      device.setVqReady = (idx, ready) => {
        setVqReady.call(device, idx, ready);
        const queue = device.queues[idx];
        if (ready && queue?.ring === null) device.startQueue(queue);
      };
      device.rx.wanted = (sent) => device.filter.accepts(sent.bytes, sent.bytes.length);
    },
  }),
  net({
    id: 'net-session/receives-after-reset',
    breaks: ['P1.1-019a'],
    what: 'finishes the frame that it was about to store when the reset came',
    origin: 'RS-04: DPDK 11d5253a3e, QEMU 94b52958b7: stores after a reset',
    seenBy: 'invariant',
    seed(device) {
      const { reset, pump } = device;
      const { take } = device.rx;
      let last: (() => void) | undefined;
      let due: (() => void) | undefined;
      device.rx.take = (queue) => {
        const buffer = take.call(device.rx, queue);
        const at = buffer?.addr[0] ?? 0;
        if (buffer !== null) last = () => queue.bufferDma!.put8(at, 0);
        return buffer;
      };
      device.reset = () => {
        due = last;
        last = undefined;
        return reset.call(device);
      };
      device.pump = (budget) => {
        due?.();
        due = undefined;
        return pump.call(device, budget);
      };
    },
  }),
];
