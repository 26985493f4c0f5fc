import type { DeviceBuffer } from '../../../../framework/virtqueue/device/ring.ts';
import { readHeader } from '../../../simulator/net/header.ts';
import type { Defect } from '../../defect.ts';
import { INVERTED, wrong } from '../wrong.ts';

/** Transmit buffers as a whole. */
export const NET_TRANSMIT_BUFFERS: readonly Defect[] = [
  wrong(
    'net-tx/tx-num-buffers-merges',
    ['P1.1-027i'],
    'num_buffers of a transmitted packet joins it with the next',
    INVERTED,
    (device) => {
      const { process } = device.tx;
      let swallow = 0;
      device.tx.readHeader = (bytes) => {
        const header = readHeader(bytes);
        if (swallow === 0) swallow = Math.max(0, Math.min(header.numBuffers, 8) - 1);
        return header;
      };
      device.tx.process = (queue, buffer) => {
        if (swallow === 0) return process.call(device.tx, queue, buffer);
        swallow--;
        return 0;
      };
    },
  ),
  wrong(
    'net-tx/tx-num-buffers-trims',
    ['P1.1-027i'],
    'the last num_buffers bytes are taken for padding',
    INVERTED,
    (device) => {
      const { transmit } = device.tx;
      device.tx.transmit = (frame, header, pair, buffer) => {
        const end = Math.max(14, frame.length - header.numBuffers);
        transmit.call(device.tx, frame.subarray(0, end), header, pair, buffer);
      };
    },
  ),
  wrong(
    'net-tx/tx-newest-first',
    ['P1.1-027j'],
    'frames of a burst leave in reverse order',
    'text turned round',
    (device) => {
      const { peer } = device;
      const { take } = peer;
      peer.take = () => take.call(peer).reverse();
    },
  ),
  wrong(
    'net-tx/tx-early-complete',
    ['P1.1-027k'],
    'buffers are used before the frame is read',
    'zero-copy class',
    (device) => {
      const { tx } = device;
      const { process } = tx;
      const { pump } = device;
      let waiting: { queue: Parameters<typeof process>[0]; buffer: DeviceBuffer }[] = [];
      tx.process = (queue, buffer) => {
        const { readable, writable } = buffer;
        const kept = { ...buffer, readable, writable, addr: buffer.addr.slice(), len: buffer.len.slice() };
        waiting.push({ queue, buffer: kept as DeviceBuffer });
        return 0;
      };
      device.pump = (budget) => {
        const late = device.peer.stalled ? [] : waiting;
        if (late.length > 0) waiting = [];
        for (const { queue, buffer } of late) if (queue.bufferDma) process.call(tx, queue, buffer);
        return late.length + pump.call(device, budget);
      };
      const { runnable } = device;
      device.runnable = (queue) => {
        const { stalled } = device.peer;
        device.peer.stalled = false;
        try {
          return runnable.call(device, queue);
        } finally {
          device.peer.stalled = stalled;
        }
      };
    },
  ),
];
