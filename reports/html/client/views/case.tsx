import { useView } from '../context.ts';
import { Back } from '../parts/back.tsx';
import { Instances } from '../parts/instances.tsx';
import { Level } from '../parts/verdict.tsx';
import { Missing } from './requirement.tsx';

/** One case: why it exists, what it decides, and every instance. */
export function CaseView({ id }: { id: string }) {
  const { report } = useView();
  const one = report.cases.get(id);
  if (!one) return <Missing what={`case ${id}`} />;
  return (
    <article>
      <Back view="cases" label="All cases" />
      <h1 tabIndex={-1}>{one.title}</h1>
      <p class="mono muted">
        {one.id} · {one.class} · {one.file}:{one.line}
      </p>
      <Why why={one.why} ambiguity={one.ambiguity} />
      <h2>Requirements</h2>
      <Requirements ids={one.requirements} />
      <h2>Instances</h2>
      <Instances caseId={id} />
    </article>
  );
}

export const Why = ({ why, ambiguity }: { why: string; ambiguity?: string }) => (
  <>
    <p class="why">
      <b>Why it matters:</b> {why.replace(/\.$/, '')}.
    </p>
    {ambiguity && (
      <p class="note">
        <b>Ambiguity:</b> {ambiguity}
      </p>
    )}
  </>
);

/** Requirements with what they demand. */
export function Requirements({ ids }: { ids: readonly string[] }) {
  const { report, href } = useView();
  return (
    <ul class="demands">
      {ids.map((id) => {
        const { summary, level, place } = report.cite(id);
        return (
          <li key={id}>
            <p>
              {report.requirements.has(id) ? (
                <a href={href({ view: 'requirement', id })}>{id}</a>
              ) : (
                <b>{id}</b>
              )}{' '}
              <Level level={level} /> <span class="muted">{place}</span>
            </p>
            <p>{summary}</p>
          </li>
        );
      })}
    </ul>
  );
}
