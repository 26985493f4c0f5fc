import { parentPort, workerData } from 'node:worker_threads';
import { type ParentSource, resolveTarget, TargetError } from '../conformance/runner/targets.ts';
import { asCase } from './as-case.ts';
import { benchOf } from './bench-target.ts';
import { BurstCampaign } from './burst/burst-campaign.ts';
import { NoPostedDriver } from './burst/range.ts';
import { hasShots } from './burst/shot.ts';
import { SMALL_CASES } from './burst/small-cases.ts';
import { Campaign, type Hit } from './campaign.ts';
import { CodeCoverage } from './code-coverage.ts';
import type { Bench } from './execute.ts';
import { LastSequence } from './last-sequence.ts';
import type { FoundBug, FuzzMessage, FuzzTask } from './protocol.ts';
import { SESSIONS } from './sequence.ts';
import { IN_PROCESS, type ShrinkBudget, shrink } from './shrink.ts';

/** Milliseconds between progress messages. */
const TELL_MS = 250;

const send = (message: FuzzMessage) => parentPort!.postMessage(message);

/** Run a campaign until told to stop. */
export async function runFuzzWorker(source: ParentSource): Promise<void> {
  const task = workerData as FuzzTask;
  try {
    const bench = benchOf(await resolveTarget(task.target, source));
    const reference = task.reference === '' ? null : benchOf(await resolveTarget(task.reference, source));
    if (task.burst && !hasShots(bench.facts)) throw noBursts(task.target, `is of type ${bench.facts.type}`);
    if (task.small && !hasShots(bench.facts)) throw noSmallCases(task.target, bench.facts.type);
    work(task, bench, reference);
    bench.renew?.();
    send({ kind: 'done' });
  } catch (caught) {
    const error =
      caught instanceof NoPostedDriver ? noBursts(task.target, 'cannot be sent sessions ahead') : caught;
    if (error instanceof TargetError) send({ kind: 'refused', message: error.message, hint: error.hint });
    else
      send({
        kind: 'refused',
        message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
  }
}

const noBursts = (target: string, why: string) =>
  new TargetError(
    `${target} ${why}: no bursts`,
    'bursts go to blk and net devices in process or behind qemu:; leave out --burst',
  );

const noSmallCases = (target: string, type: string) =>
  new TargetError(
    `${target} is of type ${type}: no small cases`,
    'small cases are for blk and net devices; leave out --small',
  );

function work(task: FuzzTask, bench: Bench, reference: Bench | null): void {
  const control = new Int32Array(task.control);
  bench.ignored = new Set(task.ignored);
  // A device outside can take the worker with it; what it was doing then is on record.
  const note = bench.renew ? new LastSequence(task.last) : null;
  bench.beat = (sequence) => {
    Atomics.add(control, 2, 1);
    note?.write(sequence);
  };
  const budget: ShrinkBudget = {
    ...IN_PROCESS,
    stop: () => Atomics.load(control, 1) !== 0,
    ...(bench.renew ? { milliseconds: task.shrinkMs } : {}),
  };
  const campaign = task.burst ? new BurstCampaign(bench, task) : guided(task, bench);
  const known = new Set(task.known);
  let hits: Record<string, number> = {};
  let told = performance.now();
  const tell = () => {
    const { count, steps } = campaign;
    const [fresh, states, examined] =
      campaign instanceof Campaign
        ? [campaign.takeFresh(), campaign.coverage.size, 0]
        : [[], 0, campaign.examined];
    const heapMb = Math.round(process.memoryUsage().rss / 1048576);
    send({
      kind: 'progress',
      count,
      steps,
      states,
      examined,
      hits,
      fresh: task.collect ? fresh : [],
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
        report(hit, bench, reference, budget);
      }
    }
    if ((campaign.count & 63) === 0 && performance.now() - told > TELL_MS) tell();
  }
  tell();
  if (campaign instanceof BurstCampaign) campaign.dispose();
}

function guided(task: FuzzTask, bench: Bench): Campaign {
  const code = task.codeCoverage ? new CodeCoverage() : null;
  return new Campaign(bench, {
    ...task,
    source: task.small ? SMALL_CASES : SESSIONS,
    ...(code ? { batchSignal: () => code.fresh() } : {}),
  });
}

function report(hit: Hit, bench: Bench, reference: Bench | null, budget: ShrinkBudget): void {
  const { at, bucket, sequence: original } = hit;
  const whole = asCase(original, hit.finding, bucket, bench.facts.type);
  const bug = (
    shrunk: Pick<FoundBug, 'sequence' | 'finding' | 'history' | 'runs' | 'reproduced'>,
  ): FoundBug => {
    const yaml = asCase(shrunk.sequence, shrunk.finding, bucket, bench.facts.type);
    const { sequence, finding, history, runs, reproduced } = shrunk;
    return {
      bucket,
      at,
      original,
      sequence,
      finding,
      history,
      yaml,
      whole,
      runs,
      ...(reproduced ? { reproduced } : {}),
    };
  };
  send({ kind: 'seen', bug: bug({ ...hit, runs: 0 }) });
  send({ kind: 'found', bug: bug(shrink(original, hit.finding, bench, reference, budget)) });
}
