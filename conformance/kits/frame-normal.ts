import type { FrameMeta } from '../../framework/peer.ts';
import {
  fullSumGood,
  get16,
  get32,
  type Headers,
  headersOf,
  ipSumGood,
  onesSum,
  put16,
  put32,
  putFullSum,
  putIpSum,
  sumOffset,
} from './sums.ts';

/** A frame as it was seen, with what was said about it. */
export interface SeenFrame {
  bytes: Uint8Array;
  meta?: FrameMeta;
}

/** A frame after the suite did what its metadata left to do. */
export interface NormalFrame {
  bytes: Uint8Array;
  /** Segment of a super-frame: which one, from 0. */
  segment?: number;
  /** IP fragments that it was put together from, and the largest IP payload among them. */
  fragments?: { count: number; largest: number; problem?: string };
  /** UDP super-frame that was left whole. */
  whole?: boolean;
}

/** Complete the checksum, cut the super-frame: what the wire would have seen. */
export function normalise({ bytes, meta }: SeenFrame): NormalFrame[] {
  const frame = bytes.slice();
  const headers = headersOf(frame);
  const gso = meta?.gsoType !== undefined && meta.gsoType !== 'none';
  if (meta?.needsCsum) {
    const start = meta.csumStart ?? headers.l4;
    const field = start + (meta.csumOffset ?? sumOffset(headers.proto));
    if (start < frame.length && field + 2 <= frame.length) {
      const sum = 0xffff ^ onesSum(frame, start, frame.length);
      put16(frame, field, sum === 0 && headers.proto === 17 ? 0xffff : sum);
    }
  }
  if (!gso) return [{ bytes: frame }];
  if (meta?.gsoType === 'udp') return [{ bytes: frame, whole: true }];
  return segmentsOf(frame, headers, meta?.gsoSize ?? 0);
}

/** TCP segments of a super-frame with a full checksum; a wrong one stays wrong in every segment. */
function segmentsOf(frame: Uint8Array, headers: Headers, size: number): NormalFrame[] {
  const { ip, l3, l4, payload, proto } = headers;
  if (proto !== 6 || size === 0 || frame.length <= payload) return [{ bytes: frame }];
  const good = fullSumGood(frame, headers);
  const segments: NormalFrame[] = [];
  for (let from = payload; from < frame.length; from += size) {
    const part = frame.subarray(from, from + size);
    const bytes = new Uint8Array(payload + part.length);
    bytes.set(frame.subarray(0, payload));
    bytes.set(part, payload);
    if (ip === 4) {
      put16(bytes, l3 + 2, bytes.length - l3);
      putIpSum(bytes, l3);
    } else put16(bytes, l3 + 4, bytes.length - l3 - 40);
    put32(bytes, l4 + 4, (get32(frame, l4 + 4) + from - payload) % 0x1_0000_0000);
    putFullSum(bytes, headers);
    if (!good) bytes[l4 + 17] ^= 1;
    segments.push({ bytes, segment: segments.length });
  }
  return segments;
}

/** Put IPv4 fragments that follow one another back together. */
export function reassemble(frames: readonly NormalFrame[]): NormalFrame[] {
  const whole: NormalFrame[] = [];
  for (let i = 0; i < frames.length; i++) {
    const first = headersOf(frames[i].bytes);
    if (first.ip !== 4 || !first.fragment) {
      whole.push(frames[i]);
      continue;
    }
    const parts = [frames[i].bytes];
    const id = get16(frames[i].bytes, first.l3 + 4);
    const belongs = (bytes: Uint8Array) => {
      const next = headersOf(bytes);
      return next.ip === 4 && next.fragment && get16(bytes, next.l3 + 4) === id;
    };
    while (i + 1 < frames.length && belongs(frames[i + 1].bytes)) parts.push(frames[++i].bytes);
    whole.push(together(parts, first));
  }
  return whole;
}

function together(parts: readonly Uint8Array[], { l3, l4 }: Headers): NormalFrame {
  const total = parts.reduce((sum, part) => sum + part.length - l4, 0);
  const bytes = new Uint8Array(l4 + total);
  bytes.set(parts[0].subarray(0, l4));
  const problems: string[] = [];
  let at = 0;
  let largest = 0;
  parts.forEach((part, i) => {
    const content = part.length - l4;
    const field = get16(part, l3 + 6);
    const more = (field & 0x2000) !== 0;
    if (8 * (field & 0x1fff) !== at)
      problems.push(`fragment ${i} says offset ${8 * (field & 0x1fff)}, not ${at}`);
    if (more !== i + 1 < parts.length)
      problems.push(`fragment ${i} of ${parts.length} has MF ${more ? 'set' : 'clear'}`);
    if (more && content % 8 !== 0) problems.push(`fragment ${i} has ${content} bytes, no multiple of 8`);
    if (get16(part, l3 + 2) !== part.length - l3)
      problems.push(`fragment ${i} has IP length ${get16(part, l3 + 2)}`);
    if (!ipSumGood(part, l3)) problems.push(`fragment ${i} has a wrong IP checksum`);
    bytes.set(part.subarray(l4), l4 + at);
    at += content;
    largest = Math.max(largest, content);
  });
  put16(bytes, l3 + 2, bytes.length - l3);
  put16(bytes, l3 + 6, 0);
  putIpSum(bytes, l3);
  const problem = problems.length > 0 ? { problem: problems[0] } : {};
  return { bytes, fragments: { count: parts.length, largest, ...problem } };
}
