import { complement, putWord, putWord32, word, word32 } from './checksum.ts';
import { ChecksumEngine } from './checksum-engine.ts';
import { type FrameLayout, PROTO_TCP, PROTO_UDP, parseFrame, TCP_CWR, TCP_FIN, TCP_PSH } from './frame.ts';
import { GSO } from './header.ts';

/**
 * Cuts super-frames into frames that a wire can carry: TCP segments (TSO4, TSO6) and IP fragments (UFO), as
 * `gso_type` and `gso_size` ask (section 5.1.6.2, point 3). Headers are found by parsing: `hdr_len` is a
 * hint that may be wrong (5.1.6.2.2).
 */
export class Segmenter {
  readonly checksums: ChecksumEngine;

  constructor(checksums: ChecksumEngine = new ChecksumEngine()) {
    this.checksums = checksums;
  }

  /**
   * The frames that stand for the first `length` bytes of `frame`, or null when it is not what `gsoType`
   * says or cannot be cut; then it goes on as it is. The frame is not changed, except for the checksum of a
   * datagram that is to be fragmented. Results share one new buffer.
   */
  split(frame: Uint8Array, length: number, gsoType: number, gsoSize: number): Uint8Array[] | null {
    const layout = parseFrame(frame, length);
    const type = this.baseType(gsoType);
    if (gsoSize === 0 || !this.matches(layout, type)) return null;
    return type === GSO.UDP
      ? this.fragmentUdp(frame, length, layout, gsoSize)
      : this.segment(frame, length, layout, gsoSize);
  }

  /** Whether the headers are those of a packet that `type` (without ECN) can cut. */
  matches(layout: FrameLayout, type: number): boolean {
    if (layout.payload < 0) return false;
    if (type === GSO.UDP) return layout.protocol === PROTO_UDP;
    if (layout.protocol !== PROTO_TCP) return false;
    return (type === GSO.TCPV4 && layout.ip === 4) || (type === GSO.TCPV6 && layout.ip === 6);
  }

  /** `gso_type` without the ECN bit. */
  baseType(gsoType: number): number {
    return gsoType & ~GSO.ECN;
  }

  /** Segments that `payload` bytes need: no empty one at the end, and one for a packet without payload. */
  segmentCount(payload: number, gsoSize: number): number {
    return Math.max(1, Math.ceil(payload / gsoSize));
  }

  /** TCP segmentation. */
  segment(frame: Uint8Array, length: number, layout: FrameLayout, gsoSize: number): Uint8Array[] {
    const headers = layout.payload;
    const payload = length - headers;
    const count = this.segmentCount(payload, gsoSize);
    const pool = new Uint8Array(count * headers + payload);
    const segments: Uint8Array[] = [];
    for (let i = 0, at = 0; i < count; i++) {
      const from = headers + i * gsoSize;
      const chunk = Math.max(0, Math.min(gsoSize, length - from));
      const out = pool.subarray(at, at + headers + chunk);
      at += out.length;
      out.set(frame.subarray(0, headers));
      out.set(frame.subarray(from, from + chunk), headers);
      this.patchIp(out, layout, i);
      this.patchTcp(out, layout, i * gsoSize, i === 0, i === count - 1);
      this.patchSum(out, layout, length);
      segments.push(out);
    }
    return segments;
  }

  /** Length, identification and header checksum of segment `index`. */
  patchIp(out: Uint8Array, layout: FrameLayout, index: number): void {
    const { l3 } = layout;
    if (layout.ip === 6) {
      putWord(out, l3 + 4, out.length - l3 - 40);
      return;
    }
    putWord(out, l3 + 2, out.length - l3);
    putWord(out, l3 + 4, (word(out, l3 + 4) + index) & 0xffff);
    this.patchIpSum(out, layout);
  }

  /** Header checksum of IPv4. */
  patchIpSum(out: Uint8Array, layout: FrameLayout): void {
    putWord(out, layout.l3 + 10, 0);
    putWord(out, layout.l3 + 10, complement(this.checksums.sum(out, layout.l3, layout.l4)));
  }

  /** Sequence number and flags: CWR goes with the first segment only, FIN and PSH with the last. */
  patchTcp(out: Uint8Array, layout: FrameLayout, offset: number, first: boolean, last: boolean): void {
    const { l4 } = layout;
    putWord32(out, l4 + 4, (word32(out, l4 + 4) + offset) % 0x1_0000_0000);
    if (!first) out[l4 + 13] &= ~TCP_CWR;
    if (!last) out[l4 + 13] &= ~(TCP_FIN | TCP_PSH);
  }

  /** TCP checksum of one segment over its own length. `_superLength` is that of the frame it was cut from. */
  patchSum(out: Uint8Array, layout: FrameLayout, _superLength: number): void {
    this.checksums.compute(out, layout, out.length);
  }

  /** Payload bytes per fragment: a multiple of 8, at most `gsoSize` where that leaves any. */
  fragmentSize(gsoSize: number): number {
    return Math.max(8, gsoSize & ~7);
  }

  /** UDP fragmentation: one datagram with one checksum, cut by IP. */
  fragmentUdp(frame: Uint8Array, length: number, layout: FrameLayout, gsoSize: number): Uint8Array[] | null {
    const l4Length = length - layout.l4;
    if (l4Length > 0xffff || (layout.ip === 4 && length - layout.l3 > 0xffff)) return null;
    this.checksums.compute(frame, layout, length);
    return layout.ip === 4
      ? this.fragment4(frame, length, layout, gsoSize)
      : this.fragment6(frame, length, layout, gsoSize);
  }

  /** Fragments of an IPv4 datagram. */
  fragment4(frame: Uint8Array, length: number, layout: FrameLayout, gsoSize: number): Uint8Array[] {
    return this.cut(frame, length, layout, gsoSize, layout.l4, (out, offset, more) => {
      const flags = word(frame, layout.l3 + 6) & 0xc000;
      putWord(out, layout.l3 + 2, out.length - layout.l3);
      putWord(out, layout.l3 + 6, flags | (more ? 0x2000 : 0) | (offset >> 3));
      this.patchIpSum(out, layout);
    });
  }

  /** Fragments of an IPv6 datagram: a fragment header goes in front of the UDP header. */
  fragment6(frame: Uint8Array, length: number, layout: FrameLayout, gsoSize: number): Uint8Array[] | null {
    const { l3, l4 } = layout;
    if (l4 !== l3 + 40) return null;
    if (length - l4 <= this.fragmentSize(gsoSize)) return [frame.slice(0, length)];
    return this.cut(frame, length, layout, gsoSize, l4 + 8, (out, offset, more) => {
      putWord(out, l3 + 4, out.length - l3 - 40);
      out[l3 + 6] = 44;
      out[l4] = PROTO_UDP;
      putWord(out, l4 + 2, offset | (more ? 1 : 0));
      putWord32(out, l4 + 4, word32(frame, l4));
    });
  }

  /** Cut what follows the IP header; each piece gets the first `l4` bytes, room up to `room`, then its share. */
  cut(
    frame: Uint8Array,
    length: number,
    layout: FrameLayout,
    gsoSize: number,
    room: number,
    patch: (out: Uint8Array, offset: number, more: boolean) => void,
  ): Uint8Array[] {
    const size = this.fragmentSize(gsoSize);
    const total = length - layout.l4;
    const pieces: Uint8Array[] = [];
    const pool = new Uint8Array(this.segmentCount(total, size) * room + total);
    for (let offset = 0, at = 0; offset < total; offset += size) {
      const chunk = Math.min(size, total - offset);
      const out = pool.subarray(at, at + room + chunk);
      at += out.length;
      out.set(frame.subarray(0, layout.l4));
      out.set(frame.subarray(layout.l4 + offset, layout.l4 + offset + chunk), room);
      patch(out, offset, offset + chunk < total);
      pieces.push(out);
    }
    return pieces;
  }
}
