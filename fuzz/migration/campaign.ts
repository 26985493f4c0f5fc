import type { Finding } from '../../conformance/oracles/finding.ts';
import type { GuestMemory } from '../../framework/memory/guest-memory.ts';
import { bucketOf } from '../bucket.ts';
import { SeededDraw } from '../draw.ts';
import { type Bench, type Executed, execute } from '../execute.ts';
import type { Sequence } from '../sequence.ts';
import { drawMigrations } from './draw-migrations.ts';
import { type Pair, pairName } from './pairs.ts';

/** What a pair has done so far. */
export interface PairFigures {
  sequences: number;
  /** Migrations that were carried out, by ring format; half of them lead back. */
  split: number;
  packed: number;
  /** Sequences that could not be carried out to the end, with the last reason. */
  stopped: number;
  why?: string;
  findings: number;
}

/** A sequence with a finding. */
export interface MigrationHit {
  readonly pair: Pair;
  /** Number of the sequence of this pair, from 1. */
  readonly at: number;
  readonly sequence: Sequence;
  readonly executed: Executed & { finding: Finding };
  readonly bucket: string;
}

/** What is only recommended, and shows that the number of queue pairs got lost. */
const ALSO_COUNTED: ReadonlySet<string> = new Set(['V1.1-5.1.6.5.5-N4']);

/**
 * Random migrations under traffic over pairs of targets, judged by the reference model, which shares nothing with
 * devices: each call of {@link next} runs one sequence of one pair. The same seed gives the same sequences.
 */
export class MigrationCampaign {
  readonly pairs: readonly Pair[];
  readonly figures: PairFigures[];
  readonly #seed: number;
  readonly #benches: Bench[];

  constructor(pairs: readonly Pair[], seed: number, guest: GuestMemory) {
    this.pairs = pairs;
    this.#seed = seed;
    this.#benches = pairs.map(({ from, facts }) => ({
      target: from,
      facts,
      guest,
      warnings: ALSO_COUNTED,
    }));
    this.figures = pairs.map(() => ({ sequences: 0, split: 0, packed: 0, stopped: 0, findings: 0 }));
  }

  /** Migrations carried out so far. */
  get migrations(): number {
    return this.figures.reduce((sum, { split, packed }) => sum + split + packed, 0);
  }

  /** The device under test of pair `i`, for shrinking. */
  bench(i: number): Bench {
    return this.#benches[i];
  }

  /** The pair that has the fewest migrations, so that all get their share. */
  least(): number {
    let best = 0;
    const done = ({ split, packed, stopped }: PairFigures) => split + packed + stopped;
    for (const [i, figures] of this.figures.entries()) if (done(figures) < done(this.figures[best])) best = i;
    return best;
  }

  /** Draw and run the next sequence of pair `i`. Returns the hit, if there is one. */
  next(i: number): MigrationHit | null {
    const pair = this.pairs[i];
    const figures = this.figures[i];
    const at = ++figures.sequences;
    const own = seedFor(this.#seed, pairName(pair), at);
    const sequence = drawMigrations(pair.facts, new SeededDraw(own), own);
    const executed = execute(sequence, this.#benches[i]);
    this.#count(figures, executed);
    const { finding, history } = executed;
    if (finding === null) return null;
    figures.findings++;
    return { pair, at, sequence, executed: { history, finding }, bucket: bucketOf(finding, history) };
  }

  #count(figures: PairFigures, { history }: Executed): void {
    let packed = false;
    for (const event of history.events) {
      if (event.k === 'area') packed = event.packed;
      else if (event.k === 'migrate' && event.phase === 'done') figures[packed ? 'packed' : 'split']++;
      else if (event.k === 'stop') {
        figures.stopped++;
        figures.why = event.why;
      }
    }
  }
}

function seedFor(seed: number, name: string, at: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (Math.imul(hash, 0x01000193) ^ Math.imul(at, 0x9e3779b1)) >>> 0;
}
