import type { Finding, Oracle } from './finding.ts';

/** The parent threw, never became idle, or returned what the contract does not allow; or the steps stopped. */
export const run: Oracle = (history) => {
  const findings: Finding[] = [];
  const requirement = history.case.requirements[0];
  let step = 0;
  let busy = false;
  history.events.forEach((event, at) => {
    const found = (kind: Finding['kind'], expected: string, actual: string, cited = requirement) =>
      findings.push({ oracle: 'run', requirement: cited, step, expected, actual, kind, event: at });
    if (event.k === 'step') step = event.i;
    else if (event.k === 'throw')
      found(
        event.hang ? 'hang' : 'crash',
        event.hang ? 'the device answers' : 'the device survives',
        `${event.op} threw ${event.error}${event.at ? ` (${event.at})` : ''}`,
      );
    else if (event.k === 'pump' && event.busy) {
      busy = true;
      found('hang', 'the device becomes idle', `still working after ${event.n} units of work`);
    } else if (event.k === 'contract')
      findings.push({
        oracle: 'contract',
        requirement: 'INV-CONTRACT',
        step,
        expected: `${event.op} returns ${event.want}`,
        actual: event.got,
        kind: 'broken',
        event: at,
      });
    else if (event.k === 'stop' && !event.lacks && !busy)
      found('blocked', 'all steps are carried out', event.why);
  });
  return findings;
};
