import type { DeviceBuffer } from '../../framework/virtqueue/device/ring.ts';
import { NET_F } from '../../specs/virtio-1.1/features.ts';
import { parseFrame } from '../simulator/net/frame.ts';
import { GSO, le16, putLe16, readHeader } from '../simulator/net/header.ts';
import type { NetDevice } from '../simulator/net/net-device.ts';
import { type Defect, defineDefect } from './defect.ts';

const INVERTED = 'text inverted';

/** A wrong network device that shows in expectations of cases. */
export function wrong(
  id: string,
  breaks: readonly string[],
  what: string,
  origin: string,
  seed: (device: NetDevice) => void,
  rest: Partial<Pick<Defect, 'fuzz' | 'options' | 'seenBy'>> = {},
): Defect {
  return defineDefect<NetDevice>({
    id,
    parents: ['simulator-net'],
    breaks,
    what,
    origin,
    seenBy: 'expectation',
    fuzz: 'yes',
    ...rest,
    seed,
  });
}

/** Store into the configuration space of a fresh device, past the back end. */
function setConfig16(device: NetDevice, at: number, value: number): void {
  putLe16(device.config.bytes, at, value);
}

const PAIRS = 8;
const MTU = 10;

/** Wrong configuration values (section 5.1.4.1) and limits that follow from them. */
export const NET_VALUE_DEFECTS: readonly Defect[] = [
  wrong('net-values/max-pairs-zero', ['V1.1-5.1.4.1-D1'], 'max_virtqueue_pairs is 0', INVERTED, (device) =>
    setConfig16(device, PAIRS, 0),
  ),
  wrong(
    'net-values/max-pairs-over',
    ['V1.1-5.1.4.1-D1'],
    'max_virtqueue_pairs is 0x8001',
    INVERTED,
    (device) => setConfig16(device, PAIRS, 0x8001),
  ),
  wrong(
    'net-values/max-pairs-be',
    ['V1.1-5.1.4.1-D1'],
    'max_virtqueue_pairs is big-endian',
    INVERTED,
    (device) => setConfig16(device, PAIRS, le16(device.config.bytes, PAIRS) << 8),
  ),
  wrong(
    'net-values/mtu-67',
    ['V1.1-5.1.4.1-D2'],
    'mtu is 67',
    'NL-02: Linux netlink policy with a minimum of 68',
    (device) => setConfig16(device, MTU, 67),
  ),
  wrong('net-values/mtu-zero', ['V1.1-5.1.4.1-D2'], 'mtu 0 stands for no limit', INVERTED, (device) =>
    setConfig16(device, MTU, 0),
  ),
  wrong('net-values/mtu-1279', ['V1.1-5.1.4.1-D3'], 'mtu is 1279', INVERTED, (device) =>
    setConfig16(device, MTU, 1279),
  ),
  wrong(
    'net-values/mtu-resets-to-1400',
    ['V1.1-5.1.4.1-D4'],
    'a reset puts a default into mtu',
    INVERTED,
    (device) => {
      const { deviceReset, startDevice } = device;
      let started = false;
      device.startDevice = () => {
        started = true;
        startDevice.call(device);
      };
      device.deviceReset = () => {
        deviceReset.call(device);
        if (started) setConfig16(device, MTU, 1400);
      };
    },
  ),
  wrong(
    'net-values/mtu-only-when-negotiated',
    ['V1.1-5.1.4.1-D4'],
    'mtu drops to 1280 unless MTU is negotiated',
    INVERTED,
    (device) => {
      const { featuresAccepted } = device;
      device.featuresAccepted = () => {
        featuresAccepted.call(device);
        setConfig16(device, MTU, device.negotiated(NET_F.MTU) ? device.mtu : 1280);
      };
    },
  ),
  wrong(
    'net-values/mtu-lost-on-link-change',
    ['V1.1-5.1.4.1-D4'],
    'a link event rebuilds the configuration without mtu',
    INVERTED,
    (device) => {
      const { linkChanged } = device;
      device.peer.onLink = (up) => {
        linkChanged.call(device, up);
        setConfig16(device, MTU, 1280);
      };
    },
  ),
  wrong(
    'net-values/mtu-ignored-rx',
    ['V1.1-5.1.4.1-D5'],
    'frames of any length are delivered',
    INVERTED,
    (device) => {
      device.rx.offload.withinMtu = () => true;
    },
  ),
  wrong(
    'net-values/mtu-counts-trailer-rx',
    ['V1.1-5.1.4.1-D5'],
    'frames of mtu + 18 bytes are delivered, tag or not',
    INVERTED,
    (device) => {
      device.rx.offload.frameLimit = () => device.mtu + 18;
    },
  ),
  wrong(
    'net-values/mtu-counts-header-rx',
    ['V1.1-5.1.4.1-D5'],
    'the limit of received frames includes the packet header',
    INVERTED,
    (device) => {
      device.rx.offload.frameLimit = () => device.mtu + 14 + 12;
    },
  ),
  wrong(
    'net-values/mtu-without-eth',
    ['V1.1-5.1.4.1-D6'],
    'frames longer than mtu are dropped, Ethernet header counted',
    INVERTED,
    (device) => {
      device.tx.acceptable = (frame) => frame.length <= device.mtu;
    },
  ),
  wrong(
    'net-values/tx-ip-fragments',
    ['V1.1-5.1.4.1-D6'],
    'full-size datagrams are fragmented',
    INVERTED,
    (device) => {
      const { transmit } = device.tx;
      device.tx.transmit = (frame, header, pair, buffer) => {
        const pieces =
          frame.length > device.mtu
            ? device.tx.segmenter.split(frame, frame.length, GSO.UDP, device.mtu - 100)
            : null;
        if (pieces === null) transmit.call(device.tx, frame, header, pair, buffer);
        else for (const piece of pieces) device.tx.forward(piece, pair);
      };
    },
  ),
  wrong(
    'net-values/tx-truncates',
    ['V1.1-5.1.4.1-D6'],
    'frames are cut off after mtu bytes',
    INVERTED,
    (device) => {
      const { forward } = device.tx;
      device.tx.forward = (bytes, pair, meta) =>
        forward.call(device.tx, bytes.subarray(0, device.mtu), pair, meta);
    },
  ),
  wrong(
    'net-values/tx-ecn-alone-drops',
    ['V1.1-5.1.4.1-D6'],
    'the ECN bit without segmentation is refused',
    INVERTED,
    (device) => {
      device.tx.acceptable = (_, header) => header.gsoType !== GSO.ECN;
    },
  ),
];

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

/** Wrong transmission (section 5.1.6.2). */
export const NET_TRANSMIT_DEFECTS: readonly Defect[] = [
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
