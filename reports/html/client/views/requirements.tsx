import { useMemo, useState } from 'preact/hooks';
import type { ResultRequirement, ResultTarget } from '../../../results.ts';
import { type MatrixGroup, matrixGroups } from '../../../view/matrix.ts';
import { PROBLEMS, type Shown, VERDICT_TEXT } from '../../../view/verdicts.ts';
import { useView } from '../context.ts';
import type { Report } from '../data.ts';
import { isFiltering, requirementFits } from '../filter.ts';
import { FilterBar } from '../parts/filter-bar.tsx';
import { Level, Verdict } from '../parts/verdict.tsx';

/** Requirement × target, along the conformance clauses of chapter 7. */
export function RequirementsView() {
  const { report, filter, printing } = useView();
  const all = report.results.requirements;
  const rows = useMemo(
    () => all.filter((row) => requirementFits(row, filter, report)),
    [all, filter, report],
  );
  const groups = useMemo(() => matrixGroups(rows, all), [rows, all]);
  const counts = useMemo(() => verdictCounts(all, filter, report), [all, filter, report]);
  return (
    <section>
      <h1 tabIndex={-1}>Requirements</h1>
      <p class="note">
        Laid out along the conformance clauses of chapter 7 of virtio 1.1. Summaries are in our own words; the
        text of the specification decides.
      </p>
      <FilterBar counts={counts} shown={rows.length} total={all.length} what="requirements" />
      {groups.map((group) => (
        <Group
          key={`${group.key} ${isFiltering(filter)}`}
          group={group}
          open={printing || isFiltering(filter) || hasVerdict(group, report)}
        />
      ))}
      {groups.length === 0 && <p class="none-found">No requirement fits this filter.</p>}
    </section>
  );
}

/** Rows by verdict under the rest of the filter, each verdict of a row counted once. */
function verdictCounts(
  rows: readonly ResultRequirement[],
  filter: Parameters<typeof requirementFits>[1],
  report: Report,
) {
  const counts = new Map<string, number>();
  const rest = { ...filter, verdicts: [] };
  for (const row of rows) {
    if (!requirementFits(row, rest, report)) continue;
    const shown = report.rowVerdicts.get(row.id) ?? [];
    const looked = filter.target === '' ? shown : [shown[Number(filter.target)]];
    for (const verdict of new Set(looked)) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  }
  return counts;
}

const rowsOf = (group: MatrixGroup): ResultRequirement[] => group.sections.flatMap(({ rows }) => rows);

const hasVerdict = (group: MatrixGroup, { rowVerdicts }: Report): boolean =>
  rowsOf(group).some(({ id }) =>
    rowVerdicts.get(id)?.some((verdict) => verdict !== 'other-device' && verdict !== 'undecidable'),
  );

function Group({ group, open }: { group: MatrixGroup; open: boolean }) {
  const { report, printing } = useView();
  const [shown, setShown] = useState(open);
  const visible = shown || printing;
  const isClause = /^\d/.test(group.key);
  return (
    <details class="group" open={visible} onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary>
        <h2>
          {isClause && <span class="clause">{group.key}</span>} {group.title}
        </h2>
        <GroupState group={group} report={report} />
      </summary>
      {visible && <Matrix group={group} targets={report.results.targets} />}
    </details>
  );
}

/** Counts of a group: rows, and the verdicts that need attention. */
function GroupState({ group, report }: { group: MatrixGroup; report: Report }) {
  const counts = new Map<Shown, number>();
  for (const { id } of rowsOf(group)) {
    for (const verdict of new Set(report.rowVerdicts.get(id)))
      counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  }
  return (
    <span class="group-state">
      {PROBLEMS.filter((verdict) => counts.has(verdict)).map((verdict) => (
        <Verdict key={verdict} verdict={verdict} count={counts.get(verdict)} />
      ))}
      <span class="count">{group.count} rows</span>
    </span>
  );
}

function Matrix({ group, targets }: { group: MatrixGroup; targets: readonly ResultTarget[] }) {
  return (
    <div class="scroll">
      <table class="matrix" style={{ '--targets': targets.length }}>
        <caption class="visually-hidden">{group.title}</caption>
        <thead>
          <tr>
            <th scope="col">Requirement</th>
            <th scope="col">What it demands</th>
            <th scope="col">Decided by</th>
            {targets.map(({ name }) => (
              <th key={name} scope="col" class="target-head" title={name}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        {group.sections.map((section) => (
          <tbody key={`${section.section} ${section.title}`}>
            <tr class="section-row">
              <th scope="rowgroup" colSpan={3 + targets.length}>
                <span class="section-number">{section.section}</span> {section.title}
              </th>
            </tr>
            {section.rows.map((row) => (
              <Row key={row.id} row={row} targets={targets} />
            ))}
          </tbody>
        ))}
      </table>
    </div>
  );
}

function Row({ row, targets }: { row: ResultRequirement; targets: readonly ResultTarget[] }) {
  const { report, href } = useView();
  const verdicts = report.rowVerdicts.get(row.id) ?? [];
  const undecidable = verdicts.every((verdict) => verdict === 'undecidable');
  const link = href({ view: 'requirement', id: row.id });
  return (
    <tr>
      <th scope="row" class="row-id">
        <a href={link}>{row.id}</a> <Level level={row.level} />
      </th>
      <td class="row-summary">{row.summary}</td>
      <td class="row-how">{undecidable ? row.decided.by : howDecided(row)}</td>
      {undecidable ? (
        <td class="row-reason" colSpan={Math.max(1, targets.length)}>
          <Verdict verdict="undecidable" /> <span>{row.decided.reason}</span>
        </td>
      ) : (
        targets.map((target, at) => (
          <td key={target.name} class="row-verdict">
            <span class="row-target" aria-hidden="true">
              {target.name}
            </span>
            <a href={link} aria-label={`${VERDICT_TEXT[verdicts[at]].label} on ${target.name}`}>
              <Verdict verdict={verdicts[at]} />
            </a>
          </td>
        ))
      )}
    </tr>
  );
}

/** `2 cases, crisp, 3 proofs` */
function howDecided({ decided, cases, proofs }: ResultRequirement): string {
  const parts = [
    cases.length === 0 ? 'no case yet' : `${cases.length} ${cases.length === 1 ? 'case' : 'cases'}`,
    ...(decided.strength && cases.length > 0 ? [decided.strength] : []),
    ...(proofs > 0 ? [`${proofs} ${proofs === 1 ? 'proof' : 'proofs'}`] : []),
  ];
  return parts.join(', ');
}
