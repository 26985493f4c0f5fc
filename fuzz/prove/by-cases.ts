import type { ProvenDefect } from '../../conformance/commands/context.ts';
import { weigh } from '../../conformance/judge.ts';
import type { CatalogueCase } from '../../conformance/loader/case.ts';
import type { CaseInstance } from '../../conformance/loader/expand.ts';
import type { InstanceOutcome } from '../../conformance/runner/run-instance.ts';
import type { Device, Rig } from './rig.ts';

/** A requirement is proved: an instance is green on the right device and red on the wrong one. */
export interface CaseProof {
  requirement: string;
  /** Id of the case, of the instance, and the wrong device. */
  case: string;
  instance: string;
  target: string;
  verdict: string;
  expected: string;
  actual: string;
}

/** What is told before each run on a wrong device, which may never come back. */
export type Trying = (requirement: string, instance: CaseInstance, target: string) => void;

const RED = new Set(['warn', 'fail', 'hang', 'crash']);

/**
 * Look for the proof of each of `wanted`, requirements that `defect` breaks, among the cases that cite it.
 * Every proof is yielded as soon as it is found; nothing more is run for that requirement.
 */
export function* proveByCases(
  defect: ProvenDefect,
  wanted: readonly string[],
  cases: readonly CatalogueCase[],
  rig: Rig,
  trying: Trying,
): Generator<CaseProof> {
  const left = new Set(wanted);
  for (const parent of defect.parents) {
    if (left.size === 0) return;
    const options = defect.options ?? {};
    const right = rig.right(parent, options);
    const wrong = rig.wrong(defect, parent, options);
    const outcomes = new Map<string, InstanceOutcome>();
    for (const requirement of left) {
      for (const instance of inTurn(
        cases.filter((one) => one.requirements.includes(requirement)),
        wrong,
      )) {
        let outcome = outcomes.get(instance.id);
        if (outcome === undefined) {
          trying(requirement, instance, wrong.target.name);
          outcome = { ...wrong.run(instance), history: undefined };
          outcomes.set(instance.id, outcome);
        }
        const proof = proofOf(requirement, instance, outcome, wrong);
        if (proof === null || !right.passes(instance)) continue;
        left.delete(requirement);
        yield proof;
        break;
      }
    }
  }
}

/** The first instance of every case, then the second, …: the cases differ more than their instances do. */
function inTurn(cases: readonly CatalogueCase[], device: Device): CaseInstance[] {
  const all = cases.map((definition) => device.instances(definition));
  const longest = Math.max(0, ...all.map((instances) => instances.length));
  return Array.from({ length: longest }, (_, i) =>
    all.flatMap((instances) => instances.slice(i, i + 1)),
  ).flat();
}

function proofOf(
  requirement: string,
  { id, definition }: CaseInstance,
  { verdict, findings }: InstanceOutcome,
  wrong: Device,
): CaseProof | null {
  if (!RED.has(verdict)) return null;
  const finding = findings.find(
    (one) =>
      RED.has(weigh(one)) && (one.requirement === requirement || one.kind === 'crash' || one.kind === 'hang'),
  );
  if (finding === undefined) return null;
  const { expected, actual } = finding;
  return {
    requirement,
    case: definition.id,
    instance: id,
    target: wrong.target.name,
    verdict,
    expected,
    actual,
  };
}
