import { loadReadable } from '../../../simulator/buffer-io.ts';
import { KEPT } from '../../../simulator/engine.ts';
import { parseFrame } from '../../../simulator/net/frame.ts';
import { GSO, HDR_F } from '../../../simulator/net/header.ts';
import type { NetDevice } from '../../../simulator/net/net-device.ts';
import type { Defect } from '../../defect.ts';
import { wrong } from '../wrong.ts';
import { CRASH } from './breach-defect.ts';

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

/** Headers that ask for what cannot be done. */
export const NET_BREACH_OFFLOADS: readonly Defect[] = [
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
];
