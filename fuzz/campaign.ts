import type { History } from '../conformance/history/history.ts';
import type { Finding } from '../conformance/oracles/finding.ts';
import type { DeviceFacts } from '../conformance/runner/device-facts.ts';
import { bucketOf } from './bucket.ts';
import { Coverage } from './coverage.ts';
import { chance, SeededDraw } from './draw.ts';
import { type Bench, execute } from './execute.ts';
import { mutate } from './mutate.ts';
import { SESSIONS, type Sequence, type Source } from './sequence.ts';
import type { Focus } from './strategy.ts';

/** Sequences that the guidance keeps to mutate; the oldest of little worth go first. */
const MOST_KEPT = 400;

/** Sequences between two looks at the code coverage. */
const BATCH = 256;
/** Sequences of a batch with fresh code that are kept: which of them it was is not known. */
const KEPT_OF_BATCH = 4;

/** One of two sequences mutates a kept one, once there are any. */
const MUTATE_PERCENT = 45;

export interface CampaignOptions {
  seed: number;
  focus?: readonly Focus[];
  /** Where fresh sequences come from (default: whole sessions). */
  source?: Source;
  /** Keep and mutate sequences that show something new (default true). */
  guidance?: boolean;
  /** Judge what was run (default true); off only to measure what judging costs. */
  judge?: boolean;
  corpus?: readonly Sequence[];
  /** Asked after every batch: how much of the target's code ran for the first time. */
  batchSignal?: () => number;
  /** Shown every history. */
  onHistory?: (history: History) => void;
}

/** A sequence with a finding, as it was found. */
export interface Hit {
  /** Number of the sequence in the campaign, from 1. */
  at: number;
  sequence: Sequence;
  finding: Finding;
  history: History;
  bucket: string;
}

/**
 * An endless, deterministic stream of sequences against one target, guided by coverage. Each call of
 * {@link next} runs one; the same seed, target and corpus give the same sequences and hits.
 */
export class Campaign {
  readonly coverage = new Coverage();
  readonly #bench: Bench;
  readonly #facts: DeviceFacts;
  readonly #options: CampaignOptions;
  #kept: Sequence[];
  #fresh: Sequence[] = [];
  #batch: Sequence[] = [];
  #count = 0;
  #steps = 0;

  constructor(bench: Bench, options: CampaignOptions) {
    this.#bench = bench;
    this.#facts = bench.facts;
    this.#options = options;
    this.#kept = [...(options.corpus ?? [])];
  }

  /** Sequences run so far, and steps in them. */
  get count(): number {
    return this.#count;
  }
  get steps(): number {
    return this.#steps;
  }

  /** Kept sequences that were found since the last call. */
  takeFresh(): Sequence[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  /** Draw and run the next sequence. Returns the hit, if there is one. */
  next(): Hit | null {
    const { seed, focus = [], source = SESSIONS, guidance = true } = this.#options;
    this.#count++;
    const own = (Math.imul(seed, 0x01000193) ^ Math.imul(this.#count, 0x9e3779b1)) >>> 0;
    const draw = new SeededDraw(own);
    const mutating = guidance && this.#kept.length > 0 && chance(draw, MUTATE_PERCENT);
    const sequence = mutating
      ? mutate(this.#kept, this.#facts, draw, own, focus, source)
      : source.draw(this.#facts, draw, own, focus);
    this.#steps += sequence.steps.length;
    const { history, finding } = execute(sequence, this.#bench, this.#options.judge ?? true);
    this.#options.onHistory?.(history);
    if (guidance && this.coverage.add(history.events) > 0) this.#keep(sequence);
    if (guidance && this.#options.batchSignal) this.#inBatch(sequence, this.#options.batchSignal);
    return finding === null
      ? null
      : { at: this.#count, sequence, finding, history, bucket: bucketOf(finding, history) };
  }

  /** Keep the last few sequences of a batch that reached fresh code. */
  #inBatch(sequence: Sequence, signal: () => number): void {
    this.#batch.push(sequence);
    if (this.#batch.length < BATCH) return;
    if (signal() > 0) for (const one of this.#batch.slice(-KEPT_OF_BATCH)) this.#keep(one);
    this.#batch = [];
  }

  #keep(sequence: Sequence): void {
    this.#fresh.push(sequence);
    this.#kept.push(sequence);
    if (this.#kept.length > MOST_KEPT) this.#kept.splice(0, this.#kept.length - MOST_KEPT);
  }
}
