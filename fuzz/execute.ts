import type { HistoryEvent } from '../conformance/history/events.ts';
import { HISTORY_VERSION, type History } from '../conformance/history/history.ts';
import { judge, weigh } from '../conformance/judge.ts';
import type { Finding } from '../conformance/oracles/finding.ts';
import type { DeviceFacts } from '../conformance/runner/device-facts.ts';
import { runSteps } from '../conformance/runner/run-case.ts';
import type { Target } from '../conformance/runner/run-instance.ts';
import type { GuestMemory } from '../framework/memory/guest-memory.ts';
import { DriverRingError } from '../framework/virtqueue/driver/ring.ts';
import type { Sequence } from './sequence.ts';

/** Where sequences run. */
export interface Bench {
  target: Target;
  facts: DeviceFacts;
  guest: GuestMemory;
  /** Requirements of which a warning counts as well; otherwise only what fails a device does. */
  warnings?: ReadonlySet<string>;
  /** Requirements whose findings do not count: what is known already. */
  ignored?: ReadonlySet<string>;
  /** Called before each sequence, for a watchdog: the work goes on, and this is what it is. */
  beat?(sequence: Sequence): void;
  /** Devices outside the suite: end the process behind the target, so that the next sequence gets a fresh one. */
  renew?(): void;
}

/** What a sequence did. */
export interface Executed {
  history: History;
  /** The worst finding that fails a device, if any. */
  finding: Finding | null;
}

/** Run a sequence and record its history, without judging it. */
export function record(sequence: Sequence, bench: Bench): History {
  const { target, facts, guest } = bench;
  bench.beat?.(sequence);
  const events = attempt(() =>
    runSteps(sequence.steps, {
      seed: sequence.seed,
      poison: POISON,
      features: FEATURES,
      definition: target.definition,
      options: target.options,
      guest,
      destinations: target.destinations,
    }),
  );
  const history = historyOf(
    sequence,
    { name: target.name, type: facts.type, options: target.options },
    events,
  );
  return target.migrateTo?.length ? { ...history, migrateTo: [...target.migrateTo] } : history;
}

/** What writable memory holds beforehand, and features that every bring-up accepts. */
const POISON = 0xa5;
const FEATURES: string[] = [];

/** The history of a sequence that was run against `target`. */
export function historyOf(sequence: Sequence, target: History['target'], events: HistoryEvent[]): History {
  return {
    version: HISTORY_VERSION,
    case: { id: `fuzz/${sequence.seed}`, requirements: ['INV-ALIVE'], class: 'resilience' },
    target,
    seed: sequence.seed,
    poison: POISON,
    features: FEATURES,
    steps: sequence.steps,
    events,
  };
}

/** Steps drawn at random may ask the driver for what it refuses to do by itself; then nothing was learnt. */
function attempt(run: () => HistoryEvent[]): HistoryEvent[] {
  try {
    return run();
  } catch (error) {
    if (error instanceof DriverRingError || error instanceof RangeError)
      return [{ k: 'stop', i: 0, why: error.message }];
    throw error;
  }
}

/** Whether a finding counts: it fails a device, or warns of one of the requirements that are looked for. */
export function counts(
  finding: Finding,
  { warnings, ignored }: Pick<Bench, 'warnings' | 'ignored'>,
): boolean {
  const verdict = weigh(finding);
  if (verdict === 'warn') return warnings?.has(finding.requirement) ?? false;
  if (verdict === 'fail' && ignored?.has(finding.requirement)) return false;
  return verdict === 'fail' || verdict === 'crash' || verdict === 'hang';
}

/** Run a sequence and judge it. Warnings and sequences that could not be carried out are no findings. */
export function execute(sequence: Sequence, bench: Bench, judging = true): Executed {
  const history = record(sequence, bench);
  if (!judging) return { history, finding: null };
  const { findings } = judge(history);
  const bad = findings.find((finding) => counts(finding, bench));
  return { history, finding: bad ?? null };
}
