import { HARMLESS, type Results, type ResultVerdict, VERDICT_ORDER } from '../results.ts';
import { isDecision } from './verdicts.ts';

export interface RunVerdict {
  kind: 'pass' | 'fail' | 'incomplete' | 'empty';
  label: string;
  /** One sentence on what the label rests on. */
  text: string;
}

const plural = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString('en')} ${n === 1 ? one : many}`;

/** Counts of the verdicts that keep a run from passing, worst first, in words. */
function harmful(results: Results): string[] {
  return [...VERDICT_ORDER]
    .reverse()
    .filter((verdict) => !HARMLESS.has(verdict) && results.summary.verdicts[verdict] > 0)
    .map((verdict) => `${results.summary.verdicts[verdict].toLocaleString('en')} ${verdict}`);
}

const brokenRules = (results: Results, verdicts: readonly ResultVerdict[]): number =>
  results.requirements.filter((one) =>
    one.verdicts.some((verdict) => verdict !== 'none' && verdicts.includes(verdict)),
  ).length;

/**
 * What a run as a whole says. A run that ended early or decided nothing never passes; one that ended early
 * fails when something was found broken before.
 */
export function runVerdict(results: Results): RunVerdict {
  const { summary, complete, targets } = results;
  const over = `${plural(summary.instances, 'instance')} on ${plural(targets.length, 'target')}`;
  const bad = harmful(results);
  if (bad.length > 0) {
    const rules = brokenRules(results, ['fail', 'hang', 'crash']);
    const about = rules > 0 ? `; ${plural(rules, 'requirement')} affected` : '';
    return {
      kind: 'fail',
      label: complete ? 'FAIL' : 'FAIL, INCOMPLETE',
      text: `${bad.join(', ')} of ${over}${about}.`,
    };
  }
  if (summary.instances === 0)
    return { kind: 'empty', label: 'NOTHING RAN', text: 'The selection holds no instance.' };
  if (!complete)
    return {
      kind: 'incomplete',
      label: 'INCOMPLETE',
      text: `Ended early; nothing broken in ${over} so far.`,
    };
  if (!results.results.some(({ verdict }) => isDecision(verdict))) {
    return { kind: 'empty', label: 'NOTHING DECIDED', text: `All of ${over} were skipped.` };
  }
  const { warn, xfail, skip } = summary.verdicts;
  const notes = [
    warn > 0 ? plural(warn, 'warning') : '',
    xfail > 0 ? `${xfail.toLocaleString('en')} waived` : '',
    skip > 0 ? `${skip.toLocaleString('en')} skipped` : '',
  ].filter((note) => note !== '');
  const rest = notes.length > 0 ? `; ${notes.join(', ')}` : '';
  const broken = xfail > 0 ? 'Nothing broken beyond what is waived' : 'No requirement broken';
  return { kind: 'pass', label: 'PASS', text: `${broken} in ${over}${rest}.` };
}
