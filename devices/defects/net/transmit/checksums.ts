import { parseFrame } from '../../../simulator/net/frame.ts';
import { GSO } from '../../../simulator/net/header.ts';
import type { Defect } from '../../defect.ts';
import { INVERTED, wrong } from '../wrong.ts';

/** Header fields and checksums. */
export const NET_TRANSMIT_CHECKSUMS: readonly Defect[] = [
  wrong(
    'net-tx/flags-equals-one',
    ['V1.1-5.1.6.2.2-D1'],
    'flags are compared with 1 instead of tested',
    INVERTED,
    (device) => {
      device.tx.wantsChecksum = (header) => device.csum && header.flags === 1;
    },
  ),
  wrong(
    'net-tx/unknown-flags-drop',
    ['V1.1-5.1.6.2.2-D1'],
    'packets with unknown flags are dropped',
    INVERTED,
    (device) => {
      device.tx.acceptable = (_, header) => (header.flags & ~7) === 0;
    },
  ),
  wrong(
    'net-tx/csum-start-nonzero-means-csum',
    ['V1.1-5.1.6.2.2-D2'],
    'the checksum is patched whenever csum_start is not 0',
    'NT-08: spec inversion',
    (device) => {
      device.tx.wantsChecksum = (header) => header.csumStart !== 0;
    },
  ),
  wrong(
    'net-tx/csum-fields-always-checked',
    ['V1.1-5.1.6.2.2-D2'],
    'offsets out of range drop the packet, flag or not',
    INVERTED,
    (device) => {
      device.tx.acceptable = (frame, header) => header.csumStart + header.csumOffset < frame.length;
    },
  ),
  wrong(
    'net-tx/tx-repairs-sums',
    ['V1.1-5.1.6.2.2-D2'],
    'every transmitted checksum is computed anew',
    INVERTED,
    (device) => {
      const { forward } = device.tx;
      device.tx.forward = (bytes, pair, meta) => {
        if (meta === undefined)
          device.tx.checksums.compute(bytes, parseFrame(bytes, bytes.length), bytes.length);
        forward.call(device.tx, bytes, pair, meta);
      };
    },
  ),
  wrong(
    'net-tx/hdr-len-trusted',
    ['V1.1-5.1.6.2.2-D4'],
    'hdr_len bytes are copied to every segment',
    INVERTED,
    (device) => {
      const { segmenter } = device.tx;
      device.tx.cut = (frame, type, header) => {
        const layout = parseFrame(frame, frame.length);
        if (type === GSO.UDP || !segmenter.matches(layout, type)) return null;
        const payload = Math.min(Math.max(header.hdrLen, layout.l4 + 20), frame.length);
        return segmenter.segment(frame, frame.length, { ...layout, payload }, header.gsoSize);
      };
    },
  ),
  wrong(
    'net-tx/hdr-len-over-packet-drops',
    ['V1.1-5.1.6.2.2-D4'],
    'packets shorter than hdr_len are dropped',
    'Linux tun_get_user returns EINVAL for them',
    (device) => {
      device.tx.acceptable = (frame, header) => header.hdrLen <= frame.length;
    },
  ),
  wrong(
    'net-tx/csum-start-from-buffer',
    ['P1.1-027f'],
    'csum_start counts from the packet header',
    INVERTED,
    (device) => {
      device.tx.completeChecksum = (frame, header) =>
        void device.tx.checksums.complete(frame, frame.length, header.csumStart - 12, header.csumOffset);
    },
  ),
  wrong(
    'net-tx/csum-at-offset-from-frame',
    ['P1.1-027f'],
    'csum_offset counts from the frame start',
    INVERTED,
    (device) => {
      device.tx.completeChecksum = (frame, header) => {
        const { checksums } = device.tx;
        const value = checksums.finish(checksums.sum(frame, header.csumStart, frame.length), false);
        frame[header.csumOffset] = value >> 8;
        frame[header.csumOffset + 1] = value;
      };
    },
  ),
  wrong(
    'net-tx/csum-odd-tail',
    ['P1.1-027f'],
    'an odd last byte is left out of the sum',
    'class of old checksum bugs',
    (device) => {
      const { checksums } = device.tx;
      const { sum } = checksums;
      checksums.sum = (bytes, start, end, initial) =>
        sum.call(checksums, bytes, start, end - ((end - start) & 1), initial);
    },
  ),
  wrong(
    'net-tx/csum-no-fold',
    ['P1.1-027f'],
    'carries are dropped instead of added back',
    INVERTED,
    (device) => {
      device.tx.checksums.sum = (bytes, start, end, initial = 0) => {
        let sum = initial;
        for (let i = start; i < end; i += 2) sum += (bytes[i] << 8) | (i + 1 < end ? bytes[i + 1] : 0);
        return sum & 0xffff;
      };
    },
  ),
  wrong(
    'net-tx/csum-first-desc-only',
    ['P1.1-027f'],
    'only bytes of the first descriptor are summed',
    INVERTED,
    (device) => {
      device.tx.completeChecksum = (frame, header, buffer) => {
        const end = Math.max(header.csumStart, Math.min(frame.length, buffer.len[0] - 12));
        const { checksums } = device.tx;
        const value = checksums.finish(checksums.sum(frame, header.csumStart, end), header.csumOffset === 6);
        frame[header.csumStart + header.csumOffset] = value >> 8;
        frame[header.csumStart + header.csumOffset + 1] = value;
      };
    },
  ),
  wrong(
    'net-tx/csum-adds-pseudo',
    ['P1.1-027f'],
    'the pseudo header is summed once more',
    INVERTED,
    (device) => {
      device.tx.completeChecksum = (frame, header) => {
        const { checksums } = device.tx;
        const layout = parseFrame(frame, frame.length);
        const twice = layout.ip === 0 ? 0 : checksums.pseudo(frame, layout, frame.length - layout.l4);
        const value = checksums.finish(
          checksums.sum(frame, header.csumStart, frame.length, twice),
          header.csumOffset === 6,
        );
        frame[header.csumStart + header.csumOffset] = value >> 8;
        frame[header.csumStart + header.csumOffset + 1] = value;
      };
    },
  ),
  wrong(
    'net-tx/csum-left-to-peer',
    ['P1.1-027f'],
    'the checksum is left to a far side that did not accept it',
    INVERTED,
    (device) => {
      device.tx.farSideTakes = (offload) => offload === 'csum';
    },
  ),
];
