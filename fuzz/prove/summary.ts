import { REPLAYS } from './check-hit.ts';
import { type DefectProof, median, overSeeds } from './proof.ts';

/** The proofs of all defects in figures. */
export interface ProveSummary {
  defects: number;
  /** Requirements that cases decide, and those of them that a wrong device proves. */
  decided: number;
  proved: number;
  /** Requirements that no chosen defect proves, and claims of single defects that nothing proves. */
  unproved: string[];
  unprovedClaims: string[];
  /** Defects that random steps are said to reach and that were fuzzed; found by every seed, and by some. */
  reachable: number;
  foundByAll: number;
  foundBySome: number;
  medianSequences: number | null;
  medianSteps: number | null;
  /** Reachable defects that a seed did not find. */
  missed: string[];
  falseAlarms: number;
  /** Shrunk counterexamples that were run again, and what was wrong with some of them. */
  checked: number;
  notHeld: string[];
}

/** `decided`: the requirements that are expected to have a proof; `cases`: whether cases were tried. */
export function summarise(
  proofs: readonly DefectProof[],
  decided: ReadonlySet<string>,
  cases = true,
): ProveSummary {
  const claims = (cases ? proofs : []).flatMap(({ id, requirements }) =>
    requirements.map((one) => ({ id, ...one })),
  );
  const proved = new Set(claims.filter(({ proof }) => proof !== null).map(({ requirement }) => requirement));
  const fuzzed = proofs
    .flatMap(({ id, fuzz }) => (fuzz === null ? [] : [{ id, fuzz, ...overSeeds(fuzz) }]))
    .filter(({ of }) => of > 0);
  const missed = fuzzed.filter(({ found, of }) => found < of);
  const checks = fuzzed.flatMap(({ id, fuzz: { checked } }) => (checked ? [{ id, checked }] : []));
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  return {
    defects: proofs.length,
    decided: decided.size,
    proved: [...decided].filter((id) => proved.has(id)).length,
    unproved: [...decided].filter((id) => !proved.has(id)),
    unprovedClaims: claims
      .filter(({ proof }) => proof === null)
      .map(({ id, requirement }) => `${id} ${requirement}`),
    reachable: fuzzed.length,
    foundByAll: fuzzed.length - missed.length,
    foundBySome: fuzzed.filter(({ found }) => found > 0).length,
    medianSequences: finite(median(fuzzed.flatMap((one) => (one.median === null ? [] : [one.median])))),
    medianSteps: finite(
      median(fuzzed.flatMap(({ fuzz }) => (fuzz.shrunk === null ? [] : [fuzz.shrunk.steps.length]))),
    ),
    missed: missed.map(({ id, found, of }) => `${id} (${found} of ${of})`),
    falseAlarms: fuzzed.reduce((sum, { fuzz }) => sum + fuzz.falseAlarms, 0),
    checked: checks.length,
    notHeld: checks.flatMap(({ id, checked }) => [
      ...(checked.replays < REPLAYS ? [`${id}: replayed ${checked.replays} of ${REPLAYS} times`] : []),
      ...(checked.case === '' ? [] : [`${id}: ${checked.case}`]),
    ]),
  };
}
