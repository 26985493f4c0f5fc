import type { CaseResult } from '../../../results.ts';
import type { Coverage } from '../../../view/coverage.ts';
import { findingsInOrder, type ProblemGroup } from '../../../view/problems.ts';
import { PROBLEMS, type Shown } from '../../../view/verdicts.ts';
import { useView } from '../context.ts';
import { paramsOf } from '../data.ts';
import { NO_FILTER } from '../filter.ts';
import { Bar, percentOf } from '../parts/bar.tsx';
import { ShortList } from '../parts/more.tsx';
import { Level, Verdict } from '../parts/verdict.tsx';
import { hrefOf } from '../route.ts';

const count = (n: number): string => n.toLocaleString('en');

/** Verdict, figures, what went wrong, targets, coverage. */
export function OverviewView() {
  return (
    <>
      <Banner />
      <Figures />
      <BrokenRules />
      <Problems />
      <Targets />
      <Scopes />
    </>
  );
}

function duration(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

function Banner() {
  const { report } = useView();
  const { results, verdict } = report;
  const { selection, timing, seed } = results;
  return (
    <section class={`banner run-${verdict.kind}`}>
      <h1 tabIndex={-1}>
        <span class="banner-label">{verdict.label}</span>
        <span class="banner-text">{verdict.text}</span>
      </h1>
      {!results.complete && (
        <p class="incomplete" role="note">
          <b>Incomplete run.</b> It ended before every selected instance had run. What is missing below was
          not tested; do not read it as passed.
        </p>
      )}
      <dl class="facts">
        <Fact name="Started" value={timing.started.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')} />
        <Fact name="Took" value={duration(timing.ms)} />
        <Fact name="Selected" value={selection.length === 0 ? 'the whole catalogue' : selection.join('  ')} />
        <Fact name="Seed" value={String(seed)} />
      </dl>
    </section>
  );
}

const Fact = ({ name, value }: { name: string; value: string }) => (
  <div>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
);

function Figures() {
  const { report } = useView();
  const { all } = report.coverage;
  return (
    <section class="figures" aria-label="Figures of the run">
      <div class="figure">
        <h2>Statement coverage</h2>
        <p class="figure-number">
          {count(all.decided)}
          <span> of {count(all.decidable)} decided</span>
        </p>
        <Bar value={all.decided} of={all.decidable} />
        <p>
          {percentOf(all.decided, all.decidable)} of the requirements that these targets can be held to. Of{' '}
          {count(all.total)} in all, {count(all.transport + all.outside)} cannot be decided through vDPA and{' '}
          {count(all.outOfRange)} concern other devices or transports.
        </p>
      </div>
      <div class="figure">
        <h2>Requirements with proof</h2>
        <p class="figure-number">
          {count(all.proved)}
          <span> of {count(all.decidable)}</span>
        </p>
        <Bar value={all.proved} of={all.decidable} kind="neutral" />
        <p>Their cases are known to find at least one seeded defect: a device made wrong on purpose.</p>
      </div>
      <Counts />
    </section>
  );
}

/** Instances by verdict, conformance and resilience apart. */
function Counts() {
  const { report } = useView();
  const { results, cases } = report;
  const byClass = { conformance: new Map<Shown, number>(), resilience: new Map<Shown, number>() };
  for (const { case: id, verdict } of results.results) {
    const counts = byClass[cases.get(id)?.class ?? 'conformance'];
    counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  }
  const verdicts = ([...PROBLEMS, 'pass', 'skip'] as Shown[]).filter(
    (verdict) => verdict === 'pass' || verdict === 'fail' || sum(byClass, verdict) > 0,
  );
  return (
    <div class="figure figure-counts">
      <h2>
        {count(results.summary.instances)} instances of {count(results.summary.cases)} cases
      </h2>
      <table class="counts">
        <thead>
          <tr>
            <th scope="col">Verdict</th>
            <th scope="col">Conformance</th>
            <th scope="col">Resilience</th>
          </tr>
        </thead>
        <tbody>
          {verdicts.map((verdict) => (
            <tr key={verdict}>
              <th scope="row">
                <a
                  href={hrefOf(
                    { view: verdict === 'skip' ? 'skipped' : 'cases' },
                    { ...NO_FILTER, verdicts: verdict === 'skip' ? [] : [verdict] },
                  )}
                >
                  <Verdict verdict={verdict} />
                </a>
              </th>
              <td>{count(byClass.conformance.get(verdict) ?? 0)}</td>
              <td>{count(byClass.resilience.get(verdict) ?? 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const sum = (byClass: Record<string, Map<Shown, number>>, verdict: Shown): number =>
  Object.values(byClass).reduce((all, counts) => all + (counts.get(verdict) ?? 0), 0);

/** The rules behind the findings: often far fewer than cases that fail. */
function BrokenRules() {
  const { report, href } = useView();
  const { broken, results } = report;
  if (broken.length === 0) return null;
  return (
    <section>
      <h2>
        What the findings come down to <span class="count">{count(broken.length)}</span>
      </h2>
      <ShortList items={broken} first={12} what="rules">
        {(shown) => (
          <ul class="rules">
            {shown.map((rule) => (
              <li key={`${rule.verdict} ${rule.requirement}`}>
                <Verdict verdict={rule.verdict} count={rule.instances.length} />
                <div class="rule-text">
                  <p>
                    <Cited id={rule.requirement} /> {report.cite(rule.requirement).summary}
                  </p>
                  <p class="muted">
                    in{' '}
                    {rule.cases.size === 1 ? (
                      <a href={href({ view: 'case', id: [...rule.cases][0] })}>{[...rule.cases][0]}</a>
                    ) : (
                      `${count(rule.cases.size)} cases`
                    )}{' '}
                    on {[...rule.targets].map((at) => results.targets[at].name).join(', ')}
                  </p>
                </div>
              </li>
            ))}
          </ul>
        )}
      </ShortList>
    </section>
  );
}

function Problems() {
  const { report } = useView();
  const classes = [
    { key: 'conformance', title: 'Findings', note: 'Worst first. One entry for each case and target.' },
    {
      key: 'resilience',
      title: 'Resilience findings',
      note: 'The driver broke a rule first; a device may refuse, but neither crash nor hang nor write where it must not.',
    },
  ] as const;
  if (report.problems.length === 0) {
    return (
      <section>
        <h2>Findings</h2>
        <p class="none-found">None: every instance passed or was skipped with a reason.</p>
      </section>
    );
  }
  return (
    <>
      {classes.map(({ key, title, note }) => {
        const groups = report.problems.filter((group) => group.class === key);
        if (groups.length === 0) return null;
        return (
          <section key={key} class="problems">
            <h2>
              {title} <span class="count">{count(groups.length)}</span>
            </h2>
            <p class="note">{note}</p>
            <ShortList items={groups} first={30} what="findings">
              {(shown) => (
                <ul class="cards">
                  {shown.map((group) => (
                    <Problem key={`${group.verdict} ${group.target} ${group.case}`} group={group} />
                  ))}
                </ul>
              )}
            </ShortList>
          </section>
        );
      })}
    </>
  );
}

function Problem({ group }: { group: ProblemGroup }) {
  const { report, href } = useView();
  const { results } = report.results;
  const first = results[group.instances[0]];
  const finding = findingsInOrder(first)[0];
  const definition = report.cases.get(group.case);
  const cited = finding?.requirement ?? definition?.requirements[0] ?? '';
  const linkTo = (result: CaseResult) => href({ view: 'result', target: result.target, id: result.id });
  return (
    <li class={`card edge-${group.verdict}`}>
      <div class="card-head">
        <Verdict verdict={group.verdict} count={group.instances.length} />
        <a class="card-title" href={linkTo(first)}>
          {definition?.title ?? group.case}
        </a>
        <span class="card-target">{report.results.targets[group.target].name}</span>
      </div>
      <p class="card-ids">
        <a href={href({ view: 'case', id: group.case })}>{group.case}</a>
        {cited !== '' && <Cited id={cited} />}
      </p>
      {first.reason && <p class="reason">{first.reason}</p>}
      {finding && (
        <dl class="brief">
          <dt>expected</dt>
          <dd>{finding.expected}</dd>
          <dt>actual</dt>
          <dd>{finding.actual}</dd>
        </dl>
      )}
      {group.instances.length > 1 && (
        <ShortList items={group.instances} first={4} what="instances">
          {(shown) => (
            <ul class="chips">
              {shown.map((at) => (
                <li key={at}>
                  <a href={linkTo(results[at])}>{paramsOf(results[at]) || results[at].id}</a>
                </li>
              ))}
            </ul>
          )}
        </ShortList>
      )}
    </li>
  );
}

function Cited({ id }: { id: string }) {
  const { report, href } = useView();
  const { level } = report.cite(id);
  return (
    <span class="cited">
      {report.requirements.has(id) ? <a href={href({ view: 'requirement', id })}>{id}</a> : id}{' '}
      <Level level={level} />
    </span>
  );
}

function Targets() {
  const { report } = useView();
  const { targets, results } = report.results;
  return (
    <section>
      <h2>Targets</h2>
      <ul class="cards targets">
        {targets.map((target, at) => {
          const counts = new Map<Shown, number>();
          for (const result of results)
            if (result.target === at) counts.set(result.verdict, (counts.get(result.verdict) ?? 0) + 1);
          const shown = ([...PROBLEMS, 'pass', 'skip'] as Shown[]).filter((verdict) => counts.has(verdict));
          return (
            <li key={target.name} class="card">
              <div class="card-head">
                <span class="card-title mono">{target.name}</span>
                <span class="card-target">{target.type} device</span>
              </div>
              {target.description !== target.name && <p>{target.description}</p>}
              <p class="verdict-row">
                {shown.map((verdict) => (
                  <a
                    key={verdict}
                    href={hrefOf(
                      { view: 'cases' },
                      { ...NO_FILTER, target: String(at), verdicts: [verdict] },
                    )}
                  >
                    <Verdict verdict={verdict} /> {count(counts.get(verdict)!)}
                  </a>
                ))}
                {shown.length === 0 && 'nothing ran'}
              </p>
              <details>
                <summary>
                  {target.features.length} features offered, {target.abilities.length} abilities
                </summary>
                <p class="words">{target.features.join(' · ') || 'no features'}</p>
                <p class="words">Abilities: {target.abilities.join(' · ') || 'none'}</p>
                {target.figures && (
                  <p class="words">
                    Measured:{' '}
                    {Object.entries(target.figures)
                      .map(([what, n]) => `${n} ${what.replaceAll('-', ' ')}`)
                      .join(' · ')}
                  </p>
                )}
              </details>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Scopes() {
  const { report } = useView();
  const inRange = report.coverage.scopes.filter(({ decidable }) => decidable > 0);
  const others = report.coverage.scopes.filter(({ decidable }) => decidable === 0);
  return (
    <section>
      <h2>Statement coverage by scope</h2>
      <div class="scroll">
        <table class="scopes">
          <thead>
            <tr>
              <th scope="col">Scope</th>
              <th scope="col">Decided</th>
              <th scope="col" class="wide">
                Share
              </th>
              <th scope="col">Broken</th>
              <th scope="col">Warned</th>
              <th scope="col">With proof</th>
              <th scope="col">Not decidable</th>
            </tr>
          </thead>
          <tbody>
            {inRange.map((scope) => (
              <ScopeRow key={scope.scope} scope={scope} />
            ))}
          </tbody>
        </table>
      </div>
      <p class="note">
        Not in the range of these targets: {others.map(({ scope, total }) => `${scope} ${total}`).join(' · ')}
        .
      </p>
    </section>
  );
}

function ScopeRow({ scope }: { scope: Coverage }) {
  const { decided, decidable, broken, warned, proved, transport, outside } = scope;
  return (
    <tr>
      <th scope="row">
        <a href={hrefOf({ view: 'requirements' }, { ...NO_FILTER, scope: scope.scope })}>{scope.scope}</a>
      </th>
      <td>
        {decided} of {decidable}
      </td>
      <td class="wide">
        <Bar value={decided} of={decidable} /> {percentOf(decided, decidable)}
      </td>
      <td class={broken > 0 ? 'bad' : ''}>{broken}</td>
      <td>{warned}</td>
      <td>{proved}</td>
      <td>{transport + outside}</td>
    </tr>
  );
}
