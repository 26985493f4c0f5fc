import type { FrameMeta, PeerOffload } from '../../../framework/peer.ts';
import { type DeviceBuffer, readableBytes } from '../../../framework/virtqueue/device/ring.ts';
import { loadReadable } from '../buffer-io.ts';
import type { SimQueue } from '../queue.ts';
import { ChecksumEngine } from './checksum-engine.ts';
import { ETH_HEADER, headerBytes, parseFrame } from './frame.ts';
import { GSO, HDR_F, type NetHeader, readHeader } from './header.ts';
import type { NetDevice } from './net-device.ts';
import { MAX_FRAME } from './peer.ts';
import { scratch } from './scratch.ts';
import { Segmenter } from './segment.ts';

/** What transmission needs of the device. */
export type Transmitter = Pick<NetDevice, 'headerLength' | 'steering' | 'csum' | 'hostGso'> & {
  readonly peer: Pick<NetDevice['peer'], 'linkUp' | 'offloads' | 'put'>;
};

/**
 * Transmission (section 5.1.6.2): take a packet apart from its header, do what the header asks and the far
 * side does not do itself, and forward the result. Whatever cannot be done is left out; a packet is only
 * dropped when it is no Ethernet frame or longer than any frame can be.
 */
export class TransmitPath {
  readonly device: Transmitter;
  readonly checksums = new ChecksumEngine();
  readonly segmenter = new Segmenter(this.checksums);

  constructor(device: Transmitter) {
    this.device = device;
  }

  /** Forward the packet in `buffer`. Returns the used length: the device writes nothing. */
  process(queue: Pick<SimQueue, 'index' | 'bufferDma'>, buffer: DeviceBuffer): number {
    const start = this.device.headerLength();
    const total = readableBytes(buffer);
    if (total < start + ETH_HEADER || total - start > MAX_FRAME) return 0;
    const bytes = scratch();
    loadReadable(queue.bufferDma!, buffer, 0, bytes, 0, total);
    const header = this.readHeader(bytes);
    const frame = bytes.subarray(start, total);
    const pair = queue.index >> 1;
    if (!this.acceptable(frame, header)) return 0;
    this.device.steering.learn(frame, frame.length, pair);
    if (this.device.peer.linkUp) this.transmit(frame, header, pair, buffer);
    return 0;
  }

  readHeader(bytes: Uint8Array): NetHeader {
    return readHeader(bytes);
  }

  /** Whether a packet is forwarded at all. `num_buffers` is unused (5.1.6.2) and `hdr_len` only a hint. */
  acceptable(_frame: Uint8Array, _header: NetHeader): boolean {
    return true;
  }

  /** Whether the checksum is to be completed: NEEDS_CSUM, unknown bits aside, with VIRTIO_NET_F_CSUM. */
  wantsChecksum(header: NetHeader): boolean {
    return this.device.csum && (header.flags & HDR_F.NEEDS_CSUM) !== 0;
  }

  /** What is to be cut: `gso_type` without ECN if that offload was negotiated and a size is given, else NONE. */
  gsoTypeOf(header: NetHeader): number {
    const type = header.gsoType & ~GSO.ECN;
    return header.gsoSize > 0 && this.device.hostGso(type) ? type : GSO.NONE;
  }

  /** Resolve what the far side does not take, then forward. `frame` is scratch memory. */
  transmit(frame: Uint8Array, header: NetHeader, pair: number, buffer: DeviceBuffer): void {
    const type = this.gsoTypeOf(header);
    const partial = this.wantsChecksum(header);
    if (type !== GSO.NONE) {
      if (partial && this.farSideTakesGso(type, header, frame)) {
        this.forward(frame.slice(), pair, this.gsoMeta(frame, type, header));
        return;
      }
      const pieces = this.cut(frame, type, header);
      if (pieces !== null) {
        for (const piece of pieces) this.forward(piece, pair);
        return;
      }
    }
    if (partial && this.farSideTakes('csum') && this.inRange(frame, header)) {
      this.forward(frame.slice(), pair, this.csumMeta(header));
      return;
    }
    if (partial) this.completeChecksum(frame, header, buffer);
    this.forward(frame.slice(), pair);
  }

  /** The frames that a super-frame stands for, or null when it cannot be cut. */
  cut(frame: Uint8Array, gsoType: number, header: NetHeader): Uint8Array[] | null {
    return this.segmenter.split(frame, frame.length, gsoType, header.gsoSize);
  }

  /** Complete the checksum; offsets outside the frame leave it unchanged. `_buffer` is where it came from. */
  completeChecksum(frame: Uint8Array, header: NetHeader, _buffer: DeviceBuffer): void {
    this.checksums.complete(frame, frame.length, header.csumStart, header.csumOffset);
  }

  /** Hand one frame, which is the peer's from now on, to the far side. */
  forward(bytes: Uint8Array, pair: number, meta?: FrameMeta): void {
    this.device.peer.put(bytes, pair * 2 + 1, meta);
  }

  farSideTakes(offload: PeerOffload): boolean {
    return this.device.peer.offloads.has(offload);
  }

  /** Whether the far side takes a super-frame as it is; only one whose headers are what the type says. */
  farSideTakesGso(type: number, header: NetHeader, frame: Uint8Array): boolean {
    const offload = type === GSO.TCPV4 ? 'tso4' : type === GSO.TCPV6 ? 'tso6' : 'ufo';
    if (!this.farSideTakes('csum') || !this.farSideTakes(offload) || !this.inRange(frame, header))
      return false;
    if ((header.gsoType & GSO.ECN) !== 0 && !this.farSideTakes('ecn')) return false;
    return this.segmenter.matches(parseFrame(frame, frame.length), type);
  }

  inRange(frame: Uint8Array, header: NetHeader): boolean {
    return this.checksums.inRange(frame.length, header.csumStart, header.csumOffset);
  }

  csumMeta(header: NetHeader): FrameMeta {
    return { needsCsum: true, csumStart: header.csumStart, csumOffset: header.csumOffset };
  }

  /** Metadata of a super-frame; the header length is the real one, not the driver's hint. */
  gsoMeta(frame: Uint8Array, type: number, header: NetHeader): FrameMeta {
    return {
      ...this.csumMeta(header),
      gsoType: type === GSO.TCPV4 ? 'tcpv4' : type === GSO.TCPV6 ? 'tcpv6' : 'udp',
      ecn: (header.gsoType & GSO.ECN) !== 0,
      gsoSize: header.gsoSize,
      hdrLen: headerBytes(parseFrame(frame, frame.length)),
    };
  }
}
