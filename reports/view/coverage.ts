import { DEVICE_TYPES } from '../../specs/virtio-1.1/device-ids.ts';
import type { ResultRequirement, Results, ResultTarget } from '../results.ts';
import { isBroken, isDecision } from './verdicts.ts';

/** Scopes that concern every device behind vDPA. */
const GENERAL_SCOPES: readonly string[] = ['core', 'split', 'packed', 'vdpa'];

/** Scopes that belong to one type of device. */
const DEVICE_SCOPES: ReadonlySet<string> = new Set(DEVICE_TYPES.filter((type) => type !== 'other'));

/** Whether a requirement of this scope speaks about another type of device than the target. */
export const isOtherDevice = (scope: string, target: ResultTarget): boolean =>
  DEVICE_SCOPES.has(scope) && scope !== target.type;

/** Scope of requirements that need a target with the ability of the same name. */
const MANAGEMENT = 'management';

/** Scopes that the targets of a run can decide. */
export const scopesInRange = (targets: readonly ResultTarget[]): ReadonlySet<string> =>
  new Set([
    ...GENERAL_SCOPES,
    ...targets.map(({ type }) => type),
    ...targets.flatMap(({ transport }) => (transport === undefined ? [] : [transport])),
    ...(targets.some(({ abilities }) => abilities.includes(MANAGEMENT)) ? [MANAGEMENT] : []),
  ]);

export interface Coverage {
  scope: string;
  /** Requirements of the scope, whatever decides them. */
  total: number;
  /** Decided by cases, for the device types and transports of the run. */
  decidable: number;
  /** Of these, with a verdict on at least one target. */
  decided: number;
  /** Of these, with a breach on at least one target. */
  broken: number;
  warned: number;
  /** Of the decidable ones, with a seeded defect that their cases are known to find. */
  proved: number;
  /** Not decidable: `transport` needs another transport than vDPA, `outside` cannot be seen. */
  transport: number;
  outside: number;
  /** Decidable, but of a device type or transport that this run has no target for. */
  outOfRange: number;
}

const empty = (scope: string): Coverage => ({
  scope,
  total: 0,
  decidable: 0,
  decided: 0,
  broken: 0,
  warned: 0,
  proved: 0,
  transport: 0,
  outside: 0,
  outOfRange: 0,
});

function count(into: Coverage, requirement: ResultRequirement, inRange: boolean): void {
  const { decided, verdicts, emulated = [], proofs, cases } = requirement;
  into.total++;
  if (decided.by === 'transport' && !(inRange && cases.length > 0)) into.transport++;
  else if (decided.by === 'outside') into.outside++;
  else if (!inRange) into.outOfRange++;
  else {
    into.decidable++;
    if (verdicts.some((verdict, target) => isDecision(verdict) && !emulated.includes(target))) into.decided++;
    if (verdicts.some(isBroken)) into.broken++;
    else if (verdicts.includes('warn')) into.warned++;
    if (proofs > 0) into.proved++;
  }
}

/** How much of the specification the run decided: over all, and by scope in the order of the specification. */
export function coverage(results: Pick<Results, 'requirements' | 'targets'>): {
  all: Coverage;
  scopes: Coverage[];
} {
  const range = scopesInRange(results.targets);
  const all = empty('all');
  const scopes = new Map<string, Coverage>();
  for (const requirement of results.requirements) {
    const { scope } = requirement;
    if (!scopes.has(scope)) scopes.set(scope, empty(scope));
    count(scopes.get(scope)!, requirement, range.has(scope));
    count(all, requirement, range.has(scope));
  }
  return { all, scopes: [...scopes.values()] };
}
