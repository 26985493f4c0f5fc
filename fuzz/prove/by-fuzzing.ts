import type { ProvenDefect } from '../../conformance/commands/context.ts';
import type { Finding } from '../../conformance/oracles/finding.ts';
import { Campaign } from '../campaign.ts';
import { type Bench, execute } from '../execute.ts';
import type { Sequence, SequenceStep } from '../sequence.ts';
import { shrink } from '../shrink.ts';
import type { Device, Rig } from './rig.ts';

/** A sequence that shows the defect. */
export interface FuzzHit {
  parent: string;
  sequence: Sequence;
  finding: Finding;
}

/** What one campaign came to. */
export interface SeedResult {
  /** Sequences up to the first hit; null: none within the limit. */
  sequences: number | null;
  hit?: FuzzHit;
  /** Sequences that the right device failed as well: the model is wrong there. */
  falseAlarms: number;
}

/** The shrunk counterexample. */
export interface ShrunkHit {
  steps: Omit<SequenceStep, 'at'>[];
  requirement: string;
  actual: string;
}

/** The parent to fuzz: requests of a block device come back with their data, so it shows more. */
export const fuzzedParent = ({ parents }: ProvenDefect): string =>
  parents.find((parent) => parent.endsWith('-blk')) ?? parents[0];

/** A device that sequences and cases run on. */
interface FuzzedDevice extends Bench {
  device: Device;
}

/** Right and wrong device with small settings: every sequence sets them up anew. */
export function devicesOf(
  defect: ProvenDefect,
  parent: string,
  rig: Rig,
): { right: FuzzedDevice; wrong: FuzzedDevice } {
  const small: Record<string, string> = rig.knows(parent, 'max-pairs') ? { 'max-pairs': '2' } : {};
  const options = { ...small, ...defect.options };
  // A defect that breaks what is only recommended shows as a warning.
  const warnings = new Set(defect.breaks);
  const looked = (device: Device): FuzzedDevice => {
    const { target, facts, guest } = device;
    return { device, target, facts, guest, warnings };
  };
  return { right: looked(rig.right(parent, options)), wrong: looked(rig.wrong(defect, parent, options)) };
}

/** Run a campaign with this seed against the wrong device until it hits or has run `limit` sequences. */
export function proveByFuzzing(
  defect: ProvenDefect,
  seed: number,
  limit: number,
  rig: Rig,
  at: (sequence: number) => void,
): SeedResult {
  const parent = fuzzedParent(defect);
  const { right, wrong } = devicesOf(defect, parent, rig);
  const campaign = new Campaign(wrong, { seed });
  const lies = JSON.stringify(wrong.facts) !== JSON.stringify(right.facts);
  let falseAlarms = 0;
  while (campaign.count < limit) {
    at(campaign.count + 1);
    const hit = campaign.next();
    if (hit === null) continue;
    const { sequence, finding } = hit;
    if (execute(sequence, right).finding === null) {
      return { sequences: hit.at, hit: { parent, sequence, finding }, falseAlarms };
    }
    // One that lies about itself leads the driver astray, and then a right device may object as well.
    if (!lies) falseAlarms++;
  }
  return { sequences: null, falseAlarms };
}

/** Make the hit small, with the right device as reference. */
export function shrinkHit(defect: ProvenDefect, { parent, sequence, finding }: FuzzHit, rig: Rig): ShrunkHit {
  const { right, wrong } = devicesOf(defect, parent, rig);
  const shrunk = shrink(sequence, finding, wrong, right);
  const steps = shrunk.sequence.steps.map(({ at: _, ...step }) => step);
  return { steps, requirement: shrunk.finding.requirement, actual: shrunk.finding.actual };
}
