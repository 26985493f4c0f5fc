import type { CaseResult, ResultFinding } from '../../../results.ts';
import { findingsInOrder } from '../../../view/problems.ts';
import { VERDICT_TEXT } from '../../../view/verdicts.ts';
import { useView } from '../context.ts';
import { paramsOf } from '../data.ts';
import { Command } from '../parts/copy.tsx';
import { MemoryPicture } from '../parts/memory-picture.tsx';
import { RingPicture } from '../parts/ring-picture.tsx';
import { Transcript } from '../parts/transcript.tsx';
import { Level, Verdict } from '../parts/verdict.tsx';
import { Requirements, Why } from './case.tsx';
import { Missing } from './requirement.tsx';

/** One instance on one target: what was expected, what happened, and how to see it again. */
export function ResultView({ target, id }: { target: number; id: string }) {
  const { report, href } = useView();
  const result = report.results.results.find((one) => one.target === target && one.id === id);
  if (!result) return <Missing what={`instance ${id} on target ${target}`} />;
  const definition = report.cases.get(result.case);
  const findings = findingsInOrder(result);
  const { detail } = result;
  return (
    <article class="result">
      <p class="back">
        <a href={href({ view: 'case', id: result.case })}>← {result.case}</a>
      </p>
      <h1 tabIndex={-1}>
        <Verdict verdict={result.verdict} /> {definition?.title ?? result.case}
      </h1>
      <p class="mono muted">
        {paramsOf(result) || 'no parameters'} · on {report.results.targets[target]?.name} · {result.timing.ms}{' '}
        ms
      </p>
      <p class="note">{VERDICT_TEXT[result.verdict].meaning}</p>
      {result.reason && <p class="reason">{result.reason}</p>}
      {definition && <Why why={definition.why} ambiguity={definition.ambiguity} />}
      {findings.map((finding, i) => (
        <Finding key={i} finding={finding} result={result} />
      ))}
      {findings.length === 0 && definition && (
        <>
          <h2>What is demanded</h2>
          <Requirements ids={definition.requirements} />
        </>
      )}
      {detail && (
        <>
          <h2>Replay</h2>
          <Command text={detail.replay} />
          {detail.history && <p class="muted mono">History: {detail.history}</p>}
          {detail.steps.length > 0 && <Steps steps={detail.steps} findings={findings} />}
          {detail.picture && (
            <>
              <h2>Rings and memory at the failure</h2>
              {detail.picture.queues.map((queue) => (
                <RingPicture key={queue.queue} queue={queue} />
              ))}
              {detail.picture.memory.length > 0 && <MemoryPicture memory={detail.picture.memory} />}
            </>
          )}
          {detail.transcript.length > 0 && (
            <>
              <h2>Transcript</h2>
              <Transcript lines={detail.transcript} steps={detail.steps} focus={findings[0]?.event} />
            </>
          )}
          {detail.steps.length === 0 && (
            <p class="note">No history was kept: the worker that ran it had to be ended.</p>
          )}
        </>
      )}
    </article>
  );
}

function Finding({ finding, result }: { finding: ResultFinding; result: CaseResult }) {
  const { report, href } = useView();
  const { id, summary, level, place } = report.cite(finding.requirement);
  const known = report.requirements.has(id);
  const line = result.detail?.steps[finding.step];
  return (
    <section class="finding">
      <p class="finding-head">
        {known ? <a href={href({ view: 'requirement', id })}>{id}</a> : <b>{id}</b>} <Level level={level} />{' '}
        {finding.tier && <span class="level level-info">counts as {finding.tier} at most</span>}{' '}
        <span class="muted">{place}</span>
      </p>
      {summary !== '' && <p>{summary}</p>}
      <div class="versus">
        <div class="expected">
          <h3>Expected</h3>
          <p>{finding.expected}</p>
        </div>
        <div class="actual">
          <h3>Actual</h3>
          <p>{finding.actual}</p>
        </div>
      </div>
      <p class="muted">
        {line === undefined ? `step ${finding.step + 1}` : `step ${finding.step + 1}: `}
        {line !== undefined && <code>{line}</code>} · seen by: {finding.oracle}
      </p>
    </section>
  );
}

function Steps({ steps, findings }: { steps: readonly string[]; findings: readonly ResultFinding[] }) {
  const failing = new Set(findings.map(({ step }) => step));
  return (
    <>
      <h2>Steps</h2>
      <ol class="steps">
        {steps.map((step, i) => (
          <li
            key={i}
            class={failing.has(i) ? 'step-failing' : ''}
            aria-current={failing.has(i) ? 'step' : undefined}
          >
            <code>{step}</code>
            {failing.has(i) && <span class="here">✕ fails here</span>}
          </li>
        ))}
      </ol>
    </>
  );
}
