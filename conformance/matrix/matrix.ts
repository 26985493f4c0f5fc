import { BUS_DRIVERS } from '../../framework/bound-device.ts';
import { GuestMemory } from '../../framework/memory/guest-memory.ts';
import type { ParentDefinition } from '../../framework/parent.ts';
import type { CatalogueCase } from '../loader/case.ts';
import { type CaseInstance, instancesOf } from '../loader/expand.ts';
import { type DeviceFacts, deviceFacts } from '../runner/device-facts.ts';
import { skipReason } from '../runner/needs.ts';
import { runInstance, type Target } from '../runner/run-instance.ts';
import { splitTarget } from '../runner/targets.ts';
import { type Claim, claimsOf, exercisedBy } from './claims.ts';

/** What one parent declares, and which of it a case has put to the test and found to be so. */
export interface MatrixRow {
  readonly name: string;
  readonly deviceType: string;
  readonly queues: number;
  readonly groups: number;
  readonly spaces: number;
  /** Each claim with the first instance that passed on it; null where none did. */
  readonly claims: Readonly<Record<Claim, string | null>>;
}

/** Instances that are tried for one claim before it is left as declared only. */
const TRIES = 12;

/** Memory of the guest in bytes. */
const MEMORY = 8 << 20;

/** A parent, and the options to make its devices with: what any of these sets claims or proves counts. */
export interface MatrixParent {
  readonly definition: ParentDefinition;
  readonly options: readonly Record<string, string>[];
}

/** The parents in this process, with their default options and those that `targets` name. */
export const matrixParents = (all: Iterable<ParentDefinition>, targets: readonly string[]): MatrixParent[] =>
  [...all]
    .filter(({ external }) => !external)
    .map((definition) => {
      const own = targets.map(splitTarget).filter(({ name }) => name === definition.name);
      const options = own.map((target) => target.options).filter((row) => Object.keys(row).length > 0);
      return { definition, options: [{}, ...options] };
    });

/** The matrix of `parents`: devices of each are driven by cases until every claim is decided. */
export function parentMatrix(parents: readonly MatrixParent[], cases: readonly CatalogueCase[]): MatrixRow[] {
  const guest = new GuestMemory(MEMORY);
  try {
    return parents.map(({ definition, options }) =>
      options.map((own) => rowOf(definition, own, cases, guest)).reduce(together),
    );
  } finally {
    guest.dispose();
  }
}

/** The row of both: the first one's device, and the claims of either. */
function together(first: MatrixRow, second: MatrixRow): MatrixRow {
  const claims = { ...first.claims };
  for (const [claim, by] of Object.entries(second.claims)) claims[claim] ??= by;
  return { ...first, claims };
}

function rowOf(
  definition: ParentDefinition,
  options: Record<string, string>,
  cases: readonly CatalogueCase[],
  guest: GuestMemory,
): MatrixRow {
  const facts = deviceFacts(definition, options);
  const target: Target = { name: definition.name, definition, options };
  const proofs = new Map<Claim, string | null>(claimsOf(facts).map((claim) => [claim, null]));
  const tries = new Map<Claim, number>();
  const open = (claim: Claim) => proofs.get(claim) === null && (tries.get(claim) ?? 0) < TRIES;
  for (const instance of applicable(cases, facts)) {
    const claims = exercisedBy(instance, facts).filter(open);
    const drivers = BUS_DRIVERS.filter((name) => open(`driver:${name}`));
    if (claims.length === 0 && drivers.length === 0) continue;
    // A driver that the case names itself comes first; then only that one is driven.
    const own = BUS_DRIVERS.find((name) => name === instance.params.driver);
    for (const driver of own !== undefined ? [own] : drivers.length > 0 ? drivers : [BUS_DRIVERS[0]]) {
      const passed = runInstance(instance, { ...target, driver }, facts, guest).verdict === 'pass';
      for (const claim of [...claims, `driver:${driver}`].filter(open))
        if (passed) proofs.set(claim, instance.id);
        else tries.set(claim, (tries.get(claim) ?? 0) + 1);
    }
  }
  return {
    name: definition.name,
    deviceType: definition.deviceType,
    queues: facts.nvqs,
    groups: facts.values.ngroups as number,
    spaces: facts.values.nas as number,
    claims: Object.fromEntries(proofs),
  };
}

/** The first instance of every case that applies, then the second, …: the cases differ more than their instances do. */
function applicable(cases: readonly CatalogueCase[], facts: DeviceFacts): CaseInstance[] {
  const all = cases.map((one) =>
    instancesOf(one, facts.values).filter((instance) => skipReason(instance, facts) === null),
  );
  const most = Math.max(0, ...all.map(({ length }) => length));
  return Array.from({ length: most }, (_, i) => all.flatMap((own) => own.slice(i, i + 1))).flat();
}
