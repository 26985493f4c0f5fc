/** A source of choices: everything random in a sequence comes from one of these. */
export interface Draw {
  /** A whole number from 0 to `bound` − 1. */
  int(bound: number): number;
}

/** xorshift32: fast, and the same numbers everywhere. */
export class SeededDraw implements Draw {
  #x: number;

  constructor(seed: number) {
    // Neighbouring seeds must not give neighbouring sequences.
    let x = (seed ^ 0x9e3779b9) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    this.#x = (x ^ (x >>> 16)) >>> 0 || 1;
  }

  int(bound: number): number {
    let x = this.#x;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#x = x >>> 0;
    return this.#x % bound;
  }
}

export const chance = (draw: Draw, percent: number): boolean => draw.int(100) < percent;
export const pick = <T>(draw: Draw, values: readonly T[]): T => values[draw.int(values.length)];
/** A whole number from `low` to `high`, both included. */
export const between = (draw: Draw, low: number, high: number): number => low + draw.int(high - low + 1);

/** One of several choices by weight. */
export function weighted<T>(draw: Draw, choices: readonly (readonly [number, T])[]): T {
  let total = 0;
  for (const [weight] of choices) total += weight;
  let at = draw.int(total);
  for (const [weight, value] of choices) {
    at -= weight;
    if (at < 0) return value;
  }
  return choices[choices.length - 1][1];
}
