import type { QemuMachine } from './machine.ts';

/** Turns of QEMU's main loop that work put off by a kick takes at most: bottom halves that schedule others. */
const TURNS = 3;
/** Turns between two looks at the queues. */
const BETWEEN = 12;

interface QueueStatus {
  inuse: number;
}

/**
 * Waits for a QEMU device. It works in QEMU's main loop and in threads of the block layer; what it holds is known
 * from QMP, so that waiting ends when it cannot have anything more to do.
 */
export class QemuActivity {
  readonly #machine: QemuMachine;
  readonly #nvqs: number;
  /** False where QEMU does not know the commands (before 7.2). */
  #known = true;
  /** Count of commands after which it was known to hold nothing. */
  #rested = -1;

  constructor(machine: QemuMachine, nvqs: number) {
    this.#machine = machine;
    this.#nvqs = nvqs;
  }

  /** Let it run until `sign` holds, it holds no buffer any more, or about `ms` milliseconds have passed. */
  wait(ms: number, sign: () => boolean): boolean {
    if (this.#machine.qtest.carriedOut === this.#rested) return sign();
    const end = performance.now() + ms;
    for (let turn = 1; ; turn++) {
      this.#machine.qtest.turn();
      if (sign()) return true;
      if (turn < TURNS) continue;
      const { carriedOut } = this.#machine.qtest;
      if (turn % BETWEEN !== 0 && ms > 1) continue;
      if (this.#holds() === 0) {
        this.#rested = carriedOut;
        this.#machine.qtest.turn();
        return sign();
      }
      if (performance.now() > end) return false;
    }
  }

  /** Buffers that it has taken and not given back; 0 where QEMU cannot tell. */
  #holds(): number {
    if (!this.#known) return 0;
    let held = 0;
    try {
      const questions = Array.from({ length: this.#nvqs }, (_, queue) => ({
        path: '/machine/peripheral/dut/virtio-backend',
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
