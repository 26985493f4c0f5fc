import { Worker } from 'node:worker_threads';
import { CELL, type Channel, createBuffers, openChannel, TURN } from '../channel.ts';
import { HandOver } from '../hand-over.ts';

/** The bundled entry of daemons: beside this code once it is bundled itself. */
const SCRIPT = new URL(
  import.meta.url.endsWith('.ts') ? '../../../dist/vduse-worker.js' : './vduse-worker.js',
  import.meta.url,
);

/** Daemons without a device, for devices to come: to start a thread is dear. */
const IDLE: DaemonThread[] = [];

/** Why a daemon gives no answer. */
export type Silence = 'late' | 'closed';

/** A daemon in a thread of its own, as the kernel sees it. */
export class DaemonThread {
  readonly channel: Channel;
  readonly #worker: Worker;
  readonly #handOver: HandOver;

  constructor(size: number) {
    const buffers = createBuffers(size);
    this.channel = openChannel(buffers);
    this.#handOver = new HandOver(this.channel.cells);
    this.#worker = new Worker(SCRIPT, { workerData: buffers });
    this.#worker.unref();
  }

  /** A daemon that reaches `size` bytes of memory: one that has lost its device, or a new one. */
  static take(size: number): DaemonThread {
    const at = IDLE.findIndex(({ channel }) => channel.memory.byteLength === size);
    const thread = at < 0 ? new DaemonThread(size) : IDLE.splice(at, 1)[0];
    thread.channel.cells.fill(0);
    return thread;
  }

  /** Its device is gone. */
  giveBack(): void {
    if (IDLE.length < 4) IDLE.push(this);
    else this.end();
  }

  /** End the thread, whatever it does. */
  end(): void {
    void this.#worker.terminate();
  }

  /**
   * Give it the turn, and wait at most `ms` milliseconds for it to come back. Returns what the daemon says, or why it
   * says nothing.
   */
  turn(said: number, ms: number): number | Silence {
    const { cells } = this.channel;
    Atomics.store(cells, CELL.SAID, said);
    Atomics.store(cells, CELL.TURN, TURN.DAEMON);
    Atomics.notify(cells, CELL.TURN);
    if (!this.#handOver.wait(TURN.DAEMON, ms)) return 'late';
    return Atomics.load(cells, CELL.CLOSED) !== 0 ? 'closed' : Atomics.load(cells, CELL.SAID);
  }
}

/** How many daemons wait for a device. */
export const idleDaemons = () => IDLE.length;

/** End the daemons that wait for a device. */
export function endIdleDaemons(): void {
  for (const thread of IDLE.splice(0)) thread.end();
}
