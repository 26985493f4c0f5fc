import type { NormalFrame } from './frame-normal.ts';
import type { FrameSpec } from './frame-spec.ts';
import { markerBytes } from './frames.ts';
import { toHex } from './hex.ts';
import { fullSumGood, get16, headersOf, ipSumGood, put16 } from './sums.ts';

/**
 * A frame without what segmentation may choose: IP id, PSH and FIN, CWR behind the first segment. Checksums that
 * are right become 0; wrong ones stay.
 */
function canonical(frame: Uint8Array, segment: number): Uint8Array {
  const bytes = frame.slice();
  const headers = headersOf(bytes);
  if (headers.ip === 4 && ipSumGood(bytes, headers.l3)) {
    put16(bytes, headers.l3 + 4, 0);
    put16(bytes, headers.l3 + 10, 0);
  }
  if (headers.proto !== 6) return bytes;
  if (fullSumGood(bytes, headers)) put16(bytes, headers.l4 + 16, 0);
  bytes[headers.l4 + 13] &= segment > 0 ? 0x76 : 0xf6;
  return bytes;
}

/** A frame, or a segment of one, that is expected. */
export interface Wanted {
  spec: FrameSpec;
  /** Which segment of it, where there are several. */
  piece?: number;
  bytes: Uint8Array;
  segment: number;
  loose: boolean;
  marker?: number;
  /** UDP super-frame: size limit of fragments. */
  fragments?: number;
}

/** How `frame` differs from what is wanted; null when it does not. */
export function whatDiffers(want: Wanted, frame: NormalFrame): string | null {
  if (want.fragments !== undefined) {
    const { fragments, whole } = frame;
    if (fragments?.problem) return fragments.problem;
    const limit = want.fragments + 8;
    if (fragments && fragments.largest > limit)
      return `a fragment of ${fragments.largest} bytes, more than ${limit}`;
    if (!fragments && !whole && want.bytes.length > limit + 34)
      return `sent in one piece of ${frame.bytes.length} bytes`;
  }
  const difference = bytesDiffer(want.bytes, frame.bytes);
  if (difference === null || noSumInstead(want.bytes, frame.bytes)) return null;
  if (!want.loose || want.bytes.length !== frame.bytes.length) return difference;
  return bytesDiffer(canonical(want.bytes, want.segment), canonical(frame.bytes, want.segment));
}

/** UDP over IPv4 whose sum comes out as 0: sent without checksum instead of with ffff, which no receiver minds. */
function noSumInstead(want: Uint8Array, got: Uint8Array): boolean {
  const { ip, proto, l4 } = headersOf(want);
  if (ip !== 4 || proto !== 17 || get16(want, l4 + 6) !== 0xffff || got.length !== want.length) return false;
  const fixed = got.slice();
  if (get16(fixed, l4 + 6) === 0) put16(fixed, l4 + 6, 0xffff);
  return bytesDiffer(want, fixed) === null;
}

/** Zero padding up to 60 bytes is no difference. */
function bytesDiffer(want: Uint8Array, got: Uint8Array): string | null {
  for (let i = 0; i < want.length && i < got.length; i++) {
    if (want[i] !== got[i])
      return `from byte ${i} on ${toHex(got.subarray(i, i + 8))} instead of ${toHex(want.subarray(i, i + 8))} (${got.length} bytes)`;
  }
  if (want.length === got.length) return null;
  const padded =
    got.length > want.length && got.length <= 60 && got.subarray(want.length).every((b) => b === 0);
  return padded ? null : `${got.length} bytes instead of ${want.length}`;
}

/** Length and beginning of a frame. */
export const describe = (bytes: Uint8Array): string =>
  `${bytes.length} bytes, ${toHex(bytes.subarray(0, 48))}`;

/** Whether `frame` is `want`, possibly truncated or altered: same marker, else same start behind the MACs. */
export function resembles(want: Uint8Array, marker: number | undefined, frame: Uint8Array): boolean {
  if (marker !== undefined && Buffer.from(frame).includes(Buffer.from(markerBytes(marker)))) return true;
  const { l4, proto } = headersOf(want);
  // Ports and sequence number tell frames of one template apart; the checksum may be what is wrong.
  const end = Math.min(frame.length, want.length, proto === 0 ? want.length : l4 + 8);
  if (end < 14) return false;
  const different = (i: number) => want[i] !== frame[i] && !(i >= 16 && i < 28);
  for (let i = 0; i < end; i++) if (different(i)) return false;
  return marker === undefined;
}

/** Whether a frame is none of the session's: neither address of ours in it. */
export function isNoise(frame: Uint8Array, known: readonly Uint8Array[]): boolean {
  if (frame.length < 12) return false;
  const source = toHex(frame.subarray(6, 12));
  return !known.some((mac) => toHex(mac) === source);
}
