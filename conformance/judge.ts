import { type ResultVerdict, worstVerdict } from '../reports/results.ts';
import { requirements, severity } from '../specs/requirements.ts';
import type { History } from './history/history.ts';
import { expectations } from './oracles/expectations.ts';
import type { Finding, Oracle } from './oracles/finding.ts';
import { memoryAndRings, model } from './oracles/model.ts';
import { needsReset } from './oracles/needs-reset.ts';
import { run } from './oracles/run.ts';
import { SUITE_RULES } from './oracles/suite-rules.ts';

/** Verdict of one case; `xfail`, `xpass` and `skip` are given elsewhere. */
export type Verdict = ResultVerdict;

export interface Judgement {
  verdict: Verdict;
  findings: Finding[];
  /** Why it was skipped. */
  reason?: string;
}

/** Every oracle, in the order in which their findings are listed. */
export const ORACLES: readonly Oracle[] = [run, expectations, memoryAndRings, model, needsReset];

/** Judge a history. Pure: the same history gives the same judgement. */
export function judge(history: History): Judgement {
  const all: Finding[] = [];
  for (const oracle of ORACLES) for (const one of oracle(history)) all.push(one);
  const findings = withoutGround(all.sort((a, b) => (a.event ?? 0) - (b.event ?? 0)));
  const verdict = verdictOf(findings);
  const lack =
    verdict === 'pass' ? history.events.find((event) => event.k === 'stop' && event.lacks) : undefined;
  return lack?.k === 'stop' ? { findings, verdict: 'skip', reason: lack.why } : { findings, verdict };
}

/**
 * What follows a control that failed has lost its ground: it may be the same failure seen again. Only rules that hold
 * whatever came before still say something.
 */
function withoutGround(findings: Finding[]): Finding[] {
  const control = findings.find(({ oracle, kind }) => oracle === 'expectation' && kind === 'blocked');
  if (control === undefined) return findings;
  return findings.filter(
    ({ kind, requirement, event }) =>
      kind !== 'broken' || requirement in SUITE_RULES || (event ?? 0) <= control.event!,
  );
}

/** What a single finding amounts to. */
export function weigh(finding: Pick<Finding, 'kind' | 'requirement' | 'tier'>): Verdict {
  if (finding.kind !== 'broken') return finding.kind;
  const level = requirements().get(finding.requirement)?.level ?? 'text-hard';
  const grade = finding.tier === 'info' ? 'info' : severity(level);
  if (grade === 'info') return 'pass';
  return grade === 'warn' || finding.tier === 'warn' ? 'warn' : 'fail';
}

function verdictOf(findings: readonly Finding[]): Verdict {
  const verdicts = findings.map(weigh);
  // Once a rule is broken it does not matter that later steps could not be done.
  const broken = verdicts.some((verdict) => verdict === 'fail' || verdict === 'crash' || verdict === 'hang');
  return verdicts.filter((verdict) => !(broken && verdict === 'blocked')).reduce(worstVerdict, 'pass');
}
