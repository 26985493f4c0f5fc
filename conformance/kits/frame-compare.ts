import type { FrameMeta } from '../../framework/peer.ts';
import { type BuiltFrame, markerBytes } from './frames.ts';
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

export interface CompareOptions {
  /** Missing frames are accepted; those that came must be right. */
  missing?: boolean;
  /** Other frames are accepted. */
  others?: boolean;
  /** The order is not looked at. */
  anyOrder?: boolean;
  /** Compare as segments even where the expected frame is no super-frame (frames that the device may merge). */
  loose?: boolean;
}

interface Wanted {
  label: string;
  bytes: Uint8Array;
  segment: number;
  loose: boolean;
  marker?: number;
  /** UDP super-frame: size limit of fragments. */
  fragments?: number;
}

/** A difference between frames expected and frames seen. */
export interface FrameProblem {
  kind: 'missing' | 'extra' | 'different' | 'order';
  expected: string;
  actual: string;
}

/** Frames expected against frames seen, both after {@link normalise}. */
export function compareFrames(
  expected: readonly BuiltFrame[],
  seen: readonly SeenFrame[],
  options: CompareOptions = {},
): FrameProblem[] {
  const wanted = expected.flatMap((frame) => wantedOf(frame, options.loose ?? false));
  const wantsFragments = wanted.some(({ fragments }) => fragments !== undefined);
  const normal = seen.flatMap((frame) => normalise(withSizeOf(frame, expected)));
  const got = wantsFragments ? reassemble(normal) : normal;
  const left = new Set(wanted);
  const extras: NormalFrame[] = [];
  const order: Wanted[] = [];
  for (const frame of got) {
    const match = [...left].find((want) => whatDiffers(want, frame) === null);
    if (match === undefined) extras.push(frame);
    else {
      left.delete(match);
      order.push(match);
    }
  }
  const late = order.find((want, i) => i > 0 && wanted.indexOf(want) < wanted.indexOf(order[i - 1]));
  const problems = problemsOf([...left], extras, options, got.length, wanted.length);
  if (late === undefined || options.anyOrder) return problems;
  return [
    ...problems,
    { kind: 'order', expected: `frame ${late.label} in its turn`, actual: 'it came too late' },
  ];
}

/** A super-frame that is one of those expected keeps their segment size: whether its own is right is judged elsewhere. */
function withSizeOf(frame: SeenFrame, expected: readonly BuiltFrame[]): SeenFrame {
  const { bytes, meta } = frame;
  if (meta?.gsoType === undefined || meta.gsoType === 'none') return frame;
  const { l4, proto } = headersOf(bytes);
  const sum = l4 + sumOffset(proto);
  const same = expected.find(
    (want) =>
      want.meta?.gsoType === meta.gsoType &&
      want.bytes.length === bytes.length &&
      want.bytes.every((byte, i) => byte === bytes[i] || i === sum || i === sum + 1),
  );
  return same ? { bytes, meta: { ...meta, gsoSize: same.meta?.gsoSize } } : frame;
}

function wantedOf(frame: BuiltFrame, loose: boolean): Wanted[] {
  const pieces = normalise(frame);
  return pieces.map(({ bytes, segment, whole }, i) => ({
    label: pieces.length > 1 ? `${frame.label}, segment ${i}` : frame.label,
    bytes,
    segment: segment ?? 0,
    loose: loose || segment !== undefined || whole === true,
    ...(frame.marker === undefined ? {} : { marker: frame.marker }),
    ...(whole ? { fragments: frame.meta?.gsoSize ?? 0 } : {}),
  }));
}

function problemsOf(
  left: Wanted[],
  extras: NormalFrame[],
  options: CompareOptions,
  came: number,
  meant: number,
): FrameProblem[] {
  const problems: FrameProblem[] = [];
  const unmatched = [...left];
  for (const frame of extras) {
    const at = unmatched.findIndex((want) => resembles(want.bytes, want.marker, frame.bytes));
    if (at >= 0) {
      const [want] = unmatched.splice(at, 1);
      const why = whatDiffers(want, frame) ?? 'it came twice';
      problems.push({ kind: 'different', expected: `frame ${want.label}`, actual: why });
    } else if (!options.others) {
      problems.push({
        kind: 'extra',
        expected: `${meant} frames, none other`,
        actual: `another frame: ${describe(frame.bytes)}`,
      });
    }
  }
  if (!options.missing) {
    for (const want of unmatched)
      problems.push({
        kind: 'missing',
        expected: `frame ${want.label} arrives`,
        actual: `missing (frames that came: ${came})`,
      });
  }
  return problems;
}

/** How `frame` differs from what is wanted; null when it does not. */
function whatDiffers(want: Wanted, frame: NormalFrame): string | null {
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
      return `from byte ${i} on ${hex(got.subarray(i, i + 8))} instead of ${hex(want.subarray(i, i + 8))} (${got.length} bytes)`;
  }
  if (want.length === got.length) return null;
  const padded =
    got.length > want.length && got.length <= 60 && got.subarray(want.length).every((b) => b === 0);
  return padded ? null : `${got.length} bytes instead of ${want.length}`;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
export const describe = (bytes: Uint8Array): string => `${bytes.length} bytes, ${hex(bytes.subarray(0, 48))}`;

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
  const source = hex(frame.subarray(6, 12));
  return !known.some((mac) => hex(mac) === source);
}
