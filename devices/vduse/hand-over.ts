import { CELL } from './channel.ts';

/** Looks at the cell before sleeping: about as long as it takes a sleeping thread to wake and answer, twice over. */
const LOOKS = 50_000;
/** Most waits in a row that sleep at once because looking was in vain. */
const MOST_BLIND = 64;

/**
 * Waits for the turn of the other thread to end. A thread that sleeps takes longer to wake than most turns last, so
 * the cell is watched first; where that is in vain again and again, as on a processor that both threads share, it is
 * only tried now and then.
 */
export class HandOver {
  readonly #cells: Int32Array;
  /** Waits to sleep through before looking again, and how many there were to be the last time. */
  #blind = 0;
  #penalty = 0;

  constructor(cells: Int32Array) {
    this.#cells = cells;
  }

  /** Returns when it is no longer the turn of `other`; false after `ms` milliseconds. */
  wait(other: number, ms?: number): boolean {
    if (this.#blind > 0) this.#blind--;
    else if (this.#watch(other)) return true;
    const cells = this.#cells;
    while (Atomics.load(cells, CELL.TURN) === other)
      if (Atomics.wait(cells, CELL.TURN, other, ms) === 'timed-out') return false;
    return true;
  }

  #watch(other: number): boolean {
    const cells = this.#cells;
    for (let left = LOOKS; left > 0; left--) {
      if (Atomics.load(cells, CELL.TURN) === other) continue;
      this.#penalty = 0;
      return true;
    }
    // Once may be a pause of the other side; only what repeats is a reason.
    this.#blind = this.#penalty;
    this.#penalty = Math.min(MOST_BLIND, this.#penalty === 0 ? 1 : this.#penalty * 2);
    return false;
  }
}
