import { parseFrame } from '../../../simulator/net/frame.ts';
import { GSO } from '../../../simulator/net/header.ts';
import type { NetDevice } from '../../../simulator/net/net-device.ts';
import type { Defect } from '../../defect.ts';
import { INVERTED, wrong } from '../wrong.ts';

/** Collects the datagrams of a UDP super-frame cut as UDP, with a UDP header each. */
function datagrams(device: NetDevice, frame: Uint8Array, size: number): Uint8Array[] {
  const layout = parseFrame(frame, frame.length);
  const pieces: Uint8Array[] = [];
  for (let from = layout.payload; from < frame.length; from += size) {
    const part = frame.subarray(from, from + size);
    const out = new Uint8Array(layout.payload + part.length);
    out.set(frame.subarray(0, layout.payload));
    out.set(part, layout.payload);
    const length = out.length - layout.l4;
    out[layout.l4 + 4] = length >> 8;
    out[layout.l4 + 5] = length;
    device.tx.segmenter.patchIp(out, layout, 0);
    device.tx.checksums.compute(out, layout, out.length);
    pieces.push(out);
  }
  return pieces;
}

/** Cutting of super-frames. */
export const NET_TRANSMIT_SEGMENTATION: readonly Defect[] = [
  wrong(
    'net-tx/tso-stale-length',
    ['P1.1-027g'],
    'segment sums cover the length of the super-frame',
    INVERTED,
    (device) => {
      const { segmenter, checksums } = device.tx;
      segmenter.patchSum = (out, layout, superLength) => {
        const field = layout.l4 + 16;
        out[field] = 0;
        out[field + 1] = 0;
        const pseudo = checksums.pseudo(out, layout, superLength - layout.l4);
        const value = checksums.finish(checksums.sum(out, layout.l4, out.length, pseudo), false);
        out[field] = value >> 8;
        out[field + 1] = value;
      };
    },
  ),
  wrong(
    'net-tx/tso-empty-tail',
    ['P1.1-027g'],
    'a payload of whole segments gets an empty one behind',
    INVERTED,
    (device) => {
      device.tx.segmenter.segmentCount = (payload, size) => Math.floor(payload / size) + 1;
    },
  ),
  wrong(
    'net-tx/tso-sequence-stuck',
    ['P1.1-027g'],
    'all segments have the sequence number of the first',
    INVERTED,
    (device) => {
      const { segmenter } = device.tx;
      const { patchTcp } = segmenter;
      segmenter.patchTcp = (out, layout, _, first, last) =>
        patchTcp.call(segmenter, out, layout, 0, first, last);
    },
  ),
  wrong(
    'net-tx/tso-ip-sum-stale',
    ['P1.1-027g'],
    'the IPv4 header checksum of the super-frame is kept',
    INVERTED,
    (device) => {
      device.tx.segmenter.patchIpSum = () => {};
    },
  ),
  wrong(
    'net-tx/tso-ecn-unmasked',
    ['P1.1-027g'],
    'gso_type with the ECN bit is unknown, and the packet dropped',
    INVERTED,
    (device) => {
      device.tx.acceptable = (_, header) => header.gsoType <= GSO.TCPV6;
    },
  ),
  wrong('net-tx/tso-cwr-lost', ['P1.1-027g'], 'CWR is cleared in every segment', INVERTED, (device) => {
    const { segmenter } = device.tx;
    const { patchTcp } = segmenter;
    segmenter.patchTcp = (out, layout, offset, _, last) =>
      patchTcp.call(segmenter, out, layout, offset, false, last);
  }),
  wrong(
    'net-tx/ufo-as-uso',
    ['P1.1-027h'],
    'a UDP super-frame becomes several datagrams',
    INVERTED,
    (device) => {
      const { cut } = device.tx;
      device.tx.cut = (frame, type, header) =>
        type === GSO.UDP
          ? datagrams(device, frame, header.gsoSize)
          : cut.call(device.tx, frame, type, header);
    },
  ),
  wrong(
    'net-tx/ufo-more-on-last',
    ['P1.1-027h'],
    'the last fragment says that more follow',
    INVERTED,
    (device) => {
      const { cut } = device.tx;
      device.tx.cut = (frame, type, header) => {
        const pieces = cut.call(device.tx, frame, type, header);
        const last = pieces?.at(-1);
        if (type === GSO.UDP && last) {
          const layout = parseFrame(last, last.length);
          last[layout.l3 + 6] |= 0x20;
          device.tx.segmenter.patchIpSum(last, layout);
        }
        return pieces;
      };
    },
  ),
  wrong('net-tx/ufo-not-cut', ['P1.1-027h'], 'UDP super-frames go out whole', INVERTED, (device) => {
    const { hostGso } = device;
    device.hostGso = (type) => type !== GSO.UDP && hostGso.call(device, type);
  }),
];
