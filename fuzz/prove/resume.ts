import { readFileSync } from 'node:fs';
import { UsageError } from '../../conformance/commands/context.ts';
import type { DefectProof } from './proof.ts';

/** Version of the file that `prove` writes. */
export const PROVE_VERSION = 1;

/** The proofs in the file that an earlier `prove` wrote, complete or not, by defect. @throws UsageError when it is none */
export function readProofs(path: string): Map<string, DefectProof> {
  const hint = 'name a file that `vdpa-cts prove --out FILE` wrote';
  let data: { version?: number; defects?: DefectProof[] };
  try {
    data = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`${path} cannot be resumed: ${(error as Error).message}`, hint);
  }
  if (data.version !== PROVE_VERSION || !Array.isArray(data.defects))
    throw new UsageError(`${path} cannot be resumed: it holds no proofs of version ${PROVE_VERSION}`, hint);
  return new Map(data.defects.map((proof) => [proof.id, proof]));
}

/**
 * Take over from an earlier proof what stands: requirements proved, seeds that hit within `limit`, and misses
 * of as many sequences unless those are to be tried again.
 */
export function takeOver(proof: DefectProof, earlier: DefectProof, again: boolean): void {
  for (const claim of proof.requirements) {
    const known = earlier.requirements.find(({ requirement }) => requirement === claim.requirement);
    claim.proof = known?.proof ?? null;
  }
  const { fuzz } = proof;
  if (fuzz === null || earlier.fuzz === null || earlier.fuzz.parent !== fuzz.parent) return;
  for (let i = 0; i < fuzz.seeds.length; i++) {
    const at = earlier.fuzz.seeds[i];
    const hit = typeof at === 'number' && at <= fuzz.limit;
    const missed = at === null && earlier.fuzz.limit >= fuzz.limit && !again;
    fuzz.seeds[i] = hit ? at : missed ? null : 'open';
  }
  fuzz.falseAlarms = earlier.fuzz.falseAlarms;
  fuzz.shrunk = earlier.fuzz.shrunk;
  if (earlier.fuzz.checked) fuzz.checked = earlier.fuzz.checked;
  // The sequence of a hit is not kept: one that was not shrunk is found again.
  const first = fuzz.seeds.findIndex((at) => typeof at === 'number');
  if (first >= 0 && (fuzz.shrunk === null || !fuzz.checked)) fuzz.seeds[first] = 'open';
}
