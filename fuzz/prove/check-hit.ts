import { citable } from '../../conformance/commands/catalogue.ts';
import type { ProvenDefect } from '../../conformance/commands/context.ts';
import { compile } from '../../conformance/loader/load.ts';
import { asCase } from '../as-case.ts';
import { bucketOf } from '../bucket.ts';
import { counts, execute } from '../execute.ts';
import { numbered, type Sequence } from '../sequence.ts';
import { devicesOf, type FuzzHit, type ShrunkHit } from './by-fuzzing.ts';
import type { Rig } from './rig.ts';

/** Times that a shrunk sequence is run again. */
export const REPLAYS = 100;

/** What became of a shrunk counterexample when it was run again. */
export interface CheckedHit {
  /** Runs on the wrong device that ended in the same finding, of {@link REPLAYS}. */
  replays: number;
  /** '' when the generated case is red on the wrong device and green on the right one; otherwise what was wrong. */
  case: string;
}

/** Run a shrunk counterexample again and again, and then as the case that is made of it. */
export function checkHit(
  defect: ProvenDefect,
  { parent, sequence: { seed } }: FuzzHit,
  { steps, requirement }: ShrunkHit,
  rig: Rig,
): CheckedHit {
  const { right, wrong } = devicesOf(defect, parent, rig);
  const sequence: Sequence = { seed, steps: numbered(steps) };
  const { finding, history } = execute(sequence, wrong);
  if (finding === null) return { replays: 0, case: 'the sequence did not show it again' };
  const same = JSON.stringify(finding);
  let replays = 0;
  for (let i = 0; i < REPLAYS; i++) if (JSON.stringify(execute(sequence, wrong).finding) === same) replays++;

  const text = asCase(sequence, finding, bucketOf(finding, history), wrong.facts.type);
  const { cases } = compile([{ path: 'found.yaml', text }], citable());
  const [instance] = wrong.device.instances(cases[0]);
  const red = wrong.device
    .run(instance)
    .findings.some((one) => one.requirement === requirement && counts(one, wrong));
  if (!red) return { replays, case: 'the case is green on the wrong device' };
  const { verdict, findings, reason = '' } = right.device.run(instance);
  const green = verdict === 'pass';
  return {
    replays,
    case: green ? '' : `the case is ${verdict} on the right device: ${findings[0]?.actual ?? reason}`,
  };
}
