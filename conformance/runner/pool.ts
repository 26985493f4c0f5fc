import type { BusDriverName } from '../../framework/bound-device.ts';
import type { Combine } from './combine.ts';
import type { DeviceFacts } from './device-facts.ts';
import { patience } from './patience.ts';
import { PHASE, type WorkerMessage, type WorkerResult, type WorkerTask } from './protocol.ts';
import { type PoolWorker, ShareThread } from './share-thread.ts';
import { type Share, ShareQueue } from './shares.ts';

/** Time that a worker may take to load the catalogue and the target, in milliseconds; one elsewhere has to boot first. */
const LOAD_MS = 60_000;
const START_MS = 180_000;

/** How often the watchdog looks, in milliseconds. */
const LOOK_MS = 200;

/** So often in a row may a worker elsewhere end before it began an instance: somebody may have killed it. */
const MOST_EARLY = 3;

/** So many workers may one share lose before the rest of it is blocked: a device that hangs in every case. */
const MOST_LOST = 50;

export interface PoolOptions {
  /** Script of the worker: calls `runWorker`. */
  script: URL;
  targets: readonly string[];
  catalogue: string[];
  select: string[];
  params: string[];
  driver?: BusDriverName;
  migrateTo?: string[];
  combine: Combine;
  seed: number;
  /** Workers in all. */
  jobs: number;
  /** Indices of targets that get one worker only. */
  exclusive?: ReadonlySet<number>;
  /** Indices of targets that are part of the suite and may share a worker with one another. */
  trusted?: ReadonlySet<number>;
  /** Milliseconds that one instance may take before it counts as hung, by target. */
  timeout: readonly number[];
  allHistories: boolean;
  /** Start a worker for `task` elsewhere than in a thread; it keeps `task.position` up to date itself. */
  start?: (task: WorkerTask) => PoolWorker;
  onPlan(target: number, facts: DeviceFacts, description: string, instances: number): void;
  onResult(target: number, result: WorkerResult): void;
  /** Stop early: results so far are kept. */
  signal?: AbortSignal;
}

/** The run could not be carried out; `code` tells whose fault it is. */
export class RunRefused extends Error {
  readonly code: 'BAD_INPUT' | 'BAD_TARGET' | 'BAD_QUERY' | 'SUITE';
  constructor(code: RunRefused['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** One worker after the other; `spare` has come to the end of a share and may run another one. */
interface Lane {
  spare: ShareThread | null;
}

/**
 * Run every target in workers of its own. A worker whose instance takes too long is ended, the instance is
 * a `hang`; one that dies takes its instance with it as `crash`; both go on with the next instance in a new
 * worker. Only targets that are trusted share workers, for what V8 has learnt from one serves the next: what
 * somebody else's code leaves behind spoils its own target only.
 */
export async function runPool(options: PoolOptions): Promise<void> {
  const { targets, jobs, exclusive, trusted } = options;
  const waiting = new ShareQueue({ targets: targets.length, jobs, exclusive, trusted });
  // When the run is refused, workers of other targets have no reason to go on.
  const refused = new AbortController();
  const signal = AbortSignal.any([refused.signal, ...(options.signal ? [options.signal] : [])]);
  const work = async () => {
    const lane: Lane = { spare: null };
    let last: number | null = null;
    try {
      for (let share = waiting.take(last); share !== undefined; share = waiting.take(last)) {
        if (signal.aborted) return;
        last = share.target;
        await runShare(share, { ...options, signal }, lane);
      }
    } catch (error) {
      refused.abort();
      throw error;
    } finally {
      await lane.spare?.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(jobs, waiting.length)) }, work));
}

/** One share of a target, through as many workers as it takes. */
async function runShare(share: Share, options: PoolOptions, lane: Lane): Promise<void> {
  const own = options.trusted?.has(share.target) ? lane : null;
  let ids: { id: string; case: string }[] | undefined;
  let next = 0;
  let lost = 0;
  let early = 0;
  const timeout = options.timeout[share.target];
  while (!options.signal?.aborted) {
    const position = new SharedArrayBuffer(8);
    const task: WorkerTask = {
      target: options.targets[share.target],
      catalogue: options.catalogue,
      select: options.select,
      params: options.params,
      driver: options.driver,
      migrateTo: options.migrateTo,
      combine: options.combine,
      seed: options.seed,
      shard: share.shard,
      shards: share.shards,
      from: next,
      allHistories: options.allHistories,
      position,
    };
    new Int32Array(position)[0] = next - 1;
    const end = await runWorkerOnce(task, timeout, options, own, (message) => {
      if (message.kind === 'plan') {
        ids = message.ids;
        options.onPlan(share.target, message.facts, message.description, message.ids.length);
      } else if (message.kind === 'results') {
        for (const result of message.results) {
          options.onResult(share.target, result);
          next = result.at + 1;
          early = 0;
        }
      }
    });
    if (end.kind === 'done' || end.kind === 'aborted') return;
    const at = new Int32Array(position)[0];
    if (options.start !== undefined && (ids === undefined || at < next) && ++early < MOST_EARLY) continue;
    if (ids === undefined)
      throw new RunRefused(
        'BAD_TARGET',
        `${task.target} cannot be used: ${end.why}, before any case ran\n    hint: its module and \`create\` must return`,
      );
    // What ran since the last batch is lost with the worker and runs again; it is deterministic.
    if (at < next || at >= ids.length)
      throw new RunRefused('SUITE', `a worker ended between cases: ${end.why}`);
    early = 0;
    if (at > next) await rerun({ ...task, from: next }, at, ids, options, share.target);
    options.onResult(share.target, {
      at,
      ...ids[at],
      verdict: end.kind === 'hang' ? 'hang' : 'crash',
      reason: end.why,
      findings: [],
      ms: end.kind === 'hang' ? timeout : 0,
    });
    next = at + 1;
    if (next >= ids.length) return;
    if (++lost < MOST_LOST) continue;
    const reason = `not run: ${lost} cases before it hung or ended the worker`;
    for (; next < ids.length; next++)
      options.onResult(share.target, unknown('blocked', next, ids[next], reason));
    return;
  }
}

/** A result without a history: nobody can say what the instance did. */
const unknown = (
  verdict: WorkerResult['verdict'],
  at: number,
  { id, case: name }: { id: string; case: string },
  reason: string,
): WorkerResult => ({ at, id, case: name, verdict, reason, findings: [], ms: 0 });

/** Run the instances [task.from, until) again, one worker, whose results were lost. */
async function rerun(
  task: WorkerTask,
  until: number,
  ids: readonly { id: string; case: string }[],
  options: PoolOptions,
  target: number,
): Promise<void> {
  let next = task.from;
  const end = await runWorkerOnce({ ...task, until }, options.timeout[target], options, null, (message) => {
    if (message.kind !== 'results') return;
    for (const result of message.results) {
      options.onResult(target, result);
      next = result.at + 1;
    }
  });
  if (end.kind === 'aborted') return;
  const reason = `ran once and was lost with its worker, and did not come through again: ${end.why}`;
  for (; next < until; next++) options.onResult(target, unknown('crash', next, ids[next], reason));
}

interface End {
  kind: 'done' | 'aborted' | 'hang' | 'crash';
  why: string;
}

/** The spare worker of `lane`, told to carry out `task`; a new one where there is none. */
function threadFor(task: WorkerTask, script: URL, lane: Lane | null): ShareThread {
  const spare = lane?.spare;
  if (!lane || !spare || spare.gone) return new ShareThread(script, task);
  lane.spare = null;
  spare.goOn(task);
  return spare;
}

/** Let the spare worker of `lane` carry out `task`, or a new one; it is spare again when it comes to the end. */
function runWorkerOnce(
  task: WorkerTask,
  timeout: number,
  options: PoolOptions,
  lane: Lane | null,
  onMessage: (message: WorkerMessage) => void,
): Promise<End> {
  return new Promise((resolve, reject) => {
    const worker: PoolWorker = options.start?.(task) ?? threadFor(task, options.script, lane);
    let settled = false;
    const position = new Int32Array(task.position);
    let last = -2;
    let phase: number = PHASE.LOADING;
    let since = performance.now();
    const finish = (end: End) => {
      if (settled) return;
      settled = true;
      clearInterval(watchdog);
      options.signal?.removeEventListener('abort', abort);
      if (end.kind === 'done' && lane !== null && worker instanceof ShareThread) {
        worker.rest();
        lane.spare = worker;
        resolve(end);
        return;
      }
      const explained = () => {
        const cause = end.kind === 'hang' || end.kind === 'crash' ? worker.cause?.() : undefined;
        resolve(cause ? { ...end, why: `${end.why}: ${cause}` } : end);
      };
      worker.terminate().then(explained, reject);
    };
    const abort = () => finish({ kind: 'aborted', why: 'interrupted' });
    const limit = () => {
      if (options.start !== undefined && phase !== PHASE.RUNNING) return START_MS;
      const busy = phase === PHASE.LOADING || phase === PHASE.PLANNING;
      return busy ? LOAD_MS : timeout;
    };
    const watchdog = setInterval(() => {
      const at = Atomics.load(position, 0);
      const now = performance.now();
      const reached = Atomics.load(position, 1);
      if (at !== last || reached !== phase) {
        last = at;
        phase = reached;
        since = now;
      } else if (now - since > patience(limit())) {
        finish({ kind: 'hang', why: `no end within ${limit()} ms` });
      }
    }, LOOK_MS);
    options.signal?.addEventListener('abort', abort);
    worker.on('message', (message: WorkerMessage) => {
      if (settled) return;
      if (message.kind === 'refused') {
        settled = true;
        clearInterval(watchdog);
        options.signal?.removeEventListener('abort', abort);
        void worker.terminate();
        reject(new RunRefused(message.code, message.message));
        return;
      }
      onMessage(message);
      if (message.kind === 'done') finish({ kind: 'done', why: '' });
    });
    worker.on('error', (error) => finish({ kind: 'crash', why: `the worker died: ${error.message}` }));
    worker.on('exit', (code) => finish({ kind: 'crash', why: `the worker exited with code ${code}` }));
  });
}
