import { writableBytes } from '../../../../framework/virtqueue/device/ring.ts';
import { storeWritable } from '../../../simulator/buffer-io.ts';
import { writeHeader } from '../../../simulator/net/header.ts';
import type { Defect } from '../../defect.ts';
import { INVERTED, wrong } from '../wrong.ts';

/** Frames in buffers. */
export const NET_RECEIVE_FRAMES: readonly Defect[] = [
  wrong(
    'net-rx/len-counts-trailer',
    ['P1.1-027m'],
    'the used length counts four bytes of frame check sequence',
    INVERTED,
    (device) => {
      const { giveBack } = device.rx;
      device.rx.giveBack = (queue, buffer, length) =>
        giveBack.call(device.rx, queue, buffer, Math.min(length + 4, writableBytes(buffer)));
    },
  ),
  wrong(
    'net-rx/frame-at-fourteen',
    ['P1.1-027m'],
    'frames begin two bytes behind the header, aligned for IP',
    INVERTED,
    (device) => {
      const { rx } = device;
      const { compose } = rx;
      rx.compose = (delivery, used) => {
        const bytes = compose.call(rx, delivery, used);
        bytes.copyWithin(14, 12, 12 + delivery.bytes.length);
        return bytes;
      };
    },
  ),
  wrong(
    'net-rx/small-frames-padded-wrong',
    ['P1.1-027m'],
    'every frame is cut to a multiple of 4',
    INVERTED,
    (device) => {
      const { giveBack } = device.rx;
      device.rx.giveBack = (queue, buffer, length) => giveBack.call(device.rx, queue, buffer, length & ~3);
    },
  ),
  wrong(
    'net-rx/mrg-header-in-each',
    ['P1.1-027n'],
    'every buffer of a packet begins with a header',
    INVERTED,
    (device) => {
      const { rx } = device;
      const { deliver } = rx;
      rx.deliver = (queue, lane, delivery, need) => {
        if (need <= writableBytes(lane.held[0])) return deliver.call(rx, queue, lane, delivery, need);
        const used = rx.choose(lane, need);
        const header = new Uint8Array(12);
        delivery.header.numBuffers = used.length;
        writeHeader(header, delivery.header);
        const lengths: number[] = [];
        let at = 0;
        for (const buffer of used) {
          const room = writableBytes(buffer);
          storeWritable(queue.bufferDma!, buffer, 0, header, 0, Math.min(12, room));
          const share = Math.max(0, Math.min(room - 12, delivery.bytes.length - at));
          if (share > 0) storeWritable(queue.bufferDma!, buffer, 12, delivery.bytes, at, share);
          at += share;
          lengths.push(buffer === used.at(-1) ? Math.min(room, 12 + share) : room);
        }
        rx.use(queue, used, lengths);
      };
    },
  ),
  wrong(
    'net-rx/jumbo-crashes',
    ['P1.1-027o'],
    'a frame above 1514 bytes overruns an array of fixed size',
    'class of copies into fixed room',
    (device) => {
      const { prepare } = device.rx.offload;
      device.rx.offload.prepare = (sent) => {
        if (!device.mtuNegotiated && sent.meta === undefined && sent.bytes.length > 1514)
          new Uint8Array(1514).set(sent.bytes);
        return prepare.call(device.rx.offload, sent);
      };
    },
    { seenBy: 'run' },
  ),
];
