import { Worker } from 'node:worker_threads';
import { patience } from '../conformance/runner/patience.ts';
import { LAST_SIZE, LastSequence } from './last-sequence.ts';
import type { FoundBug, FuzzMessage, FuzzTask } from './protocol.ts';
import type { Sequence } from './sequence.ts';
import type { Focus } from './strategy.ts';

/** How often the watchdog looks, in milliseconds. */
const LOOK_MS = 200;
/** Time a worker gets to finish its sequence and say goodbye. */
const GRACE_MS = 3000;
/** Several times what the longest history takes. V8 lets garbage pile up in proportion to the limit, 4 GB by default. */
const HEAP = { maxOldGenerationSizeMb: 256 };

export interface FuzzPoolOptions {
  script: URL;
  target: string;
  reference: string;
  seed: number;
  /** Sequences in all, over all workers; null: until the time is up or the signal comes. */
  runs: number | null;
  milliseconds: number | null;
  jobs: number;
  focus: Focus[];
  guidance: boolean;
  codeCoverage: boolean;
  burst: boolean;
  small: boolean;
  corpus: Sequence[];
  /** Hand over the kept sequences with `onProgress`; off where nobody stores them. */
  collect: boolean;
  known: string[];
  ignored: string[];
  shrinkMs: number;
  /** Milliseconds that one sequence may take. */
  timeout: number;
  signal: AbortSignal;
  onProgress(lane: number, message: FuzzMessage & { kind: 'progress' }): void;
  /** A finding before it is shrunk, so that it can be kept whatever happens. */
  onSeen(lane: number, bug: FoundBug, seed: number): void;
  /** The same finding, shrunk; or as it was where the worker was lost while shrinking. */
  onFound(lane: number, bug: FoundBug, seed: number): void;
  /** A worker died or hung in sequence number `at` of the campaign with `seed`; the sequence where it is known. */
  onLost(lane: number, seed: number, at: number, why: string, sequence: Sequence | null): void;
}

/** A campaign could not start. */
export class FuzzRefused extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** Seeds of the workers of one campaign do not meet those of its neighbours. */
const laneSeed = (seed: number, lane: number, life: number) =>
  (seed + lane * 1_000_003 + life * 15_485_863) >>> 0;

/** Run a campaign over several workers until its runs or time are used up. */
export async function runFuzzPool(options: FuzzPoolOptions): Promise<void> {
  const deadline =
    options.milliseconds === null ? Number.POSITIVE_INFINITY : performance.now() + options.milliseconds;
  const lanes = Array.from({ length: options.jobs }, (_, lane) => runLane(lane, options, deadline));
  await Promise.all(lanes);
}

async function runLane(lane: number, options: FuzzPoolOptions, deadline: number): Promise<void> {
  const share =
    options.runs === null
      ? null
      : Math.floor(options.runs / options.jobs) + (lane < options.runs % options.jobs ? 1 : 0);
  let left = share;
  for (
    let life = 0;
    (left === null || left > 0) && !options.signal.aborted && performance.now() < deadline;
    life++
  ) {
    const seed = laneSeed(options.seed, lane, life);
    const lost = await runLife(lane, seed, left, options, deadline);
    if (lost === null) return;
    options.onLost(lane, seed, lost.at, lost.why, lost.sequence);
    if (left !== null) left -= lost.at;
  }
}

/** Where and why a worker was lost. */
interface Lost {
  at: number;
  why: string;
  sequence: Sequence | null;
}

/** One worker from start to end. Resolves to where and why it was lost, or null when it ended in an orderly way. */
function runLife(
  lane: number,
  seed: number,
  runs: number | null,
  options: FuzzPoolOptions,
  deadline: number,
): Promise<Lost | null> {
  return new Promise((resolve, reject) => {
    const shared = { control: new SharedArrayBuffer(12), last: new SharedArrayBuffer(LAST_SIZE) };
    const control = new Int32Array(shared.control);
    const { target, reference, focus, guidance, codeCoverage, burst, small } = options;
    const { corpus, collect, known, ignored, shrinkMs } = options;
    const task: FuzzTask = {
      target,
      reference,
      seed,
      runs,
      focus,
      guidance,
      codeCoverage,
      burst,
      small,
      corpus,
      collect,
      known,
      ignored,
      shrinkMs,
      ...shared,
    };
    const worker = new Worker(options.script, { workerData: task, resourceLimits: HEAP });
    let last = -1;
    let since = performance.now();
    let stoppedAt = 0;
    let settled = false;
    let pending: FoundBug | null = null;
    const finish = (result: Omit<Lost, 'sequence'> | null, error?: Error) => {
      if (settled) return;
      settled = true;
      clearInterval(watchdog);
      if (pending !== null) options.onFound(lane, pending, seed);
      const lost = result && { ...result, sequence: new LastSequence(shared.last).read() };
      void worker.terminate().then(() => (error ? reject(error) : resolve(lost)));
    };
    const watchdog = setInterval(() => {
      const now = performance.now();
      if (stoppedAt === 0 && (options.signal.aborted || now >= deadline)) {
        Atomics.store(control, 1, 1);
        stoppedAt = now;
      }
      if (stoppedAt > 0 && now - stoppedAt > patience(GRACE_MS + options.timeout)) finish(null);
      const at = Atomics.load(control, 0);
      const beats = Atomics.load(control, 2);
      if (beats !== last) {
        last = beats;
        since = now;
      } else if (at > 0 && now - since > patience(options.timeout)) {
        finish({ at, why: `sequence ${at} did not end within ${options.timeout} ms` });
      }
    }, LOOK_MS);
    worker.on('message', (message: FuzzMessage) => {
      if (settled) return;
      if (message.kind === 'refused') finish(null, new FuzzRefused(message.message, message.hint));
      else if (message.kind === 'progress') options.onProgress(lane, message);
      else if (message.kind === 'seen') {
        pending = message.bug;
        known.push(message.bug.bucket);
        options.onSeen(lane, message.bug, seed);
      } else if (message.kind === 'found') {
        pending = null;
        options.onFound(lane, message.bug, seed);
      } else finish(null);
    });
    const died = (why: string) => finish({ at: Math.max(1, Atomics.load(control, 0)), why });
    worker.on('error', (error) => died(`the worker died: ${error.message}`));
    worker.on('exit', (code) => died(`the worker exited with code ${code}`));
  });
}
