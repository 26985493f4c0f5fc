import fc from 'fast-check';
import type { DeviceFacts } from '../conformance/runner/device-facts.ts';
import { STEPS } from '../conformance/steps/index.ts';
import type { Draw } from './draw.ts';
import { drawSequence, numbered, type Sequence, type SequenceStep } from './sequence.ts';
import { simplerArgs } from './shrink.ts';
import type { Focus } from './strategy.ts';

/** Draws from the random numbers of fast-check; with a bias, now and then the first or the last choice. */
class RandomDraw implements Draw {
  readonly #random: fc.Random;
  readonly #bias: number | undefined;

  constructor(random: fc.Random, bias: number | undefined) {
    this.#random = random;
    this.#bias = bias;
  }

  int(bound: number): number {
    if (bound <= 1) return 0;
    const edge = this.#bias !== undefined && this.#random.nextInt(1, 8 * this.#bias) === 1;
    if (edge) return this.#random.nextBoolean() ? 0 : bound - 1;
    return this.#random.nextInt(0, bound - 1);
  }
}

/**
 * The sequences of the fuzzer as an arbitrary of fast-check. Unlike `fc.commands` it draws from the state that
 * the steps so far lead to, heeds the bias, and shrinks any list of steps: one that was found elsewhere as well.
 */
export class SequenceArbitrary extends fc.Arbitrary<Sequence> {
  readonly #facts: DeviceFacts;
  readonly #focus: readonly Focus[];

  constructor(facts: DeviceFacts, focus: readonly Focus[] = []) {
    super();
    this.#facts = facts;
    this.#focus = focus;
  }

  generate(random: fc.Random, biasFactor: number | undefined): fc.Value<Sequence> {
    const seed = random.nextInt(0, 0xffffffff);
    return new fc.Value(
      drawSequence(this.#facts, new RandomDraw(random, biasFactor), seed, this.#focus),
      undefined,
    );
  }

  canShrinkWithoutContext(value: unknown): value is Sequence {
    const { seed, steps } = (value ?? {}) as Partial<Sequence>;
    return typeof seed === 'number' && Array.isArray(steps) && steps.every((step) => STEPS.has(step?.name));
  }

  /** Fewer steps first: large pieces dropped, then small ones; then simpler arguments. */
  shrink({ seed, steps }: Sequence): fc.Stream<fc.Value<Sequence>> {
    const value = (fewer: readonly Omit<SequenceStep, 'at'>[]) =>
      new fc.Value<Sequence>({ seed, steps: numbered(fewer) }, undefined);
    function* candidates() {
      for (let size = steps.length >> 1; size >= 1; size >>= 1) {
        for (let at = steps.length - size; at >= 0; at -= size) yield value(steps.toSpliced(at, size));
      }
      for (const [i, step] of steps.entries()) {
        for (const args of simplerArgs(step.args)) yield value(steps.with(i, { ...step, args }));
      }
    }
    return new fc.Stream(candidates());
  }
}
