import pc from 'picocolors';
import { type CaseResult, HARMLESS, type Results, type ResultVerdict, VERDICT_ORDER } from './results.ts';
import { citations } from './view/citation.ts';
import { coverage } from './view/coverage.ts';
import { findingsInOrder } from './view/problems.ts';
import { runVerdict } from './view/run-verdict.ts';

type Colours = ReturnType<typeof pc.createColors>;

/** Findings of one instance that are printed; the report has all. */
const MOST_FINDINGS = 3;

const INDENT = '  ';
const LABEL = 10;

function paint(verdict: ResultVerdict, text: string, c: Colours): string {
  if (verdict === 'pass') return c.green(text);
  if (verdict === 'skip') return c.dim(text);
  if (verdict === 'warn' || verdict === 'xfail') return c.yellow(text);
  return c.red(text);
}

/** `label` and text of one or several lines, aligned; every line is painted by itself. */
const row = (label: string, text: string, colour: (line: string) => string = (line) => line): string[] =>
  text.split('\n').map((line, i) => `${INDENT}${(i === 0 ? label : '').padEnd(LABEL)}${colour(line)}`);

/** Control characters of a device must not reach the terminal. */
const plain = (text: string): string =>
  text.replace(/(?!\n)\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);

/**
 * A failure in four parts: case and requirement; what is demanded, in our words; expected (every accepted
 * outcome) against actual; the command that replays it. Ends with an empty line.
 *
 * @param colour by default as the terminal, NO_COLOR and FORCE_COLOR say
 */
export function failureBlock(
  result: CaseResult,
  results: Results,
  colour: boolean = pc.isColorSupported,
): string {
  const c = pc.createColors(colour);
  const cite = citations({ ...results, requirements: citedRows(result, results) });
  const { verdict, detail, reason } = result;
  const target = results.targets[result.target].name;
  const lines = [
    `${paint(verdict, c.bold(verdict.toUpperCase()), c)} ${c.bold(result.id)} ${c.dim(`on ${target}`)}`,
  ];
  if (reason) lines.push(...row('reason', plain(reason)));
  const findings = findingsInOrder(result);
  for (const { requirement, step, expected, actual } of findings.slice(0, MOST_FINDINGS)) {
    const { id, level, place, summary } = cite(requirement);
    lines.push(`${INDENT}${c.cyan(id)} ${[level, place].filter((text) => text !== '').join(', ')}`);
    if (summary !== '') lines.push(`${INDENT}${summary}`);
    const line = detail?.steps[step];
    if (line !== undefined) lines.push(...row(`step ${step + 1}`, plain(line)));
    lines.push(...row('expected', plain(expected), c.green), ...row('actual', plain(actual), c.red));
  }
  if (findings.length === 0) {
    for (const id of caseRequirements(result, results)) {
      const { level, place, summary } = cite(id);
      lines.push(`${INDENT}${c.cyan(id)} ${level}, ${place}`, `${INDENT}${summary}`);
    }
  }
  if (findings.length > MOST_FINDINGS)
    lines.push(...row('', `… and ${findings.length - MOST_FINDINGS} more findings`));
  if (detail) lines.push(...row('replay', plain(detail.replay), c.bold));
  return `${lines.join('\n')}\n`;
}

const caseRequirements = (result: CaseResult, { cases }: Results): string[] =>
  cases.find(({ id }) => id === result.case)?.requirements ?? [];

/** The rows that a block needs, so that printing many blocks does not index all rows each time. */
function citedRows(result: CaseResult, results: Results): Results['requirements'] {
  const ids = new Set([
    ...result.findings.map(({ requirement }) => requirement),
    ...caseRequirements(result, results),
  ]);
  return results.requirements.filter(({ id }) => ids.has(id));
}

/** The run in a few lines: verdict, counts for each target, coverage. */
export function summaryLines(results: Results, colour: boolean = pc.isColorSupported): string[] {
  const c = pc.createColors(colour);
  const { kind, label, text } = runVerdict(results);
  const mark = kind === 'pass' ? c.green : kind === 'fail' ? c.red : c.yellow;
  const { all } = coverage(results);
  const width = Math.max(...results.targets.map(({ name }) => name.length), 0);
  const targets = results.targets.map(({ name }, target) => {
    const counts = countsOf(results, target).map(([verdict, n]) => paint(verdict, `${n} ${verdict}`, c));
    return `${INDENT}${name.padEnd(width)}  ${counts.join(', ') || c.dim('nothing ran')}`;
  });
  const figures = results.targets.flatMap(({ name, figures = {} }) => {
    const texts = Object.entries(figures).map(([what, n]) => `${n} ${what.replaceAll('-', ' ')}`);
    return texts.length > 0 ? [c.dim(`${INDENT}measured on ${name}: ${texts.join(', ')}`)] : [];
  });
  const emulated = results.targets.flatMap(({ name }, target) => {
    const n = results.requirements.filter((row) => row.emulated?.includes(target)).length;
    const what = `${n} requirement${n === 1 ? ' holds' : 's hold'}`;
    return n > 0 ? [c.dim(`${INDENT}emulated on ${name}: ${what}, no proof of the device`)] : [];
  });
  const share = all.decidable === 0 ? '' : ` (${Math.floor((100 * all.decided) / all.decidable)} %)`;
  return [
    `${mark(c.bold(label))} ${text}`,
    ...targets,
    ...figures,
    ...emulated,
    `${INDENT}${all.decided} of ${all.decidable} decidable requirements decided${share}, ${all.proved} proved by seeded defects`,
  ];
}

/** Counts above 0: what needs attention first, worst first, then pass and skip. */
function countsOf(results: Results, target: number): [ResultVerdict, number][] {
  const counts = new Map<ResultVerdict, number>();
  for (const result of results.results) {
    if (result.target === target) counts.set(result.verdict, (counts.get(result.verdict) ?? 0) + 1);
  }
  const bad = [...VERDICT_ORDER].reverse().filter((verdict) => !HARMLESS.has(verdict));
  const order: ResultVerdict[] = [...bad, 'warn', 'xfail', 'pass', 'skip'];
  return order.flatMap((verdict): [ResultVerdict, number][] =>
    counts.has(verdict) ? [[verdict, counts.get(verdict)!]] : [],
  );
}
