import { useMemo } from 'preact/hooks';
import { useView } from '../context.ts';
import { paramsOf } from '../data.ts';
import { skipFits } from '../filter.ts';
import { FilterBar } from '../parts/filter-bar.tsx';
import { ShortList } from '../parts/more.tsx';

const NO_COUNTS: ReadonlyMap<string, number> = new Map();

/** Skipped instances by reason. */
export function SkippedView() {
  const { report, filter, href } = useView();
  const { targets, results } = report.results;
  const groups = useMemo(
    () =>
      report.skips
        .map((group) => ({ group, cases: skipFits(group, filter, report) }))
        .filter(({ cases }) => cases.length > 0),
    [filter, report],
  );
  const count = (cases: readonly [string, number[]][]) =>
    cases.reduce((sum, [, instances]) => sum + instances.length, 0);
  const total = report.skips.reduce((sum, group) => sum + group.count, 0);
  const shown = groups.reduce((sum, { cases }) => sum + count(cases), 0);
  return (
    <section>
      <h1 tabIndex={-1}>Skipped</h1>
      <p class="note">
        Instances that did not apply to a target, by reason. A skipped instance decides nothing.
      </p>
      <FilterBar counts={NO_COUNTS} shown={shown} total={total} what="skipped instances" />
      {groups.map(({ group, cases }) => (
        <details key={`${group.target} ${group.reason}`} class="skip-group">
          <summary>
            <span class="count">{count(cases).toLocaleString('en')}</span>
            <span class="skip-reason">{group.reason}</span>
            <span class="card-target">{targets[group.target].name}</span>
          </summary>
          <ShortList items={cases} first={60} what="cases">
            {(some) => (
              <ul class="skip-cases">
                {some.map(([id, instances]) => (
                  <li key={id}>
                    <a href={href({ view: 'case', id })}>{id}</a>{' '}
                    <span class="muted">
                      {instances.length === 1
                        ? paramsOf(results[instances[0]])
                        : `${instances.length} instances`}
                    </span>
                  </li>
                ))}
              </ul>
            )}
          </ShortList>
        </details>
      ))}
      {groups.length === 0 && (
        <p class="none-found">
          {total === 0 ? 'Nothing was skipped.' : 'No skipped instance fits this filter.'}
        </p>
      )}
    </section>
  );
}
