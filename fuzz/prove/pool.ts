import { Worker } from 'node:worker_threads';
import { patience } from '../../conformance/runner/patience.ts';
import type { ProveMessage, ProveTask, Unit } from './protocol.ts';

/** How often the watchdog looks, in milliseconds. */
const LOOK_MS = 200;
/** Time to load the catalogue, in milliseconds. */
const LOAD_MS = 120_000;
/** Shrinking says nothing while it works; it gets this many times the time of one run. */
const SHRINK_FACTOR = 10;

export interface ProvePoolOptions {
  /** Script of the worker: calls `runProveWorker`. */
  script: URL;
  catalogue: string[];
  jobs: number;
  /** Milliseconds that one run on a wrong device may take. */
  timeout: number;
  signal: AbortSignal;
  /** Work to do; handlers may add to it. */
  queue: Unit[];
  onMessage(unit: Unit, message: ProveMessage): void;
  /** A worker hung or died over `unit`, in run number `at` of it. */
  onLost(unit: Unit, lost: { how: 'hang' | 'crash'; why: string; at: number }): void;
}

/** Do all of the queue in worker threads. A device that loops for ever takes its worker with it, nothing else. */
export async function runProvePool(options: ProvePoolOptions): Promise<void> {
  const lanes = Array.from(
    { length: Math.max(1, Math.min(options.jobs, options.queue.length)) },
    async () => {
      let worker: ProveWorker | null = null;
      for (
        let unit = options.queue.shift();
        unit !== undefined && !options.signal.aborted;
        unit = options.queue.shift()
      ) {
        worker ??= await ProveWorker.start(options);
        if (!(await worker.work(unit))) worker = null;
      }
      await worker?.end();
    },
  );
  await Promise.all(lanes);
}

/** One worker thread; does one unit at a time. */
class ProveWorker {
  readonly #options: ProvePoolOptions;
  readonly #worker: Worker;
  readonly #beat: Int32Array;
  #onMessage: (message: ProveMessage) => void = () => {};
  #onDeath: (why: string) => void = () => {};

  private constructor(options: ProvePoolOptions) {
    const beat = new SharedArrayBuffer(4);
    const task: ProveTask = { catalogue: options.catalogue, beat };
    this.#options = options;
    this.#beat = new Int32Array(beat);
    this.#worker = new Worker(options.script, { workerData: task });
    this.#worker.on('message', (message: ProveMessage) => this.#onMessage(message));
    this.#worker.on('error', (error) => this.#onDeath(`the worker died: ${error.message}`));
    this.#worker.on('exit', (code) => this.#onDeath(`the worker exited with code ${code}`));
  }

  static start(options: ProvePoolOptions): Promise<ProveWorker> {
    return new Promise((resolve, reject) => {
      const started = new ProveWorker(options);
      const late = setTimeout(() => started.#onDeath('the worker did not start'), LOAD_MS);
      started.#onDeath = (why) => {
        clearTimeout(late);
        reject(new Error(why));
      };
      started.#onMessage = () => {
        clearTimeout(late);
        resolve(started);
      };
    });
  }

  async end(): Promise<void> {
    this.#onDeath = () => {};
    this.#onMessage = () => {};
    await this.#worker.terminate();
  }

  /** Resolves to whether the worker can go on. */
  work(unit: Unit): Promise<boolean> {
    const { timeout, signal, onLost, onMessage } = this.#options;
    const limit = unit.kind === 'shrink' ? SHRINK_FACTOR * timeout : timeout;
    return new Promise((resolve) => {
      let last = 0;
      let since = performance.now();
      const finish = async (goesOn: boolean) => {
        clearInterval(watchdog);
        this.#onMessage = () => {};
        this.#onDeath = () => {};
        if (!goesOn) await this.end();
        resolve(goesOn);
      };
      const lost = (how: 'hang' | 'crash', why: string) => {
        onLost(unit, { how, why, at: Atomics.load(this.#beat, 0) });
        void finish(false);
      };
      const watchdog = setInterval(() => {
        if (signal.aborted) return void finish(false);
        const beat = Atomics.load(this.#beat, 0);
        const now = performance.now();
        if (beat !== last) {
          last = beat;
          since = now;
        } else if (now - since > patience(limit)) lost('hang', `no end within ${limit} ms`);
      }, LOOK_MS);
      this.#onDeath = (why) => lost('crash', why);
      this.#onMessage = (message) => {
        if (message.kind === 'end') return void finish(true);
        onMessage(unit, message);
        if (message.kind === 'failed') void finish(true);
      };
      Atomics.store(this.#beat, 0, 0);
      this.#worker.postMessage(unit);
    });
  }
}
