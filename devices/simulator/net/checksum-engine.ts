import { complement, fold, pseudoSum4, pseudoSum6, putWord, sumBytes, word } from './checksum.ts';
import { checksumField, ETH_HEADER, type FrameLayout, PROTO_UDP } from './frame.ts';

/**
 * The checksum unit of the device: completes partial checksums (section 5.1.6.2, point 2) and checks full
 * ones. One instance per direction.
 */
export class ChecksumEngine {
  /** Folded sum of a byte range. */
  sum(bytes: Uint8Array, start: number, end: number, initial = 0): number {
    return sumBytes(bytes, start, end, initial);
  }

  /** Folded sum of the pseudo header for `l4Length` bytes of transport header and payload. */
  pseudo(bytes: Uint8Array, layout: FrameLayout, l4Length: number): number {
    const sum = layout.ip === 6 ? pseudoSum6 : pseudoSum4;
    return sum(bytes, layout.l3, layout.protocol, l4Length);
  }

  /** Field value for a sum; UDP sends ffff instead of 0, which would mean "no checksum". */
  finish(sum: number, udp: boolean): number {
    const value = complement(fold(sum));
    return value === 0 && udp ? 0xffff : value;
  }

  /** Whether `start` and `offset` name two bytes behind the Ethernet header and within the frame. */
  inRange(length: number, start: number, offset: number): boolean {
    return start >= ETH_HEADER && start + offset + 2 <= length;
  }

  /**
   * Sum from `start` to the end of the frame and store the checksum `offset` bytes behind `start`.
   * Returns false and leaves the frame alone when that would touch anything outside of it.
   */
  complete(frame: Uint8Array, length: number, start: number, offset: number): boolean {
    if (!this.inRange(length, start, offset)) return false;
    putWord(frame, start + offset, this.finish(this.sum(frame, start, length), offset === 6));
    return true;
  }

  /** Compute the whole TCP or UDP checksum of `frame`, whatever its field holds now. */
  compute(frame: Uint8Array, layout: FrameLayout, end: number): void {
    const field = checksumField(layout);
    if (field < 0) return;
    putWord(frame, field, 0);
    const sum = this.sum(frame, layout.l4, end, this.pseudo(frame, layout, end - layout.l4));
    putWord(frame, field, this.finish(sum, layout.protocol === PROTO_UDP));
  }

  /** Put the pseudo header sum into the checksum field: the state that NEEDS_CSUM announces. */
  makePartial(frame: Uint8Array, layout: FrameLayout, end: number): void {
    const field = checksumField(layout);
    if (field >= 0) putWord(frame, field, this.pseudo(frame, layout, end - layout.l4));
  }

  /** Whether the IPv4 header checksum is right; IPv6 has none. */
  ipHeaderGood(frame: Uint8Array, layout: FrameLayout): boolean {
    return layout.ip === 6 || (layout.ip === 4 && this.sum(frame, layout.l3, layout.l4) === 0xffff);
  }

  /** Whether the TCP or UDP checksum of the whole packet up to `end` is right. */
  fullSumGood(frame: Uint8Array, layout: FrameLayout, end: number): boolean {
    return this.sum(frame, layout.l4, end, this.pseudo(frame, layout, end - layout.l4)) === 0xffff;
  }

  /**
   * Whether the device can vouch for the frame: whole TCP or UDP packet, every checksum present and right.
   * A UDP datagram without checksum, a fragment and anything unknown are not vouched for.
   */
  vouchesFor(frame: Uint8Array, layout: FrameLayout): boolean {
    const field = checksumField(layout);
    if (field < 0 || !this.ipHeaderGood(frame, layout)) return false;
    if (layout.protocol === PROTO_UDP && word(frame, field) === 0) return false;
    const length = layout.end - layout.l4;
    if (layout.protocol === PROTO_UDP && word(frame, layout.l4 + 4) !== length) return false;
    return this.fullSumGood(frame, layout, layout.end);
  }
}
