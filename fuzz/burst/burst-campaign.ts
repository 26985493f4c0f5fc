import { thrown } from '../../conformance/history/parent-throw.ts';
import { judge } from '../../conformance/judge.ts';
import { DeviceAbsent } from '../../framework/device-failure.ts';
import { bucketOf } from '../bucket.ts';
import type { Hit } from '../campaign.ts';
import { type Bench, counts, execute, historyOf } from '../execute.ts';
import { numbered, type Sequence } from '../sequence.ts';
import { asSequence } from './as-sequence.ts';
import { FramesOut } from './frames-out.ts';
import { LethalTraits } from './lethal.ts';
import { type Flight, NoPostedDriver, Range } from './range.ts';
import { Screen } from './screen.ts';
import { drawShot, isLawful, type Shot } from './shot.ts';

/** Shots that are sent together. Two batches are under way, so that the device need not wait for the suite. */
const BATCH = 3;
/** One shot of so many is run step by step whatever the screen says. */
const SAMPLE = 2000;

/** A shot, and its number in the campaign. */
interface Numbered {
  readonly at: number;
  readonly shot: Shot;
}

/** Shots on their way. */
interface Batch {
  readonly flights: readonly (Flight & Numbered)[];
  readonly wait: () => void;
}

/** A shot that came to its end, and whether it has to be looked at closely. */
interface Landed extends Numbered {
  readonly odd: boolean;
}

/** What became of one shot. */
interface Outcome {
  readonly steps: number;
  readonly hit: Hit | null;
}

/**
 * A stream of shots against one target: many small cases a second, of which only those that look odd are judged in
 * full. The same seed gives the same shots.
 */
export class BurstCampaign {
  readonly #bench: Bench;
  readonly #seed: number;
  readonly #screen = new Screen();
  readonly #frames = new FramesOut();
  #range: Range | null = null;
  #flying: Batch | null = null;
  readonly #outcomes: Outcome[] = [];
  /** The first hit of each way to die. */
  readonly #deaths = new Map<string, Hit>();
  readonly #lethal = new LethalTraits();
  #seeds = 0;
  #drawn = 0;
  #count = 0;
  #steps = 0;
  #examined = 0;

  constructor(bench: Bench, { seed }: { seed: number }) {
    this.#bench = bench;
    this.#seed = seed;
  }

  /** Shots so far, steps that they would have been, and those that were run step by step. */
  get count(): number {
    return this.#count;
  }
  get steps(): number {
    return this.#steps;
  }
  get examined(): number {
    return this.#examined;
  }

  /** The outcome of the next shot. @throws NoPostedDriver */
  next(): Hit | null {
    while (this.#outcomes.length === 0) this.#advance();
    const { steps, hit } = this.#outcomes.shift()!;
    this.#count++;
    this.#steps += steps;
    return hit;
  }

  /** Let go of the device. */
  dispose(): void {
    this.#flying = null;
    this.#release();
  }

  /** Send a batch, then see what became of the one before it. */
  #advance(): void {
    const shots = Array.from({ length: BATCH }, () => this.#draw());
    this.#bench.beat?.(joined(shots));
    const before = this.#flying;
    this.#flying = null;
    try {
      const behind = this.#send(shots);
      const landed = before === null ? [] : this.#land(before);
      if (landed.some(({ odd }) => odd)) this.#examineAll([...landed, ...this.#land(behind)]);
      else {
        this.#flying = behind;
        for (const { shot } of landed) this.#passed(shot);
      }
    } catch (error) {
      if (error instanceof NoPostedDriver || error instanceof DeviceAbsent) throw error;
      this.#lost([...(before?.flights ?? []), ...shots], error);
    }
  }

  #draw(): Numbered {
    for (;;) {
      const seed = (Math.imul(this.#seed, 0x01000193) ^ Math.imul(++this.#seeds, 0x9e3779b1)) >>> 0;
      const shot = drawShot(this.#bench.facts, seed);
      if (!this.#lethal.spares(shot)) return { at: ++this.#drawn, shot };
    }
  }

  #send(shots: readonly Numbered[]): Batch {
    this.#range ??= new Range(this.#bench, 2 * BATCH);
    const range = this.#range;
    const flights = shots.map((one) => ({ ...range.post(one.shot), ...one }));
    return { flights, wait: range.dispatch() };
  }

  /** Wait for a batch, and see what it left. */
  #land({ flights, wait }: Batch): Landed[] {
    wait();
    const congested = this.#frames.add(this.#range!.frames());
    return flights.map(({ at, shot, image, now, answers }) => {
      const arrived = this.#frames.takeThoseOf(shot) || congested;
      const strange = this.#screen.look(shot, image, now, answers, congested) !== null;
      return { at, shot, odd: strange || !arrived || at % SAMPLE === 0 };
    });
  }

  #passed(shot: Shot, hit: Hit | null = null): void {
    this.#outcomes.push({ steps: stepsOf(shot), hit });
  }

  /** Run what is odd step by step; whatever died meanwhile is the business of the steps. */
  #examineAll(landed: readonly Landed[]): void {
    this.#release();
    for (const { at, shot, odd } of landed)
      this.#passed(shot, odd ? this.#examine(at, asSequence(shot)) : null);
  }

  #examine(at: number, sequence: Sequence): Hit | null {
    this.#examined++;
    const { history, finding } = execute(sequence, this.#bench);
    return finding === null ? null : { at, sequence, finding, history, bucket: bucketOf(finding, history) };
  }

  #release(): void {
    this.#range?.dispose();
    this.#range = null;
    this.#frames.forget();
  }

  /** The device died or hung over one of `suspects`, or over several of them. */
  #lost(suspects: readonly Numbered[], failure: unknown): void {
    this.#flying = null;
    this.#release();
    const hit = this.#culprit(suspects, failure);
    for (const { at, shot } of suspects) this.#passed(shot, at === hit.at ? hit : null);
  }

  /**
   * Which shot it was: the first with which it happens again, else all in a row. Of a way to die that is known only
   * the likely ones are tried, so that its traits are learnt.
   */
  #culprit(suspects: readonly Numbered[], failure: unknown): Hit {
    const first = suspects[0].at;
    const together = joined(suspects);
    const told = this.#asFinding(first, together, failure);
    const known = this.#deaths.get(told.bucket);
    const likely = suspects.filter(({ shot }) => !isLawful(shot) && !movesFar(shot));
    const others = known ? [] : suspects.filter((one) => !likely.includes(one));
    for (const { at, shot } of [...likely, ...others]) {
      const hit = this.#again(at, asSequence(shot));
      if (hit === null) continue;
      this.#lethal.died(shot);
      this.#deaths.set(told.bucket, known ?? hit);
      return hit;
    }
    if (known) return { ...known, at: first };
    const hit = this.#again(first, together) ?? told;
    this.#deaths.set(told.bucket, hit);
    return hit;
  }

  #again(at: number, sequence: Sequence): Hit | null {
    this.#bench.beat?.(sequence);
    return this.#examine(at, sequence);
  }

  /** What is known of a death that did not come again. */
  #asFinding(at: number, sequence: Sequence, failure: unknown): Hit {
    const { target, facts } = this.#bench;
    const about = { name: target.name, type: facts.type, options: target.options };
    const history = historyOf(sequence, about, [{ k: 'step', i: 0 }, thrown('kickVq', failure)]);
    const finding = judge(history).findings.find((one) => counts(one, this.#bench))!;
    return { at, sequence, finding, history, bucket: bucketOf(finding, history) };
  }
}

/** Its available index leaves the ring: a device that follows it has tens of thousands of buffers to work on. */
const movesFar = ({ faults }: Shot) =>
  faults.some((fault) => fault.kind === 'avail' && fault.move !== undefined);

const stepsOf = ({ chains, faults }: Shot) => 4 + chains.length + faults.length;

/** Shots one behind the other, as one sequence. */
const joined = (shots: readonly Numbered[]): Sequence => ({
  seed: shots[0].shot.seed,
  steps: numbered(shots.flatMap(({ shot }) => asSequence(shot).steps)),
});
