import type { CaseResult, ResultCase, ResultRequirement, Results } from '../../results.ts';
import { type Citation, citations } from '../../view/citation.ts';
import { type Coverage, coverage } from '../../view/coverage.ts';
import {
  type BrokenRule,
  brokenRules,
  type ProblemGroup,
  problemGroups,
  type SkipGroup,
  skipGroups,
} from '../../view/problems.ts';
import { type RunVerdict, runVerdict } from '../../view/run-verdict.ts';
import { shownVerdict, worstOf } from '../../view/shown.ts';
import type { Shown } from '../../view/verdicts.ts';

/** Results with the look-ups that views need. */
export interface Report {
  results: Results;
  verdict: RunVerdict;
  coverage: { all: Coverage; scopes: Coverage[] };
  problems: ProblemGroup[];
  /** Rules that the problems come down to. */
  broken: BrokenRule[];
  skips: SkipGroup[];
  cases: ReadonlyMap<string, ResultCase>;
  requirements: ReadonlyMap<string, ResultRequirement>;
  /** Results of a case, in order. */
  resultsOf: ReadonlyMap<string, readonly CaseResult[]>;
  /** Verdict of a case for each target. */
  caseVerdicts: ReadonlyMap<string, readonly Shown[]>;
  /** What the matrix shows for each target. */
  rowVerdicts: ReadonlyMap<string, readonly Shown[]>;
  cite(id: string): Citation;
}

/** The results that are embedded in the page, unpacked when they are compressed. */
export async function embeddedResults(): Promise<Results> {
  const element = document.getElementById('results') as HTMLScriptElement;
  const text = element.textContent ?? '';
  if (element.type === 'application/json') return JSON.parse(text) as Results;
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text()) as Results;
}

export function reportOf(results: Results): Report {
  const resultsOf = new Map<string, CaseResult[]>();
  for (const result of results.results) {
    const own = resultsOf.get(result.case);
    if (own) own.push(result);
    else resultsOf.set(result.case, [result]);
  }
  const caseVerdict = (id: string) =>
    results.targets.map((_, target) =>
      worstOf((resultsOf.get(id) ?? []).filter((result) => result.target === target)),
    );
  return {
    results,
    verdict: runVerdict(results),
    coverage: coverage(results),
    problems: problemGroups(results),
    broken: brokenRules(results),
    skips: skipGroups(results),
    cases: new Map(results.cases.map((one) => [one.id, one])),
    requirements: new Map(results.requirements.map((one) => [one.id, one])),
    resultsOf,
    caseVerdicts: new Map(results.cases.map(({ id }) => [id, caseVerdict(id)])),
    rowVerdicts: new Map(
      results.requirements.map((one) => [
        one.id,
        results.targets.map((target, at) => shownVerdict(one, at, target)),
      ]),
    ),
    cite: citations(results),
  };
}

/** The parameters of an instance id, without the case: `ring=split;size=2`. */
export const paramsOf = (result: Pick<CaseResult, 'id' | 'case'>): string =>
  result.id.startsWith(`${result.case}:`) ? result.id.slice(result.case.length + 1) : '';
