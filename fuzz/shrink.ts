import { judge } from '../conformance/judge.ts';
import { isValidStep } from '../conformance/loader/valid-step.ts';
import type { Finding } from '../conformance/oracles/finding.ts';
import { sameBug } from './bucket.ts';
import { type Bench, counts, type Executed, execute, record } from './execute.ts';
import { numbered, pieces, type Sequence, type SequenceStep } from './sequence.ts';

/** What shrinking may cost. */
export interface ShrinkBudget {
  /** Sequences run at most. */
  runs: number;
  /** Milliseconds; left out where the same input has to give the same result. */
  milliseconds?: number;
  /** Asked before each run: whether to come to an end now. */
  stop?(): boolean;
}

/** The budget where devices are as quick as the suite. */
export const IN_PROCESS: ShrinkBudget = { runs: 1500 };

/** Times that a sequence is run to learn how surely it shows what it showed. */
const TRIALS = 4;
/** Times that a candidate gets when the bug does not show every time. */
const MOST_TRIES = 5;
/** Times that the result is run in a fresh process. */
const CONFIRMATIONS = 3;

type Steps = Omit<SequenceStep, 'at'>[];

/** How often a bug showed when its sequence was run in a process of its own. */
export interface Reproduced {
  times: number;
  of: number;
}

export interface Shrunk extends Executed {
  sequence: Sequence;
  finding: Finding;
  /** Sequences that were run to get here. */
  runs: number;
  /** Devices outside the suite only. */
  reproduced?: Reproduced;
}

/**
 * Find a small sequence that shows the same bug: steps dropped by delta debugging, then arguments simplified.
 * With a `reference` (a right device of the same type) a candidate counts only if the reference passes it, and
 * has no warning and leaves nothing undecided that it did not with all steps: otherwise dropping a step could turn a
 * finding into a mere misuse. Without one, or where it does not pass the
 * whole sequence either, or where the device works without being told to and the reference does not, steps that belong
 * together stay together and as they are: what a scene expects is right only behind all of its steps.
 *
 * A bug of a device outside the suite may not show every time: then each candidate gets several tries. In the
 * end the result is run in fresh processes ({@link Shrunk.reproduced}), and the last history in which the bug
 * showed is the one that is kept. Without a single showing `found` and the last history are returned.
 */
export function shrink(
  sequence: Sequence,
  found: Finding,
  bench: Bench,
  reference: Bench | null,
  budget: ShrinkBudget = IN_PROCESS,
): Shrunk {
  const effort = new Effort(found, bench, budget);
  const outside = bench.renew !== undefined;
  const whole = effort.trial(sequence.steps, sequence.seed, outside ? TRIALS : 1);
  if (whole.shown === 0) {
    const { history } = whole.last ?? execute(sequence, bench);
    const reproduced = outside ? { reproduced: { times: 0, of: whole.runs } } : {};
    return { sequence, history, finding: found, runs: effort.runs, ...reproduced };
  }
  const tries =
    whole.shown === whole.runs ? 1 : Math.min(MOST_TRIES, Math.ceil((2 * whole.runs) / whole.shown));
  const spots = reference === null ? null : spotsOf(sequence, reference);
  const judged = spots !== null;
  const free = judged && !outside;
  let best: Shrunk = { ...whole.best!, sequence, runs: effort.runs };
  const attempt = (steps: Steps): boolean => {
    if (steps.length === 0 || effort.spent()) return false;
    const { best: shows } = effort.trial(steps, sequence.seed, tries, true);
    if (shows === null) return false;
    const candidate = { seed: sequence.seed, steps: numbered(steps) };
    if (judged && !(spotsOf(candidate, reference!)?.every((spot) => spots.includes(spot)) ?? false))
      return false;
    best = { ...shows, sequence: candidate, runs: effort.runs };
    return true;
  };
  // Nothing after the step that showed it matters.
  let steps: Steps = sequence.steps.slice(0, found.step + 1);
  if (steps.length === sequence.steps.length || !attempt(steps)) steps = sequence.steps;
  for (let before = Number.POSITIVE_INFINITY; before > steps.length; ) {
    before = steps.length;
    steps = drop(free ? steps.map((step) => [step]) : pieces(steps), attempt);
    const alone = free ? steps : pieces(steps).flatMap((piece) => (piece.length === 1 ? piece : []));
    steps = simplify(steps, new Set(alone), attempt);
  }
  return { ...best, ...(outside ? confirm(best, effort) : {}), runs: effort.runs };
}

/** Run the result in processes of its own. */
function confirm({ sequence }: Shrunk, effort: Effort): Partial<Shrunk> {
  let times = 0;
  let shown: Partial<Shrunk> = {};
  let of = 0;
  for (; of < CONFIRMATIONS; of++) {
    effort.bench.renew!();
    const { best } = effort.trial(sequence.steps, sequence.seed, 1);
    if (best === null) continue;
    times++;
    shown = best;
  }
  return { ...shown, reproduced: { times, of } };
}

/** Runs of sequences that may show one finding, within a budget. */
class Effort {
  readonly bench: Bench;
  readonly #found: Finding;
  readonly #budget: ShrinkBudget;
  readonly #end: number;
  runs = 0;

  constructor(found: Finding, bench: Bench, budget: ShrinkBudget) {
    this.#found = found;
    this.bench = bench;
    this.#budget = budget;
    this.#end =
      budget.milliseconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + budget.milliseconds;
  }

  /** The budget is used up. */
  spent(): boolean {
    if (this.runs >= this.#budget.runs || this.#budget.stop?.()) return true;
    return this.#end !== Number.POSITIVE_INFINITY && performance.now() > this.#end;
  }

  /** Run steps up to `times`, or with `once` until the bug shows. */
  trial(steps: Steps, seed: number, times: number, once = false) {
    let shown = 0;
    let runs = 0;
    let last: Executed | null = null;
    let best: (Executed & { finding: Finding }) | null = null;
    do {
      runs++;
      this.runs++;
      last = tryExecute({ seed, steps: numbered(steps) }, this.bench);
      const finding = last?.finding ?? null;
      if (finding === null || !sameBug(finding, this.#found)) continue;
      shown++;
      best = { history: last!.history, finding };
      if (once) break;
    } while (runs < times && !this.spent());
    return { shown, runs, last, best };
  }
}

function tryExecute(sequence: Sequence, bench: Bench): Executed | null {
  try {
    return execute(sequence, bench);
  } catch {
    // A step with arguments that make no sense on their own: not a candidate.
    return null;
  }
}

/**
 * Requirements of which a right device is warned, or which it leaves undecided; null where it fails or does not carry
 * all steps out.
 */
function spotsOf(sequence: Sequence, reference: Bench): string[] | null {
  try {
    const history = record(sequence, reference);
    if (history.events.some((event) => event.k === 'stop')) return null;
    const { findings } = judge(history);
    if (findings.some((finding) => counts(finding, reference))) return null;
    return findings.map(({ requirement }) => requirement);
  } catch {
    return null;
  }
}

/** Delta debugging: drop halves, quarters, … single units, as long as the bug stays. */
function drop(units: Steps[], attempt: (steps: Steps) => boolean): Steps {
  for (let size = Math.max(1, units.length >> 1); size >= 1; size >>= 1) {
    for (let at = units.length - size; at >= 0; at -= size) {
      const fewer = [...units.slice(0, at), ...units.slice(at + size)];
      if (attempt(fewer.flat())) units = fewer;
    }
  }
  return units.flat();
}

/** Replace arguments of the steps that `may` be changed by simpler ones, one at a time. */
function simplify(steps: Steps, may: ReadonlySet<Steps[number]>, attempt: (steps: Steps) => boolean): Steps {
  for (let i = 0; i < steps.length; i++) {
    if (!may.has(steps[i])) continue;
    for (const args of simplerArgs(steps[i].args)) {
      const simpler = { ...steps[i], args };
      // What comes out is to be a case.
      if (!isValidStep(simpler)) continue;
      const candidate = steps.with(i, simpler);
      if (attempt(candidate)) steps = candidate;
    }
  }
  return steps;
}

/** Simpler forms of a step's arguments: an argument left out, lists shortened, numbers made round or small. */
export function* simplerArgs(args: unknown): Generator<Record<string, unknown>> {
  if (typeof args !== 'object' || args === null) return;
  const record = args as Record<string, unknown>;
  for (const key of Object.keys(record)) {
    const { [key]: value, ...rest } = record;
    yield rest;
    if (Array.isArray(value)) {
      for (let i = value.length - 1; i >= 0; i--) yield { ...record, [key]: value.toSpliced(i, 1) };
    } else if (typeof value === 'number') {
      for (const simple of [0, 1, 2]) if (simple < value) yield { ...record, [key]: simple };
    }
  }
}
