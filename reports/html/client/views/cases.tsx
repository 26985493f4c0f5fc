import { useMemo } from 'preact/hooks';
import type { ResultCase } from '../../../results.ts';
import { useView } from '../context.ts';
import { caseFits } from '../filter.ts';
import { FilterBar } from '../parts/filter-bar.tsx';
import { ShortList } from '../parts/more.tsx';
import { Verdict } from '../parts/verdict.tsx';

/** Cases shown before the reader asks for all. */
const FIRST = 120;

/** Every case that ran, with its worst verdict on each target. */
export function CasesView() {
  const { report, filter, href } = useView();
  const { cases, targets } = report.results;
  const shown = useMemo(() => cases.filter((one) => caseFits(one, filter, report)), [cases, filter, report]);
  const counts = useMemo(() => {
    const rest = { ...filter, verdicts: [] };
    const found = new Map<string, number>();
    for (const one of cases) {
      if (!caseFits(one, rest, report)) continue;
      const own = (report.resultsOf.get(one.id) ?? []).filter(
        (result) => filter.target === '' || result.target === Number(filter.target),
      );
      for (const verdict of new Set(own.map((result) => result.verdict)))
        found.set(verdict, (found.get(verdict) ?? 0) + 1);
    }
    return found;
  }, [cases, filter, report]);
  return (
    <section>
      <h1 tabIndex={-1}>Cases</h1>
      <p class="note">Each with its worst verdict over all instances.</p>
      <FilterBar counts={counts} shown={shown.length} total={cases.length} what="cases" />
      <ShortList items={shown} first={FIRST} what="cases">
        {(some) => (
          <div class="scroll">
            <table class="matrix case-list" style={{ '--targets': targets.length }}>
              <thead>
                <tr>
                  <th scope="col">Case</th>
                  <th scope="col">Instances</th>
                  {targets.map(({ name }) => (
                    <th key={name} scope="col" class="target-head" title={name}>
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {some.map((one) => (
                  <CaseRow key={one.id} one={one} link={href({ view: 'case', id: one.id })} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </ShortList>
      {shown.length === 0 && <p class="none-found">No case fits this filter.</p>}
    </section>
  );
}

function CaseRow({ one, link }: { one: ResultCase; link: string }) {
  const { report } = useView();
  const { targets } = report.results;
  const ids = new Set((report.resultsOf.get(one.id) ?? []).map(({ id }) => id));
  return (
    <tr>
      <th scope="row" class="row-case">
        <a href={link}>{one.id}</a>
        {one.class === 'resilience' && <span class="level level-info">resilience</span>}
        <span class="row-title">{one.title}</span>
      </th>
      <td class="row-how">{ids.size.toLocaleString('en')}</td>
      {(report.caseVerdicts.get(one.id) ?? []).map((verdict, at) => (
        <td key={targets[at].name} class="row-verdict">
          <span class="row-target" aria-hidden="true">
            {targets[at].name}
          </span>
          <Verdict verdict={verdict} />
        </td>
      ))}
    </tr>
  );
}
