/** What a worker has done so far. */
export interface Done {
  count: number;
  steps: number;
  /** Model states × ops × requirements that it saw. */
  states: number;
  /** Shots of bursts that it ran step by step. */
  examined: number;
}

/** What all workers of a campaign did, those that were lost included. */
export class Tally {
  readonly #lanes = new Map<number, Done>();
  readonly #lost = { count: 0, steps: 0, examined: 0 };

  /** Lane `lane` has come so far. */
  note(lane: number, { count, steps, states, examined }: Done): void {
    this.#lanes.set(lane, { count, steps, states, examined });
  }

  /** The worker of `lane` is gone; another one begins at 0. */
  lose(lane: number): void {
    const done = this.#lanes.get(lane);
    if (done === undefined) return;
    this.#lost.count += done.count;
    this.#lost.steps += done.steps;
    this.#lost.examined += done.examined;
    this.#lanes.delete(lane);
  }

  total(key: 'count' | 'steps' | 'examined'): number {
    let sum = this.#lost[key];
    for (const done of this.#lanes.values()) sum += done[key];
    return sum;
  }

  /** The most states that one worker saw. */
  get states(): number {
    return Math.max(0, ...[...this.#lanes.values()].map(({ states }) => states));
  }
}
