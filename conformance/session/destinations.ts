import { HostMemory } from '../../framework/memory/host-memory.ts';
import type { ParentDefinition } from '../../framework/parent.ts';

/** A target that a session may migrate to. */
export interface Destination {
  /** As named on the command line. */
  readonly name: string;
  readonly definition: ParentDefinition;
  readonly options: Readonly<Record<string, string>>;
}

/** Where a session may migrate to. */
export interface Destinations {
  /** Targets that a step without one goes to, in turn; at least one. */
  readonly inTurn: readonly Destination[];
  /** A target by name; undefined when there is none that can be used at once. */
  find(name: string): Destination | undefined;
}

const offers = new WeakMap<ParentDefinition, Map<string, bigint>>();

/** What devices of `destination` offer; asked of one that is made for it, once. */
function offerOf({ definition, options }: Destination): bigint {
  let known = offers.get(definition);
  if (known === undefined) {
    known = new Map();
    offers.set(definition, known);
  }
  const key = JSON.stringify(options);
  let offer = known.get(key);
  if (offer === undefined) {
    const instance = definition.create({ port: new HostMemory(1 << 16).port(), seed: 1, options });
    offer = instance.device.ops.getDeviceFeatures();
    instance.dispose?.();
    known.set(key, offer);
  }
  return offer;
}

/** Features that all of `destinations` offer. */
export const commonOffer = (destinations: readonly Destination[]): bigint =>
  destinations.reduce((common, one) => common & offerOf(one), 2n ** 64n - 1n);
