import { parentPort, workerData } from 'node:worker_threads';
import { type ParentSource, resolveTarget, TargetError } from '../conformance/runner/targets.ts';
import { asCase } from './as-case.ts';
import { benchOf } from './bench-target.ts';
import { Campaign, type Hit } from './campaign.ts';
import { CodeCoverage } from './code-coverage.ts';
import type { Bench } from './execute.ts';
import type { FuzzMessage, FuzzTask } from './protocol.ts';
import { shrink } from './shrink.ts';

/** Milliseconds between progress messages. */
const TELL_MS = 250;

const send = (message: FuzzMessage) => parentPort!.postMessage(message);

/** Run a campaign until told to stop. */
export async function runFuzzWorker(source: ParentSource): Promise<void> {
  const task = workerData as FuzzTask;
  try {
    const bench = benchOf(await resolveTarget(task.target, source));
    const reference = task.reference === '' ? null : benchOf(await resolveTarget(task.reference, source));
    work(task, bench, reference);
    send({ kind: 'done' });
  } catch (error) {
    const usage = error instanceof TargetError;
    const message =
      error instanceof Error
        ? usage
          ? `${error.message}\n    hint: ${error.hint}`
          : (error.stack ?? error.message)
        : String(error);
    send({ kind: 'refused', message, usage });
  }
}

function work(task: FuzzTask, bench: Bench, reference: Bench | null): void {
  const control = new Int32Array(task.control);
  const code = task.codeCoverage ? new CodeCoverage() : null;
  const campaign = new Campaign(bench, { ...task, ...(code ? { batchSignal: () => code.fresh() } : {}) });
  const known = new Set(task.known);
  let hits: Record<string, number> = {};
  let told = performance.now();
  const tell = () => {
    const { count, steps, coverage } = campaign;
    const heapMb = Math.round(process.memoryUsage().rss / 1048576);
    send({
      kind: 'progress',
      count,
      steps,
      states: coverage.size,
      hits,
      fresh: campaign.takeFresh(),
      heapMb,
    });
    hits = {};
    told = performance.now();
  };
  while (Atomics.load(control, 1) === 0 && (task.runs === null || campaign.count < task.runs)) {
    Atomics.store(control, 0, campaign.count + 1);
    const hit = campaign.next();
    if (hit !== null) {
      hits[hit.bucket] = (hits[hit.bucket] ?? 0) + 1;
      if (!known.has(hit.bucket)) {
        known.add(hit.bucket);
        report(hit, bench, reference);
      }
    }
    if ((campaign.count & 63) === 0 && performance.now() - told > TELL_MS) tell();
  }
  tell();
}

function report(hit: Hit, bench: Bench, reference: Bench | null): void {
  const { sequence, finding, history, runs } = shrink(hit.sequence, hit.finding, bench, reference);
  const yaml = asCase(sequence, finding, hit.bucket, bench.facts.type);
  send({
    kind: 'found',
    bug: { bucket: hit.bucket, at: hit.at, original: hit.sequence, sequence, finding, history, yaml, runs },
  });
}
