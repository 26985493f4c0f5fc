import type { CaseResult, Results, ResultVerdict } from './results.ts';
import { citations } from './view/citation.ts';
import { findingsInOrder } from './view/problems.ts';
import { runVerdict } from './view/run-verdict.ts';

/** Characters that XML 1.0 cannot hold, not even escaped; lone surrogates among them. */
const FORBIDDEN = /(?![\t\n\r])\p{Cc}|\p{Cs}|[\ufffe\uffff]/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Text of an element. What XML forbids is shown as `\x1b`. */
export function xmlText(text: string): string {
  return text
    .replace(FORBIDDEN, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .replace(/[&<>"']/g, (char) => ENTITIES[char])
    .replace(/\r/g, '&#13;');
}

/** Text of an attribute; line ends and tabs survive attribute normalisation. */
export const xmlAttribute = (text: string): string =>
  xmlText(text).replace(/[\n\t]/g, (char) => `&#${char.charCodeAt(0)};`);

const attributes = (values: Readonly<Record<string, string | number>>): string =>
  Object.entries(values)
    .map(([name, value]) => ` ${name}="${xmlAttribute(String(value))}"`)
    .join('');

const seconds = (ms: number): string => (ms / 1000).toFixed(6);

/** How a verdict is told to tools that know passed, failed, errors and skipped only. */
const OUTCOME: Readonly<Record<ResultVerdict, 'failure' | 'error' | 'skipped' | null>> = {
  pass: null,
  warn: null,
  skip: 'skipped',
  xfail: 'skipped',
  fail: 'failure',
  hang: 'failure',
  crash: 'failure',
  xpass: 'failure',
  blocked: 'error',
  error: 'error',
};

function properties(values: readonly (readonly [string, string | number])[], indent: string): string[] {
  const rows = values.map(([name, value]) => `${indent}  <property${attributes({ name, value })}/>`);
  return [`${indent}<properties>`, ...rows, `${indent}</properties>`];
}

/**
 * Results as JUnit XML: one test suite for each target, one test case for each instance. A run that ended early
 * or ran nothing carries an error of its own, so that a gate that reads only this file does not pass it.
 */
export function junitXml(results: Results): string {
  const suites = results.targets.map((_, target) => suiteOf(results, target));
  const gate = gateOf(results);
  const count = (outcome: string) =>
    results.results.filter(({ verdict }) => OUTCOME[verdict] === outcome).length +
    (gate && outcome === 'error' ? 1 : 0);
  const totals = {
    name: `${results.suite.name} ${results.suite.version}`,
    tests: results.results.length + (gate ? 1 : 0),
    failures: count('failure'),
    errors: count('error'),
    skipped: count('skipped'),
    time: seconds(results.timing.ms),
  };
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes(totals)}>`,
    ...(gate ?? []),
    ...suites.flat(),
    '</testsuites>',
  ];
  return `${lines.join('\n')}\n`;
}

function gateOf(results: Results): string[] | null {
  const empty = results.results.length === 0;
  if (results.complete && !empty) return null;
  const message = results.complete ? runVerdict(results).text : 'The run ended early; instances are missing.';
  return [
    `  <testsuite${attributes({ name: 'run', tests: 1, failures: 0, errors: 1, skipped: 0 })}>`,
    `    <testcase${attributes({ classname: 'run', name: empty ? 'something ran' : 'the run is complete', time: '0' })}>`,
    `      <error${attributes({ type: empty ? 'empty' : 'incomplete', message })}/>`,
    '    </testcase>',
    '  </testsuite>',
  ];
}

function suiteOf(results: Results, target: number): string[] {
  const { name, type, options } = results.targets[target];
  const own = results.results.filter((result) => result.target === target);
  const count = (outcome: string) => own.filter(({ verdict }) => OUTCOME[verdict] === outcome).length;
  const head = {
    name,
    tests: own.length,
    failures: count('failure'),
    errors: count('error'),
    skipped: count('skipped'),
    time: seconds(own.reduce((sum, { timing }) => sum + timing.ms, 0)),
    timestamp: results.timing.started.replace(/\.\d+Z?$|Z$/, ''),
  };
  const about: [string, string | number][] = [
    ['device type', type],
    ['catalogue', results.suite.catalogue],
    ['seed', results.seed],
    ['complete', String(results.complete)],
    ...Object.entries(options).map(([key, value]): [string, string] => [`option ${key}`, value]),
  ];
  const tests = own.flatMap((result) => testCase(result, results));
  return [`  <testsuite${attributes(head)}>`, ...properties(about, '    '), ...tests, '  </testsuite>'];
}

interface Context {
  cases: Map<string, Results['cases'][number]>;
  cite: ReturnType<typeof citations>;
}

const contexts = new WeakMap<Results, Context>();

function contextOf(results: Results): Context {
  const known = contexts.get(results);
  if (known) return known;
  const context = { cases: new Map(results.cases.map((one) => [one.id, one])), cite: citations(results) };
  contexts.set(results, context);
  return context;
}

function testCase(result: CaseResult, results: Results): string[] {
  const { id, verdict, reason = '', timing } = result;
  const definition = contextOf(results).cases.get(result.case);
  const folder = result.case.includes('/') ? result.case.slice(0, result.case.lastIndexOf('/')) : result.case;
  const about: [string, string | number][] = [
    ['requirements', (definition?.requirements ?? []).join(' ')],
    ['class', definition?.class ?? ''],
    ['seed', results.seed],
    ['verdict', verdict],
  ];
  const outcome = OUTCOME[verdict];
  const text = outcome === 'skipped' ? '' : failureText(result, results);
  const body: string[] = [];
  if (outcome !== null) {
    const first = findingsInOrder(result)[0];
    const message = reason || (first ? `expected ${first.expected}; actual ${first.actual}` : verdict);
    const head = `      <${outcome}${attributes({ type: verdict, message: message.replaceAll('\n', ' ') })}`;
    body.push(text === '' ? `${head}/>` : `${head}>${xmlText(text)}</${outcome}>`);
  } else if (verdict === 'warn') body.push(`      <system-out>${xmlText(text)}</system-out>`);
  return [
    `    <testcase${attributes({ classname: folder, name: id, time: seconds(timing.ms) })}>`,
    ...properties(about, '      '),
    ...body,
    '    </testcase>',
  ];
}

/** What is demanded, what was seen, and how to see it again. */
function failureText(result: CaseResult, results: Results): string {
  const { cite } = contextOf(results);
  const step = (n: number) => {
    const text = result.detail?.steps[n];
    return text === undefined ? [] : [`step ${n + 1}: ${text}`];
  };
  const parts = findingsInOrder(result).map((finding) => {
    const { id, level, place, summary } = cite(finding.requirement);
    return [
      [id, level, place].filter((one) => one !== '').join(' · '),
      ...(summary === '' ? [] : [summary]),
      ...step(finding.step),
      `expected: ${finding.expected.replaceAll('\n', '\n          ')}`,
      `actual:   ${finding.actual}`,
    ].join('\n');
  });
  if (result.reason) parts.unshift(result.reason);
  if (result.detail) parts.push(`replay: ${result.detail.replay}`);
  return parts.length === 0 ? '' : `\n${parts.join('\n\n')}\n`;
}
