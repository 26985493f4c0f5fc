import type { CatalogueCase } from '../loader/case.ts';
import { type CaseInstance, instancesOf } from '../loader/expand.ts';
import type { DeviceFacts } from './device-facts.ts';
import { skipReason } from './needs.ts';

/**
 * Which combinations of a case's parameters are run: `all` of them, or so many that every two values of two
 * parameters which can meet do meet (`pairs`). Faults that need three particular values at once are rare; the
 * seeded defects prove that pairs suffice for every requirement.
 */
export const COMBINE = ['pairs', 'all'] as const;
export type Combine = (typeof COMBINE)[number];

/** An instance, and why it does not apply to the target (null: it does). */
export interface PlannedInstance {
  readonly instance: CaseInstance;
  readonly skip: string | null;
}

/** The instances of a case that a run on a device with these facts is made of, in the order of the catalogue. */
export function planCase(definition: CatalogueCase, facts: DeviceFacts, combine: Combine): PlannedInstance[] {
  const all = instancesOf(definition, facts.values).map((instance) => ({
    instance,
    skip: skipReason(instance, facts),
  }));
  if (combine === 'all' || all.length < 2) return all;
  const chosen = coverPairs(all);
  return all.filter((one) => chosen.has(one));
}

/** Instances that apply, until all their pairs are covered; one that does not apply for each reason. */
function coverPairs(all: readonly PlannedInstance[]): Set<PlannedInstance> {
  const skipped = new Map<string, PlannedInstance>();
  const candidates: PlannedInstance[] = [];
  for (const one of all) {
    if (one.skip === null) candidates.push(one);
    else if (!skipped.has(one.skip)) skipped.set(one.skip, one);
  }
  const chosen = new Set(skipped.values());
  const pairs = numberPairs(candidates);
  const open = new Set(pairs.flat());
  // What an instance adds never grows: whoever led before is looked at anew only while it may still lead.
  const gains = pairs.map((own) => own.length);
  while (open.size > 0) {
    let best = 0;
    let most = 0;
    for (let i = 0; i < pairs.length; i++) {
      if (gains[i] <= most) continue;
      let gain = 0;
      for (const pair of pairs[i]) if (open.has(pair)) gain++;
      gains[i] = gain;
      if (gain > most) {
        best = i;
        most = gain;
      }
    }
    for (const pair of pairs[best]) open.delete(pair);
    chosen.add(candidates[best]);
  }
  return chosen;
}

/** More values than any parameter has. */
const RADIX = 1024;

/** For each instance the pairs of values in it, as numbers: the same pair has the same number. */
function numberPairs(planned: readonly PlannedInstance[]): number[][] {
  const known: Map<unknown, number>[] = [];
  return planned.map(({ instance: { params } }) => {
    const values = Object.values(params).map((value, i) => {
      known[i] ??= new Map();
      const key = typeof value === 'object' ? JSON.stringify(value) : value;
      const number = known[i].get(key) ?? known[i].size;
      known[i].set(key, number);
      return i * RADIX + number;
    });
    if (values.length === 1) return values;
    const pairs: number[] = [];
    for (let i = 0; i < values.length; i++)
      for (let j = i + 1; j < values.length; j++) pairs.push(values[i] * RADIX * RADIX + values[j]);
    return pairs;
  });
}
