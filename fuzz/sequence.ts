import type { DeviceFacts } from '../conformance/runner/device-facts.ts';
import type { FlatStep } from '../conformance/steps/step.ts';
import { between, chance, type Draw } from './draw.ts';
import { STRATEGIES } from './strategies/index.ts';
import { bringUp } from './strategies/lifecycle.ts';
import type { DrawnStep, Focus, Strategy } from './strategy.ts';
import { freshView, type View } from './view.ts';

/** Steps in a sequence, on average and at most. */
const SHORTEST = 6;
const LONGEST = 28;

/** A focus raises the weight of its strategies by this. */
const FOCUS_FACTOR = 6;

/** A step of a sequence. */
export interface SequenceStep extends FlatStep {
  /** It stays right behind the step before it. */
  bound?: true;
}

/** A sequence as it is drawn: plain data, the same steps that a catalogue case has. */
export interface Sequence {
  seed: number;
  steps: SequenceStep[];
}

/** Where a campaign draws fresh sequences from. */
export interface Source {
  draw(facts: DeviceFacts, draw: Draw, seed: number, focus: readonly Focus[]): Sequence;
  /** Most steps of a sequence that mutation makes. */
  readonly longest: number;
}

/** Number steps anew; used after a list was cut or joined. All have every key, as V8 likes it. */
export const numbered = (steps: readonly Omit<SequenceStep, 'at'>[]): SequenceStep[] =>
  steps.map(
    (step, i) =>
      ({
        name: step.name,
        args: step.args,
        for: step.for,
        control: step.control,
        tier: step.tier,
        bound: step.bound,
        at: `steps[${i}]`,
      }) satisfies Record<keyof SequenceStep, unknown>,
  );

/** Steps that may not be torn apart, each with those that are bound to it. */
export function pieces<Step extends { bound?: true }>(steps: readonly Step[]): Step[][] {
  const all: Step[][] = [];
  for (const step of steps) {
    if (step.bound && all.length > 0) all[all.length - 1].push(step);
    else all.push([step]);
  }
  return all;
}

/** Draw a whole sequence: usually a session that runs, then whatever the state allows. */
export function drawSequence(
  facts: DeviceFacts,
  draw: Draw,
  seed: number,
  focus: readonly Focus[] = [],
): Sequence {
  const view = freshView(facts, between(draw, 46, 120));
  const steps: DrawnStep[] = [];
  // One sequence in three keeps all rules of the driver, so that the strict half of the model is exercised.
  const lawful = chance(draw, 35);
  if (chance(draw, 85)) steps.push(bringUp(view, draw));
  extend(steps, view, draw, between(draw, SHORTEST, LONGEST), lawful, focus);
  return { seed, steps: numbered(steps) };
}

/** Whole sessions: what campaigns draw unless they are told otherwise. */
export const SESSIONS: Source = { draw: drawSequence, longest: 45 };

/** Draw steps until there are `length`. */
export function extend(
  steps: DrawnStep[],
  view: View,
  draw: Draw,
  length: number,
  lawful: boolean,
  focus: readonly Focus[],
): void {
  const weights: number[] = new Array(STRATEGIES.length);
  while (steps.length < length) {
    let total = 0;
    for (let i = 0; i < STRATEGIES.length; i++) {
      total += weights[i] = weightOf(STRATEGIES[i], view, lawful, focus);
    }
    let at = draw.int(total);
    let chosen = 0;
    while (at >= weights[chosen]) at -= weights[chosen++];
    steps.push(...STRATEGIES[chosen].draw(view, draw));
  }
  steps.push({ name: 'settle', args: {} });
}

function weightOf(strategy: Strategy, view: View, lawful: boolean, focus: readonly Focus[]): number {
  if (lawful && strategy.breach) return 0;
  const weight = strategy.weight(view);
  return focus.includes(strategy.focus) ? weight * FOCUS_FACTOR : weight;
}
