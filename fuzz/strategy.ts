import type { Draw } from './draw.ts';
import type { View } from './view.ts';

/** What a campaign may concentrate on. */
export const FOCUSES = ['rings', 'features', 'status', 'config', 'lifecycle'] as const;
export type Focus = (typeof FOCUSES)[number];

/** A step as it is drawn: word and arguments. */
export interface DrawnStep {
  name: string;
  args: Record<string, unknown>;
  /** Requirement that a failure of this step is about. */
  for?: string;
  /** A failure of this step is a warning at most. */
  tier?: 'warn';
  /** It is right behind the step before it only: mutation keeps the two together. */
  bound?: true;
}

/**
 * One way to go on. `weight` says how likely it is in this state (0: not at all); `draw` emits one or a few
 * steps and brings the view up to date.
 */
export interface Strategy {
  readonly name: string;
  readonly focus: Focus;
  /** It breaks a rule of the driver on purpose. */
  readonly breach?: boolean;
  weight(view: View): number;
  draw(view: View, draw: Draw): DrawnStep[];
}

export const step = (name: string, args: Record<string, unknown> = {}): DrawnStep => ({ name, args });

/** The same step, about a requirement. */
export const about = (requirement: string, drawn: DrawnStep): DrawnStep => ({ ...drawn, for: requirement });

/** The same step, about what a requirement recommends: a device that fails it is warned of. */
export const softly = (requirement: string, drawn: DrawnStep): DrawnStep => ({
  ...about(requirement, drawn),
  tier: 'warn',
});

/** Steps that are right only in this order, with nothing between them. */
export const together = (...steps: DrawnStep[]): DrawnStep[] =>
  steps.map((one, i) => (i === 0 ? one : { ...one, bound: true }));
