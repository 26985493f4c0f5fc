import type { ProvenDefect } from '../../conformance/commands/context.ts';
import type { CatalogueCase } from '../../conformance/loader/case.ts';
import type { CaseInstance } from '../../conformance/loader/expand.ts';
import { planCase } from '../../conformance/runner/combine.ts';
import { type DeviceFacts, deviceFacts } from '../../conformance/runner/device-facts.ts';
import { type InstanceOutcome, runInstance, type Target } from '../../conformance/runner/run-instance.ts';
import { destinationsOf, type ParentSource } from '../../conformance/runner/targets.ts';
import { GuestMemory } from '../../framework/memory/guest-memory.ts';
import type { ParentDefinition } from '../../framework/parent.ts';
import type { Bench } from '../execute.ts';

/** Guest memory of all devices of a rig, which run one after the other. */
const MEMORY = 8 << 20;

type Options = Readonly<Record<string, string>>;

/** A device on the rig: what it is, and what it does with the instances of cases. */
export class Device implements Bench {
  readonly target: Target;
  readonly facts: DeviceFacts;
  readonly guest: GuestMemory;
  readonly #passed = new Map<string, boolean>();

  constructor(
    definition: ParentDefinition,
    options: Options,
    guest: GuestMemory,
    source: Pick<ParentSource, 'builtIn'>,
  ) {
    const target = { name: spec(definition.name, options), definition, options };
    this.target = { ...target, destinations: destinationsOf(target, source) };
    this.facts = deviceFacts(definition, options);
    this.guest = guest;
  }

  /** The instances of a case that a run makes by default. */
  instances(definition: CatalogueCase): CaseInstance[] {
    return planCase(definition, this.facts, 'pairs').map(({ instance }) => instance);
  }

  run(instance: CaseInstance): InstanceOutcome {
    return runInstance(instance, this.target, this.facts, this.guest);
  }

  /** Whether it passes the instance; run once, remembered. */
  passes(instance: CaseInstance): boolean {
    const known = this.#passed.get(instance.id);
    if (known !== undefined) return known;
    const passed = this.run(instance).verdict === 'pass';
    this.#passed.set(instance.id, passed);
    return passed;
  }
}

/** A target as it is named on the command line. */
function spec(name: string, options: Options): string {
  const pairs = Object.entries(options).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? name : `${name}:${pairs.join(',')}`;
}

/** Right and wrong devices side by side. Right ones are kept, with what they passed. */
export class Rig {
  readonly #source: ParentSource;
  readonly #guest = new GuestMemory(MEMORY);
  readonly #right = new Map<string, Device>();

  constructor(source: ParentSource) {
    this.#source = source;
  }

  /** The right device of that parent. */
  right(parent: string, options: Options): Device {
    const key = spec(parent, options);
    let device = this.#right.get(key);
    if (device === undefined) {
      device = new Device(this.#parent(parent), options, this.#guest, this.#source);
      this.#right.set(key, device);
    }
    return device;
  }

  /** The device of that parent with the defect seeded. May throw: wrong devices do. */
  wrong(defect: ProvenDefect, parent: string, options: Options): Device {
    return new Device(this.#parent(`${parent}+${defect.id}`), options, this.#guest, this.#source);
  }

  /** Whether devices of that parent can be made with `option`. */
  knows(parent: string, option: string): boolean {
    return this.#parent(parent).options?.some(({ name }) => name === option) ?? false;
  }

  #parent(name: string): ParentDefinition {
    const parent = this.#source.builtIn.get(name);
    if (parent === undefined) throw new RangeError(`there is no parent ${name}`);
    return parent;
  }
}
