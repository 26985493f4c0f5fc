import type { ProvenDefect } from '../../conformance/commands/context.ts';
import type { CaseProof } from './by-cases.ts';
import { fuzzedParent, type ShrunkHit } from './by-fuzzing.ts';
import type { CheckedHit } from './check-hit.ts';

export type SeedProof = number | null | 'open';

/** What fuzzing came to for one defect. */
export interface FuzzProof {
  parent: string;
  /** Sequences up to the first hit, seed by seed; null: none within the limit; `open`: not run yet. */
  seeds: SeedProof[];
  /** Sequences that a campaign could take. */
  limit: number;
  shrunk: ShrunkHit | null;
  /** What became of the shrunk sequence when it was run again, and as a case; missing: not tried. */
  checked?: CheckedHit;
  falseAlarms: number;
}

/** All that is known about one defect. */
export interface DefectProof {
  id: string;
  what: string;
  requirements: { requirement: string; proof: CaseProof | null }[];
  /** Why random steps cannot reach it; '' when they can. */
  unreachable: string;
  /** null: not tried. */
  fuzz: FuzzProof | null;
  problems: string[];
}

/** A proof that still has to be found. */
export function openProof(
  defect: ProvenDefect,
  fuzzing: { seeds: number; limit: number } | null,
): DefectProof {
  const reachable = defect.fuzz === 'yes';
  return {
    id: defect.id,
    what: defect.what,
    requirements: defect.breaks.map((requirement) => ({ requirement, proof: null })),
    unreachable: reachable ? '' : defect.fuzz,
    fuzz:
      reachable && fuzzing !== null
        ? {
            parent: fuzzedParent(defect),
            seeds: Array.from({ length: fuzzing.seeds }, (): SeedProof => 'open'),
            limit: fuzzing.limit,
            shrunk: null,
            falseAlarms: 0,
          }
        : null,
    problems: [],
  };
}

/** Seeds that hit, of those that were run, and the median over these; null: half of them did not. */
export function overSeeds({ seeds }: FuzzProof): { found: number; of: number; median: number | null } {
  const counts = seeds.flatMap((count) => (count === 'open' ? [] : [count ?? Number.POSITIVE_INFINITY]));
  const middle = median(counts);
  return {
    found: counts.filter(Number.isFinite).length,
    of: counts.length,
    median: Number.isFinite(middle) ? middle : null,
  };
}

/** The middle one, the lower of two; NaN of none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  return [...values].sort((a, b) => a - b)[(values.length - 1) >> 1];
}
