import type { History } from './history/history.ts';
import { STEPS } from './steps/index.ts';

/** Sums over what steps measured, by name: counts that are no verdict. */
export type Figures = Record<string, number>;

/** What the steps of a history measured; undefined when they measured nothing. */
export function figuresOf({ steps, events }: History): Figures | undefined {
  const measuring = steps.map(({ name }) => STEPS.get(name)?.figures);
  if (measuring.every((figures) => figures === undefined)) return undefined;
  let sums: Figures | undefined;
  for (const event of events) {
    if (event.k !== 'obs') continue;
    const figures = measuring[event.i]?.(event.v);
    if (figures !== undefined) sums = addFigures(sums, figures);
  }
  return sums;
}

/** `into` with `more` added, by name. */
export function addFigures(into: Figures | undefined, more: Figures): Figures {
  const sums = { ...into };
  for (const [name, value] of Object.entries(more)) sums[name] = (sums[name] ?? 0) + value;
  return sums;
}
