import {
  type DeviceBuffer,
  readableBytes,
  writableBytes,
} from '../../../../framework/virtqueue/device/ring.ts';
import { loadReadable } from '../../../simulator/buffer-io.ts';
import { KEPT } from '../../../simulator/engine.ts';
import type { NetDevice } from '../../../simulator/net/net-device.ts';
import type { Defect } from '../../defect.ts';
import { wrong } from '../wrong.ts';
import { CRASH } from './breach-defect.ts';

/** A queue that holds a buffer for ever. */
function blockOn(device: NetDevice, refuses: (buffer: DeviceBuffer) => boolean): void {
  const { execute } = device;
  device.execute = (queue, buffer) =>
    device.isTransmit(queue.index) && refuses(buffer) ? KEPT : execute.call(device, queue, buffer);
}

/** Transmit buffers that no driver may make. */
export const NET_BREACH_TRANSMIT: readonly Defect[] = [
  wrong(
    'net-tx-breach/short-wraps',
    ['INV-ALIVE'],
    'the frame length is the buffer length less 12, whatever that is',
    'class of lengths that wrap',
    (device) => {
      const { process } = device.tx;
      device.tx.process = (queue, buffer) => {
        new Uint8Array(readableBytes(buffer) - 12);
        return process.call(device.tx, queue, buffer);
      };
    },
    CRASH,
  ),
  wrong(
    'net-tx-breach/short-padded-with-memory',
    ['INV-PACKETS'],
    'short frames are padded with what the last packet left',
    'EtherLeak class, CVE-2003-0001',
    (device) => {
      const { process } = device.tx;
      let last = new Uint8Array(60);
      device.tx.process = (queue, buffer) => {
        const total = readableBytes(buffer);
        const bytes = new Uint8Array(total);
        loadReadable(queue.bufferDma!, buffer, 0, bytes);
        if (total >= 12 && total < 12 + 14) {
          const frame = last.slice(0, 60);
          frame.set(bytes.subarray(12));
          device.tx.forward(frame, queue.index >> 1);
          return 0;
        }
        if (total >= 72) last = bytes.slice(12, 72);
        return process.call(device.tx, queue, buffer);
      };
    },
  ),
  wrong(
    'net-tx-breach/sends-writable',
    ['INV-PACKETS'],
    'device-writable parts are sent behind the frame',
    'text inverted',
    (device) => {
      const { process } = device.tx;
      let extra = 0;
      const { forward } = device.tx;
      device.tx.process = (queue, buffer) => {
        extra = writableBytes(buffer);
        const result = process.call(device.tx, queue, buffer);
        extra = 0;
        return result;
      };
      device.tx.forward = (bytes, pair, meta) => {
        const all = new Uint8Array(bytes.length + extra).fill(0xa5);
        all.set(bytes);
        forward.call(device.tx, all, pair, meta);
      };
    },
  ),
  wrong(
    'net-tx-breach/stores-behind-writable',
    ['INV-WRITE-SCOPE'],
    'a device-writable part of a transmit buffer gets a 16-byte status',
    'text inverted',
    (device) => {
      const { process } = device.tx;
      device.tx.process = (queue, buffer) => {
        const result = process.call(device.tx, queue, buffer);
        if (buffer.writable > 0 && buffer.len[buffer.readable] < 16)
          queue.bufferDma!.store(buffer.addr[buffer.readable], new Uint8Array(16), 0, 16);
        return result;
      };
    },
    { seenBy: 'invariant', fuzz: 'yes' },
  ),
  wrong(
    'net-tx-breach/many-descriptors-block',
    ['INV-ALIVE'],
    'buffers of more than 16 descriptors are never used',
    'class of arrays for scatter lists',
    (device) => blockOn(device, (buffer) => buffer.readable > 16),
    { fuzz: 'yes' },
  ),
  wrong(
    'net-tx-breach/wrong-source-blocks',
    ['INV-ALIVE'],
    'a frame with another source address stops the queue',
    'text inverted',
    (device) => {
      const { process } = device.tx;
      device.tx.process = (queue, buffer) => {
        const bytes = new Uint8Array(24);
        loadReadable(queue.bufferDma!, buffer, 0, bytes);
        const own = device.config.bytes;
        const foreign = readableBytes(buffer) >= 26 && own.some((byte, i) => i < 6 && byte !== bytes[18 + i]);
        return foreign ? KEPT : process.call(device.tx, queue, buffer);
      };
    },
  ),
];
