import { CELL } from './channel.ts';

/** Looks at the cell before sleeping: at most, to begin with, and at least. */
const MOST = 8192;
const LEAST = 8;

/**
 * Waits for the turn of the other thread to end. A thread that sleeps takes longer to wake than most turns last, so
 * the cell is watched for a while first; less and less where that is in vain, as on a processor that both threads share.
 */
export class HandOver {
  readonly #cells: Int32Array;
  #looks = MOST;

  constructor(cells: Int32Array) {
    this.#cells = cells;
  }

  /** Returns when it is no longer the turn of `other`; false after `ms` milliseconds. */
  wait(other: number, ms?: number): boolean {
    const cells = this.#cells;
    for (let left = this.#looks; left > 0; left--) {
      if (Atomics.load(cells, CELL.TURN) === other) continue;
      this.#looks = Math.min(MOST, this.#looks * 2);
      return true;
    }
    this.#looks = Math.max(LEAST, this.#looks >> 1);
    while (Atomics.load(cells, CELL.TURN) === other)
      if (Atomics.wait(cells, CELL.TURN, other, ms) === 'timed-out') return false;
    return true;
  }
}
