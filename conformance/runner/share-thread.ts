import { Worker } from 'node:worker_threads';
import type { WorkerMessage, WorkerTask } from './protocol.ts';

/** What the pool needs of a worker; {@link ShareThread} has it. */
export interface PoolWorker {
  on(event: 'message', listener: (message: WorkerMessage) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'exit', listener: (code: number) => void): unknown;
  /** End it, whatever it does. Resolves once it is gone. */
  terminate(): Promise<unknown>;
  /** Asked when it died or hung, after it is gone: what is known about the cause. */
  cause?(): string;
}

type Listener = (what: never) => void;

/** A worker thread that runs a share, and maybe another one when it has come to the end of that. */
export class ShareThread implements PoolWorker {
  readonly #worker: Worker;
  readonly #listeners = new Map<string, Listener>();
  #gone = false;

  constructor(script: URL, task: WorkerTask) {
    this.#worker = new Worker(script, {
      workerData: task,
      resourceLimits: { maxOldGenerationSizeMb: 2048 },
      stdout: true,
    });
    // What a parent prints must not mix with what the command prints.
    this.#worker.stdout.on('data', (chunk) => process.stderr.write(chunk));
    this.#worker.on('message', (message) => this.#tell('message', message));
    this.#worker.on('error', (error) => this.#tell('error', error));
    this.#worker.on('exit', (code) => {
      this.#gone = true;
      this.#tell('exit', code);
    });
  }

  /** It died, or was ended. */
  get gone(): boolean {
    return this.#gone;
  }

  on(event: 'message' | 'error' | 'exit', listener: Listener): this {
    this.#listeners.set(event, listener);
    return this;
  }

  /** Nobody listens any more. */
  rest(): void {
    this.#listeners.clear();
  }

  /** Run another share. */
  goOn(task: WorkerTask): void {
    this.#worker.postMessage(task);
  }

  terminate(): Promise<unknown> {
    return this.#worker.terminate();
  }

  #tell(event: string, what: unknown): void {
    this.#listeners.get(event)?.(what as never);
  }
}
