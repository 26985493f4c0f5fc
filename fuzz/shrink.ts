import type { Finding } from '../conformance/oracles/finding.ts';
import { sameBug } from './bucket.ts';
import { type Bench, type Executed, execute } from './execute.ts';
import { numbered, pieces, type Sequence, type SequenceStep } from './sequence.ts';

/** Runs that shrinking may cost at most. */
const MOST_RUNS = 1500;

type Steps = Omit<SequenceStep, 'at'>[];

export interface Shrunk extends Executed {
  sequence: Sequence;
  finding: Finding;
  /** Sequences that were run to get here. */
  runs: number;
}

/**
 * Find a small sequence that shows the same bug: steps dropped by delta debugging, then arguments simplified.
 * With a `reference` (a right device of the same type) a candidate counts only if the reference passes it:
 * otherwise dropping a step could turn a finding into a mere misuse. Without one, steps that belong together
 * stay together: what a scene expects is right only behind all of its steps.
 */
export function shrink(sequence: Sequence, found: Finding, bench: Bench, reference: Bench | null): Shrunk {
  let runs = 0;
  let best: Shrunk | null = null;
  const attempt = (steps: Steps): boolean => {
    if (runs >= MOST_RUNS || steps.length === 0) return false;
    runs++;
    const candidate = { seed: sequence.seed, steps: numbered(steps) };
    const executed = tryExecute(candidate, bench);
    if (executed?.finding == null || !sameBug(executed.finding, found)) return false;
    if (reference !== null && !passes(candidate, reference)) return false;
    best = { sequence: candidate, history: executed.history, finding: executed.finding, runs };
    return true;
  };
  // Nothing after the step that showed it matters.
  let steps: Steps = sequence.steps.slice(0, found.step + 1);
  if (!attempt(steps)) {
    steps = sequence.steps;
    if (!attempt(steps)) {
      const executed = execute(sequence, bench);
      return { sequence, history: executed.history, finding: found, runs };
    }
  }
  for (let before = Number.POSITIVE_INFINITY; before > steps.length; ) {
    before = steps.length;
    steps = drop(reference === null ? pieces(steps) : steps.map((step) => [step]), attempt);
    steps = simplify(steps, attempt);
  }
  return { ...best!, runs };
}

function tryExecute(sequence: Sequence, bench: Bench): Executed | null {
  try {
    return execute(sequence, bench);
  } catch {
    // A step with arguments that make no sense on their own: not a candidate.
    return null;
  }
}

function passes(sequence: Sequence, reference: Bench): boolean {
  const executed = tryExecute(sequence, reference);
  return (
    executed !== null &&
    executed.finding === null &&
    !executed.history.events.some((event) => event.k === 'stop')
  );
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

/** Replace arguments by simpler ones, one at a time. */
function simplify(steps: Steps, attempt: (steps: Steps) => boolean): Steps {
  for (let i = 0; i < steps.length; i++) {
    for (const args of simplerArgs(steps[i].args)) {
      const candidate = steps.with(i, { ...steps[i], args });
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
