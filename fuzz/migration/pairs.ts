import { type DeviceFacts, deviceFacts } from '../../conformance/runner/device-facts.ts';
import type { Target } from '../../conformance/runner/run-instance.ts';
import { type ParentSource, resolveTarget } from '../../conformance/runner/targets.ts';
import type { Ability } from '../../framework/parent.ts';

/** What a parent has to be able to, to be either end of a migration that is judged. */
const NEEDED: readonly Ability[] = ['pump', 'track'];

/** An ordered pair of targets: sessions begin on `from` and go to `to`, then back, and so on. */
export interface Pair {
  readonly from: Target;
  readonly to: Target;
  /** What both ends have, as a driver may use it. */
  readonly facts: DeviceFacts;
}

export const pairName = ({ from, to }: Pair): string => `${from.name}>${to.name}`;

/** Names of the built-in targets that can be either end, by what they tell of themselves. */
export function migratable(source: ParentSource): string[] {
  return [...source.builtIn.values()]
    .filter(({ name, external, only, memory }) => !name.includes('+') && !external && !only && !memory)
    .filter((definition) => {
      const { abilities } = deviceFacts(definition, {});
      return NEEDED.every((ability) => abilities.includes(ability));
    })
    .map(({ name }) => name);
}

/** Every ordered pair of `names` with the same device type, each with itself as well. */
export async function pairsOf(names: readonly string[], source: ParentSource): Promise<Pair[]> {
  const targets = await Promise.all(names.map((name) => resolveTarget(name, source)));
  const pairs: Pair[] = [];
  for (const from of targets)
    for (const to of targets)
      if (from.definition.deviceType === to.definition.deviceType)
        pairs.push(await pairOf(from.name, to.name, source));
  return pairs;
}

/** @throws TargetError for a name that is none */
export async function pairOf(from: string, to: string, source: ParentSource): Promise<Pair> {
  const own = await resolveTarget(from, source, [to, from]);
  const other = await resolveTarget(to, source);
  return { from: own, to: other, facts: common(factsOf(own), factsOf(other)) };
}

const factsOf = ({ definition, options }: Target) => deviceFacts(definition, options);

function common(a: DeviceFacts, b: DeviceFacts): DeviceFacts {
  const least = (name: string) => Math.min(a.values[name] as number, b.values[name] as number);
  return {
    ...a,
    offered: `0x${(BigInt(a.offered) & BigInt(b.offered)).toString(16)}`,
    abilities: a.abilities.filter((ability) => b.abilities.includes(ability)),
    ops: a.ops.filter((op) => b.ops.includes(op)),
    peer: a.peer === null || b.peer === null ? null : a.peer,
    values: { ...a.values, num_max: least('num_max') },
  };
}
