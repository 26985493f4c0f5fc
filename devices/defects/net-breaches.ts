import { type DeviceBuffer, readableBytes, writableBytes } from '../../framework/virtqueue/device/ring.ts';
import { loadReadable } from '../simulator/buffer-io.ts';
import { KEPT } from '../simulator/engine.ts';
import { parseFrame } from '../simulator/net/frame.ts';
import { GSO, HDR_F } from '../simulator/net/header.ts';
import type { NetDevice } from '../simulator/net/net-device.ts';
import type { Defect } from './defect.ts';
import { wrong } from './net-transmit.ts';

const CRASH = { seenBy: 'run', fuzz: 'yes' } as const;

/** Do `action` instead of transmitting a packet whose header matches. */
function onHeader(
  device: NetDevice,
  matches: (header: ReturnType<NetDevice['tx']['readHeader']>, frame: Uint8Array) => boolean,
  action: (frame: Uint8Array, pair: number) => void,
): void {
  const { transmit } = device.tx;
  device.tx.transmit = (frame, header, pair, buffer) => {
    if (matches(header, frame)) action(frame, pair);
    else transmit.call(device.tx, frame, header, pair, buffer);
  };
}

/** A queue that holds a buffer for ever. */
function blockOn(device: NetDevice, refuses: (buffer: DeviceBuffer) => boolean): void {
  const { execute } = device;
  device.execute = (queue, buffer) =>
    device.isTransmit(queue.index) && refuses(buffer) ? KEPT : execute.call(device, queue, buffer);
}

/** Devices that a driver's breach in the data path brings down, or makes leak (section 5.1.6). */
export const NET_BREACH_DEFECTS: readonly Defect[] = [
  wrong(
    'net-tx-breach/over-mtu-truncated',
    ['INV-PACKETS'],
    'frames above mtu are cut off',
    'text inverted',
    (device) => {
      const { forward } = device.tx;
      device.tx.forward = (bytes, pair, meta) =>
        forward.call(device.tx, bytes.subarray(0, device.mtu + 14), pair, meta);
    },
  ),
  wrong(
    'net-tx-breach/csum-store-unchecked',
    ['INV-ALIVE'],
    'the checksum is stored wherever the header says',
    'NT-07: DPDK CVE-2024-11614',
    (device) => {
      device.tx.completeChecksum = (frame, { csumStart, csumOffset }) => {
        const { checksums } = device.tx;
        const value = checksums.finish(checksums.sum(frame, csumStart, frame.length), csumOffset === 6);
        new DataView(frame.buffer, frame.byteOffset, frame.length).setUint16(csumStart + csumOffset, value);
      };
    },
    CRASH,
  ),
  wrong(
    'net-tx-breach/csum-place-extends',
    ['INV-PACKETS'],
    'a packet is lengthened to hold the checksum, with what lies behind it',
    'NT-07: class of reads behind the packet',
    (device) => {
      const { completeChecksum, forward } = device.tx;
      let longer = 0;
      device.tx.completeChecksum = (frame, header, buffer) => {
        longer = Math.min(1500, header.csumStart + header.csumOffset + 2 - frame.length);
        completeChecksum.call(device.tx, frame, header, buffer);
      };
      device.tx.forward = (bytes, pair, meta) => {
        const more = longer;
        longer = 0;
        if (more <= 0) return forward.call(device.tx, bytes, pair, meta);
        const all = new Uint8Array(bytes.length + more).fill(0x5a);
        all.set(bytes);
        forward.call(device.tx, all, pair, meta);
      };
    },
  ),
  wrong(
    'net-tx-breach/gso-size-zero-divides',
    ['INV-ALIVE'],
    'the number of segments is reckoned without looking at gso_size',
    'class of divisions by gso_size',
    (device) => {
      const { cut } = device.tx;
      device.tx.gsoTypeOf = (header) => {
        const type = header.gsoType & ~GSO.ECN;
        return device.hostGso(type) ? type : GSO.NONE;
      };
      device.tx.cut = (frame, type, header) => {
        const layout = parseFrame(frame, frame.length);
        if (header.gsoSize > 0 || layout.payload < 0) return cut.call(device.tx, frame, type, header);
        return device.tx.segmenter.segment(frame, frame.length, layout, header.gsoSize);
      };
    },
    CRASH,
  ),
  wrong(
    'net-tx-breach/unknown-gso-blocks',
    ['INV-ALIVE'],
    'a packet with segmentation that was not negotiated keeps its buffer for ever',
    'NT-14: QEMU bc5add1dad, df8d070817',
    (device) => {
      const { process } = device.tx;
      device.tx.process = (queue, buffer) => {
        const bytes = new Uint8Array(12);
        loadReadable(queue.bufferDma!, buffer, 0, bytes);
        const type = bytes[1] & ~GSO.ECN;
        if (type !== GSO.NONE && !device.hostGso(type)) return KEPT;
        return process.call(device.tx, queue, buffer);
      };
    },
    { fuzz: 'yes' },
  ),
  wrong(
    'net-tx-breach/gso-without-csum-reads-place',
    ['INV-ALIVE'],
    'segmentation works at csum_start, whether NEEDS_CSUM is set or not',
    'class of NT-07',
    (device) => {
      const { cut } = device.tx;
      device.tx.cut = (frame, type, header) => {
        new DataView(frame.buffer, frame.byteOffset, frame.length).getUint16(
          header.csumStart + header.csumOffset,
        );
        return cut.call(device.tx, frame, type, header);
      };
    },
    CRASH,
  ),
  wrong(
    'net-tx-breach/gso-headers-assumed',
    ['INV-PACKETS'],
    'segments are cut behind 54 bytes, whatever the headers are',
    'class of fixed header sizes',
    (device) => {
      const { cut } = device.tx;
      device.tx.cut = (frame, type, header) => {
        const layout = parseFrame(frame, frame.length);
        if (type !== GSO.TCPV4 || layout.ip === 4) return cut.call(device.tx, frame, type, header);
        const pieces: Uint8Array[] = [];
        for (let at = 54; at < frame.length; at += header.gsoSize) {
          const piece = new Uint8Array(54 + header.gsoSize).fill(0x5a);
          piece.set(frame.subarray(0, 54));
          piece.set(frame.subarray(at, at + header.gsoSize), 54);
          pieces.push(piece);
        }
        return pieces;
      };
    },
  ),
  wrong(
    'net-tx-breach/receive-flags-crash',
    ['INV-ALIVE'],
    'a header with RSC_INFO is taken for a coalesced packet without segments',
    'text inverted',
    (device) =>
      onHeader(
        device,
        (header) => (header.flags & HDR_F.RSC_INFO) !== 0,
        (frame) => void new Uint8Array(frame.length - 0x10000),
      ),
    CRASH,
  ),
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
