import { writableBytes } from '../../../../framework/virtqueue/device/ring.ts';
import type { Defect } from '../../defect.ts';
import { wrong } from '../wrong.ts';

/** Receive buffers that no driver may make. */
export const NET_BREACH_RECEIVE: readonly Defect[] = [
  wrong(
    'net-rx-breach/header-behind-buffer',
    ['INV-WRITE-SCOPE'],
    'the header is stored in one piece, however small the buffer',
    'text inverted',
    (device) => {
      const { take } = device.rx;
      device.rx.take = (queue) => {
        const buffer = take.call(device.rx, queue);
        if (buffer !== null && buffer.writable > 0 && writableBytes(buffer) < 12)
          queue.bufferDma!.store(buffer.addr[buffer.readable], new Uint8Array(12), 0, 12);
        return buffer;
      };
    },
    { seenBy: 'invariant', fuzz: 'yes' },
  ),
  wrong(
    'net-rx-breach/frame-behind-buffer',
    ['INV-WRITE-SCOPE'],
    'a frame is stored whole into the first descriptor',
    'copies into buffers that are too small',
    (device) => {
      const { fits, deliver } = device.rx;
      device.rx.fits = (lane, need) => lane.held.length > 0 || fits.call(device.rx, lane, need);
      device.rx.deliver = (queue, lane, delivery, need) => {
        const [first] = lane.held;
        if (device.mergeable || writableBytes(first) >= need)
          return deliver.call(device.rx, queue, lane, delivery, need);
        const used = device.rx.choose(lane, writableBytes(first));
        const bytes = device.rx.compose(delivery, used);
        queue.bufferDma!.store(
          first.addr[first.readable],
          bytes,
          0,
          Math.min(need, writableBytes(first) + 8),
        );
        device.rx.use(queue, used, [writableBytes(first)]);
      };
    },
    { seenBy: 'invariant' },
  ),
  wrong(
    'net-rx-breach/dead-after-tiny-buffer',
    ['INV-ALIVE'],
    'a buffer smaller than the header ends reception without a word',
    'text inverted',
    (device) => {
      const { usable, hasWork } = device.rx;
      let dead: unknown = null;
      device.rx.usable = (buffer) => {
        const fine = usable.call(device.rx, buffer);
        if (!fine) dead = device.queues[0].ring;
        return fine;
      };
      device.rx.hasWork = (queue) => dead !== queue.ring && hasWork.call(device.rx, queue);
    },
    { fuzz: 'yes' },
  ),
  wrong(
    'net-rx-breach/writes-readable',
    ['V1.1-2.6.5.1-D1a', 'V1.1-2.7.15-D1a'],
    'frames are stored into device-readable parts too',
    'text inverted',
    (device) => {
      const { take } = device.rx;
      device.rx.take = (queue) => {
        const buffer = take.call(device.rx, queue);
        if (buffer !== null && buffer.readable > 0)
          queue.bufferDma!.store(buffer.addr[0], new Uint8Array(12), 0, Math.min(12, buffer.len[0]));
        return buffer;
      };
    },
    { seenBy: 'invariant', fuzz: 'yes' },
  ),
];
