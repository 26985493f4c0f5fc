import type { Finding, Oracle } from './finding.ts';

/** The parent threw, never became idle, or returned what the contract does not allow; or the steps stopped. */
export const run: Oracle = (history) => {
  const findings: Finding[] = [];
  const requirement = history.case.requirements[0];
  let step = 0;
  let at = 0;
  let busy = false;
  const found = (kind: Finding['kind'], expected: string, actual: string) =>
    findings.push({ oracle: 'run', requirement, step, expected, actual, kind, event: at });
  for (; at < history.events.length; at++) {
    const event = history.events[at];
    switch (event.k) {
      case 'step':
        step = event.i;
        break;
      case 'throw': {
        const where = event.at ? ` (${event.at})` : '';
        const actual = `${event.op} threw ${event.error}${where}`;
        if (event.hang) found('hang', 'the device answers', actual);
        else found('crash', 'the device survives', actual);
        break;
      }
      case 'pump':
        if (!event.busy) break;
        busy = true;
        found('hang', 'the device becomes idle', `still working after ${event.n} units of work`);
        break;
      case 'contract':
        findings.push({
          oracle: 'contract',
          requirement: 'INV-CONTRACT',
          step,
          expected: `${event.op} returns ${event.want}`,
          actual: event.got,
          kind: 'broken',
          event: at,
        });
        break;
      case 'stop':
        if (!event.lacks && !busy) found('blocked', 'all steps are carried out', event.why);
    }
  }
  return findings;
};
