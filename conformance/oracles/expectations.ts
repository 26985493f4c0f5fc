import { STEPS } from '../steps/index.ts';
import type { Finding, Oracle } from './finding.ts';

/** Each step that looked at something judges what it saw. */
export const expectations: Oracle = (history) => {
  const findings: Finding[] = [];
  history.events.forEach((event, at) => {
    if (event.k !== 'obs') return;
    const step = history.steps[event.i];
    const problems = STEPS.get(step.name)?.judge?.(step.args, event.v) ?? [];
    for (const problem of problems) {
      findings.push({
        oracle: 'expectation',
        requirement: step.for ?? problem.requirement ?? history.case.requirements[0],
        step: event.i,
        expected: problem.expected,
        actual: problem.actual,
        kind: step.control || problem.blocked ? 'blocked' : 'broken',
        ...(step.tier ? { tier: step.tier } : {}),
        event: at,
      });
    }
  });
  return findings;
};
