import { writableBytes } from '../../../../framework/virtqueue/device/ring.ts';
import type { Defect } from '../../defect.ts';
import { INVERTED, wrong } from '../wrong.ts';
import { takeHeld } from './receive-defect.ts';

/** Too few buffers. */
export const NET_RECEIVE_SHORTAGE: readonly Defect[] = [
  wrong(
    'net-rx/mrg-uses-what-there-is',
    ['V1.1-5.1.6.4.1-D4'],
    'buffers are used before enough are there',
    INVERTED,
    (device) => {
      const { rx } = device;
      rx.waitsFor = (queue, lane) => {
        if (lane.held.length === 0) return true;
        const held = takeHeld(lane, lane.held.length);
        rx.use(queue, held, held.map(writableBytes));
        return false;
      };
    },
  ),
  wrong(
    'net-rx/mrg-leaks-on-shortage',
    ['P1.1-027l'],
    'buffers taken for a packet that is given up are forgotten',
    'NT-16: QEMU abe300d9d',
    (device) => {
      const { waitsFor } = device.rx;
      device.rx.waitsFor = (queue, lane) => {
        if (waitsFor.call(device.rx, queue, lane) && (lane.held.length === 0 || lane.backlog.length === 0))
          return true;
        lane.held = [];
        lane.room = 0;
        return false;
      };
    },
  ),
  wrong(
    'net-rx/rx-never-resumes',
    ['P1.1-027l'],
    'the kick after running out of buffers is missed',
    'missed kick class',
    (device) => {
      const { rx } = device;
      const { collect, hasWork } = rx;
      const dry = new Set<unknown>();
      rx.collect = (queue, lane, need) => {
        const supply = collect.call(rx, queue, lane, need);
        if (supply === 'short') dry.add(queue.ring);
        return supply;
      };
      rx.hasWork = (queue) => !dry.has(queue.ring) && hasWork.call(rx, queue);
    },
  ),
  wrong(
    'net-rx/rx-twice-after-shortage',
    ['P1.1-027l'],
    'a frame that waited for buffers is delivered twice',
    INVERTED,
    (device) => {
      const { rx } = device;
      const { collect, finish } = rx;
      const waited = new Set<unknown>();
      rx.collect = (queue, lane, need) => {
        const supply = collect.call(rx, queue, lane, need);
        if (supply === 'short') waited.add(lane.backlog[0]);
        return supply;
      };
      rx.finish = (lane, arrival) => {
        if (!waited.delete(arrival)) finish.call(rx, lane, arrival);
      };
    },
  ),
];
