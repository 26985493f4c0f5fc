import type { QemuMachine } from './machine.ts';

/** Turns of QEMU's main loop that work put off by a command takes at most: bottom halves that schedule others. */
const TURNS = 3;
/** The same where nothing is expected of the device: what a kick puts off is done in the turn after it. */
const CALM_TURNS = 2;
/** Turns between two looks at the queues. */
const BETWEEN = 12;

/** Turns that a wait takes at most once its time is over. */
const MOST_TURNS = 50;

interface QueueStatus {
  inuse: number;
}

/**
 * Waits for a QEMU device. It works in QEMU's main loop and in threads of the block layer; what it holds is known
 * from QMP, so that waiting ends when it cannot have anything more to do. QMP is slow, and asked only where the
 * driver misses something or has broken a rule.
 */
export class QemuActivity {
  readonly #machine: QemuMachine;
  readonly #nvqs: number;
  readonly #turn: () => void;
  /** QOM path of the virtio device: that of its own, or below the PCI function that it is part of. */
  readonly #path: string;
  /** False where QEMU does not know the commands (before 7.2). */
  #known = true;
  /** Count of commands after which it was known to hold nothing. */
  #rested = -1;
  /** Turns since the count of commands was this. */
  #turns = { carriedOut: -1, count: 0 };

  /** `turn` makes a round trip to the device. */
  constructor(machine: QemuMachine, nvqs: number, turn: () => void) {
    this.#machine = machine;
    this.#nvqs = nvqs;
    this.#turn = turn;
    this.#path = `/machine/peripheral/dut${machine.access.kind === 'pci' ? '/virtio-backend' : ''}`;
  }

  /** Let it run until `sign` holds, it holds no buffer any more, or about `ms` milliseconds have passed. */
  wait(ms: number, calm: boolean, sign: () => boolean): boolean {
    const { qtest } = this.#machine;
    if (qtest.carriedOut === this.#rested) return sign();
    const end = performance.now() + ms;
    for (let all = 1; ; all++) {
      // Whoever answers interrupts keeps it busy as well.
      if (all > MOST_TURNS && performance.now() > end) return false;
      const turns = this.#count();
      if (calm && turns > CALM_TURNS) break;
      this.#turn();
      if (sign()) return true;
      if (calm || turns < TURNS || (turns % BETWEEN !== 0 && ms > 1)) continue;
      if (this.#holds() === 0) break;
      if (performance.now() > end) return false;
    }
    this.#rested = qtest.carriedOut;
    if (!calm) this.#turn();
    return sign();
  }

  /** Number of this turn, counted from the first one after the latest command. */
  #count(): number {
    const { carriedOut } = this.#machine.qtest;
    if (this.#turns.carriedOut !== carriedOut) this.#turns = { carriedOut, count: 0 };
    return ++this.#turns.count;
  }

  /** Buffers that it has taken and not given back; 0 where QEMU cannot tell. */
  #holds(): number {
    if (!this.#known) return 0;
    let held = 0;
    try {
      const questions = Array.from({ length: this.#nvqs }, (_, queue) => ({
        path: this.#path,
        queue,
      }));
      const answers = this.#machine.qmp.runAll('x-query-virtio-queue-status', questions) as QueueStatus[];
      for (const { inuse } of answers) held += inuse;
    } catch (error) {
      if ((error as { code?: string }).code !== 'QMP') throw error;
      this.#known = false;
    }
    return held;
  }
}
