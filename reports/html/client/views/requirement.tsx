import type { ResultRequirement } from '../../../results.ts';
import { LEVEL_TEXT, STRENGTH_TEXT } from '../../../view/verdicts.ts';
import { useView } from '../context.ts';
import { Back } from '../parts/back.tsx';
import { Instances } from '../parts/instances.tsx';
import { ShortList } from '../parts/more.tsx';
import { Level, Verdict } from '../parts/verdict.tsx';

/** One requirement: what it demands, how it is decided, its cases and their verdicts. */
export function RequirementView({ id }: { id: string }) {
  const { report, href } = useView();
  const row = report.requirements.get(id);
  if (!row) return <Missing what={`requirement ${id}`} />;
  const { decided } = row;
  const verdicts = report.rowVerdicts.get(id) ?? [];
  const strength = decided.strength ? STRENGTH_TEXT[decided.strength] : undefined;
  return (
    <article>
      <Back view="requirements" label="All requirements" />
      <h1 tabIndex={-1} class="mono">
        {id} <Level level={row.level} />
      </h1>
      <p class="lead">{row.summary}</p>
      <dl class="facts">
        <div>
          <dt>Section</dt>
          <dd>
            {row.section} {row.title}
          </dd>
        </div>
        <div>
          <dt>Chapter 7</dt>
          <dd>{row.clauses.length > 0 ? `clause ${row.clauses.join(', ')}` : 'not listed'}</dd>
        </div>
        <div>
          <dt>Level</dt>
          <dd>
            {row.level}: {LEVEL_TEXT[row.level] ?? row.kind}
          </dd>
        </div>
        <div>
          <dt>Obliges</dt>
          <dd>{row.party}</dd>
        </div>
        <div>
          <dt>Scope</dt>
          <dd>{row.scope}</dd>
        </div>
        <div>
          <dt>Decided by</dt>
          <dd>
            {decided.by === 'cases' ? 'cases' : `not decidable: ${decided.by}`}
            {decided.strength ? ` (${decided.strength})` : ''}
          </dd>
        </div>
        <div>
          <dt>Proof</dt>
          <dd>
            {row.proofs === 0
              ? 'no seeded defect yet'
              : `${row.proofs} seeded ${row.proofs === 1 ? 'defect' : 'defects'} found`}
          </dd>
        </div>
      </dl>
      {strength && <p class="note">{strength}</p>}
      {decided.reason && (
        <p class="reason">
          {decided.by === 'cases' ? '' : 'Why not from outside: '}
          {decided.reason}
        </p>
      )}
      <h2>Verdict</h2>
      <ul class="target-verdicts">
        {report.results.targets.map(({ name }, at) => (
          <li key={name}>
            <Verdict verdict={verdicts[at]} /> <span class="mono">{name}</span>
          </li>
        ))}
      </ul>
      <Elsewhere row={row} />
      <h2>
        Cases <span class="count">{row.cases.length}</span>
      </h2>
      {row.cases.length === 0 && <p class="none-found">No case cites this requirement.</p>}
      {row.cases.map((caseId) => {
        const definition = report.cases.get(caseId);
        return (
          <section key={caseId} class="case-block">
            <h3>
              <a href={href({ view: 'case', id: caseId })}>{definition?.title ?? caseId}</a>
            </h3>
            <p class="mono muted">{caseId}</p>
            {definition ? <Instances caseId={caseId} /> : <p class="none-found">Not part of this run.</p>}
          </section>
        );
      })}
    </article>
  );
}

/** Findings against the requirement that came up in cases which decide something else. */
function Elsewhere({ row }: { row: ResultRequirement }) {
  const { report, href } = useView();
  const { results, targets } = report.results;
  const found = results.filter(
    (result) =>
      !row.cases.includes(result.case) && result.findings.some(({ requirement }) => requirement === row.id),
  );
  if (found.length === 0) return null;
  return (
    <>
      <h2>
        Findings in other cases <span class="count">{found.length}</span>
      </h2>
      <p class="note">
        The rule is watched in every case; these came up in cases that decide something else.
      </p>
      <ShortList items={found} first={20} what="instances">
        {(shown) => (
          <ul class="target-verdicts">
            {shown.map((result) => (
              <li key={`${result.target} ${result.id}`}>
                <Verdict verdict={result.verdict} />
                <span class="mono">
                  <a href={href({ view: 'result', target: result.target, id: result.id })}>{result.id}</a>{' '}
                  <span class="muted">on {targets[result.target].name}</span>
                </span>
              </li>
            ))}
          </ul>
        )}
      </ShortList>
    </>
  );
}

export const Missing = ({ what }: { what: string }) => (
  <article>
    <Back view="overview" label="Overview" />
    <h1 tabIndex={-1}>Not in this report</h1>
    <p>This run holds no {what}.</p>
  </article>
);
