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
}

/** What a sequence did. */
export interface Executed {
  history: History;
  /** The worst finding that fails a device, if any. */
  finding: Finding | null;
}

/** Run a sequence and record its history, without judging it. */
export function record(sequence: Sequence, { target, facts, guest }: Bench): History {
  const settings = { seed: sequence.seed, poison: 0xa5, features: [] };
  const events = attempt(() =>
    runSteps(sequence.steps, { ...settings, definition: target.definition, options: target.options, guest }),
  );
  return {
    version: HISTORY_VERSION,
    case: { id: `fuzz/${sequence.seed}`, requirements: ['INV-ALIVE'], class: 'resilience' },
    target: { name: target.name, type: facts.type, options: target.options },
    ...settings,
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
export function counts(finding: Finding, warnings?: ReadonlySet<string>): boolean {
  const verdict = weigh(finding);
  if (verdict === 'warn') return warnings?.has(finding.requirement) ?? false;
  return verdict === 'fail' || verdict === 'crash' || verdict === 'hang';
}

/** Run a sequence and judge it. Warnings and sequences that could not be carried out are no findings. */
export function execute(sequence: Sequence, bench: Bench, judging = true): Executed {
  const history = record(sequence, bench);
  if (!judging) return { history, finding: null };
  const { findings } = judge(history);
  const bad = findings.find((finding) => counts(finding, bench.warnings));
  return { history, finding: bad ?? null };
}
