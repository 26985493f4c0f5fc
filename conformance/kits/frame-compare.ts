import { describe, resembles, type Wanted, whatDiffers } from './frame-difference.ts';
import { type NormalFrame, normalise, reassemble, type SeenFrame } from './frame-normal.ts';
import { labelOf } from './frame-spec.ts';
import type { BuiltFrame } from './frames.ts';
import { headersOf, sumOffset } from './sums.ts';

/** What is no problem in a comparison. */
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
    { kind: 'order', expected: `frame ${nameOf(late)} in its turn`, actual: 'it came too late' },
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
    spec: frame.spec,
    ...(pieces.length > 1 ? { piece: i } : {}),
    bytes,
    segment: segment ?? 0,
    loose: loose || segment !== undefined || whole === true,
    ...(frame.marker === undefined ? {} : { marker: frame.marker }),
    ...(whole ? { fragments: frame.meta?.gsoSize ?? 0 } : {}),
  }));
}

/** An expected frame as an author would say it. */
const nameOf = ({ spec, piece }: Wanted): string =>
  piece === undefined ? labelOf(spec) : `${labelOf(spec)}, segment ${piece}`;

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
      problems.push({ kind: 'different', expected: `frame ${nameOf(want)}`, actual: why });
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
        expected: `frame ${nameOf(want)} arrives`,
        actual: `missing (frames that came: ${came})`,
      });
  }
  return problems;
}
