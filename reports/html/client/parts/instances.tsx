import type { CaseResult } from '../../../results.ts';
import { PROBLEMS } from '../../../view/verdicts.ts';
import { useView } from '../context.ts';
import { paramsOf } from '../data.ts';
import { ShortList } from './more.tsx';
import { Verdict } from './verdict.tsx';

/** Instances shown before the reader asks for all. */
const FIRST = 24;

/** Every instance of a case with its verdict on each target; those with a problem first. */
export function Instances({ caseId }: { caseId: string }) {
  const { report, href } = useView();
  const { targets } = report.results;
  const rows = new Map<string, (CaseResult | undefined)[]>();
  for (const result of report.resultsOf.get(caseId) ?? []) {
    const row = rows.get(result.id) ?? targets.map(() => undefined);
    rows.set(result.id, row);
    row[result.target] = result;
  }
  const hasProblem = (row: readonly (CaseResult | undefined)[]) =>
    row.some((result) => result && PROBLEMS.includes(result.verdict));
  const sorted = [...rows].sort(([, a], [, b]) => Number(hasProblem(b)) - Number(hasProblem(a)));
  return (
    <ShortList items={sorted} first={FIRST} what="instances">
      {(shown) => (
        <div class="scroll">
          <table class="instances">
            <thead>
              <tr>
                <th scope="col">Instance</th>
                {targets.map(({ name }) => (
                  <th key={name} scope="col" class="target-head" title={name}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {shown.map(([id, row]) => (
                <tr key={id}>
                  <th scope="row">{paramsOf({ id, case: caseId }) || 'no parameters'}</th>
                  {row.map((result, at) => (
                    <td key={targets[at].name}>
                      <span class="row-target" aria-hidden="true">
                        {targets[at].name}
                      </span>
                      {result ? (
                        <a href={href({ view: 'result', target: at, id })}>
                          <Verdict verdict={result.verdict} />
                        </a>
                      ) : (
                        <Verdict verdict="none" />
                      )}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </ShortList>
  );
}
