import { describe, expect, test } from 'vitest';
import type { CaseResult, ResultRequirement, Results, ResultVerdict } from '../results.ts';
import { sampleResults } from '../sample.ts';
import { citations } from './citation.ts';
import { coverage } from './coverage.ts';
import { matrixGroups } from './matrix.ts';
import { brokenRules, findingsInOrder, problemGroups, skipGroups } from './problems.ts';
import { runVerdict } from './run-verdict.ts';
import { shownVerdict, worstOf } from './shown.ts';

const sample = sampleResults();
const clean = sampleResults({ clean: true });

/** A run of one instance for each verdict. */
function runOf(verdicts: readonly ResultVerdict[], complete = true): Results {
  const results = verdicts.map((verdict, i): CaseResult => ({ ...clean.results[i], verdict, findings: [] }));
  const counts = { ...clean.summary.verdicts };
  for (const verdict of Object.keys(counts) as ResultVerdict[]) {
    counts[verdict] = verdicts.filter((one) => one === verdict).length;
  }
  return {
    ...clean,
    complete,
    results,
    summary: { ...clean.summary, verdicts: counts, instances: verdicts.length },
  };
}

describe('the verdict of a run', () => {
  test.each<[readonly ResultVerdict[], boolean, string]>([
    [['pass', 'skip', 'warn', 'xfail'], true, 'PASS'],
    [['pass', 'fail'], true, 'FAIL'],
    [['pass', 'blocked'], true, 'FAIL'],
    [['pass', 'xpass'], true, 'FAIL'],
    [['pass', 'error'], true, 'FAIL'],
    [['pass'], false, 'INCOMPLETE'],
    [['pass', 'hang'], false, 'FAIL, INCOMPLETE'],
    [[], true, 'NOTHING RAN'],
    [['skip', 'skip'], true, 'NOTHING DECIDED'],
  ])('of %o, complete: %s, is %s', (verdicts, complete, label) => {
    expect(runVerdict(runOf(verdicts, complete)).label).toBe(label);
  });

  test('says that waived breaches are breaches', () => {
    expect(runVerdict(runOf(['pass', 'xfail'])).text).toContain('beyond what is waived');
  });
});

describe('coverage', () => {
  const { all, scopes } = coverage(sample);

  test('puts every requirement into exactly one class', () => {
    expect(all.decidable + all.transport + all.outside + all.outOfRange).toBe(all.total);
    expect(all.total).toBe(sample.requirements.length);
  });

  test('of all scopes adds up', () => {
    for (const key of ['total', 'decided', 'decidable', 'broken', 'proved'] as const) {
      expect(scopes.reduce((sum, scope) => sum + scope[key], 0)).toBe(all[key]);
    }
  });

  test('does not count skipped, blocked and failed attempts as decided', () => {
    const row = sample.requirements.find(({ scope, decided }) => scope === 'core' && decided.by === 'cases')!;
    const idle: ResultRequirement = { ...row, verdicts: ['skip', 'blocked', 'error'] };
    expect(coverage({ ...sample, requirements: [idle] }).all).toMatchObject({ decidable: 1, decided: 0 });
  });
});

describe('the matrix', () => {
  const groups = matrixGroups(sample.requirements);

  test('follows the clauses of chapter 7, then what no clause lists, then the vDPA contract and management', () => {
    const keys = groups.map(({ key }) => key);
    expect(keys.slice(0, 3)).toEqual(['7.3', '7.3.1', '7.3.2']);
    expect(keys.indexOf('7.3.10')).toBeGreaterThan(keys.indexOf('7.3.9'));
    expect(keys.slice(-4)).toEqual(['7.4', 'unlisted', 'vdpa', 'management']);
  });

  test('takes titles from the specification', () => {
    expect(groups.find(({ key }) => key === '7.3.5')?.title).toBe('Block Device Conformance');
  });

  test('shows every requirement once', () => {
    const ids = groups.flatMap(({ sections }) => sections.flatMap(({ rows }) => rows.map(({ id }) => id)));
    expect(ids.toSorted()).toEqual(sample.requirements.map(({ id }) => id).toSorted());
  });

  test('puts the packed ring under what chapter 7 does not list', () => {
    const unlisted = groups.find(({ key }) => key === 'unlisted')!;
    expect(unlisted.sections.some(({ section }) => section.startsWith('2.7'))).toBe(true);
  });
});

describe('what a cell shows', () => {
  const net = sample.targets[0];
  const row = (change: Partial<ResultRequirement>) => ({ ...sample.requirements[0], ...change });

  test('names the reason when there is no verdict', () => {
    const outside = row({ decided: { by: 'outside', reason: 'a permission' }, verdicts: ['none'] });
    expect(shownVerdict(outside, 0, net)).toBe('undecidable');
    expect(shownVerdict(row({ scope: 'blk', decided: { by: 'cases' }, verdicts: ['skip'] }), 0, net)).toBe(
      'other-device',
    );
    expect(shownVerdict(row({ scope: 'net', decided: { by: 'cases' }, verdicts: ['none'] }), 0, net)).toBe(
      'none',
    );
  });

  test('is a verdict wherever one was reached', () => {
    expect(
      shownVerdict(row({ decided: { by: 'transport', reason: 'PCI' }, verdicts: ['fail'] }), 0, net),
    ).toBe('fail');
  });

  test('of a case is its worst instance, with skipped ones aside', () => {
    const of = (...verdicts: ResultVerdict[]) =>
      worstOf(verdicts.map((verdict) => ({ ...sample.results[0], verdict })));
    expect(of('skip', 'pass')).toBe('pass');
    expect(of('pass', 'blocked', 'skip')).toBe('blocked');
    expect(of('skip')).toBe('skip');
    expect(of()).toBe('none');
  });
});

describe('problems', () => {
  const groups = problemGroups(sample);

  test('hold every instance that neither passed nor was skipped, once, worst first', () => {
    const { pass, skip } = sample.summary.verdicts;
    const instances = groups.flatMap((group) => group.instances);
    expect(new Set(instances).size).toBe(sample.summary.instances - pass - skip);
    expect(groups[0].verdict).toBe('crash');
    expect(groups.at(-1)?.verdict).toBe('xfail');
  });

  test('come down to rules, each with all of its instances', () => {
    const rules = brokenRules(sample);
    expect(rules[0]).toMatchObject({ requirement: 'INV-ALIVE', verdict: 'crash' });
    const wrap = rules.find(({ requirement }) => requirement === 'P1.1-002')!;
    expect([wrap.instances.length, [...wrap.cases], [...wrap.targets]]).toEqual([
      3,
      ['packed/used-wrap'],
      [2],
    ]);
  });

  test('of one instance begin with what explains its verdict', () => {
    const findings = [
      {
        oracle: 'run',
        requirement: 'A',
        step: 1,
        expected: '',
        actual: '',
        kind: 'broken' as const,
        tier: 'info' as const,
      },
      { oracle: 'run', requirement: 'B', step: 2, expected: '', actual: '', kind: 'broken' as const },
      { oracle: 'run', requirement: 'C', step: 3, expected: '', actual: '', kind: 'crash' as const },
    ];
    const of = (verdict: ResultVerdict) =>
      findingsInOrder({ ...sample.results[0], verdict, findings }).map(({ requirement }) => requirement);
    expect(of('fail')[0]).toBe('B');
    expect(of('crash')[0]).toBe('C');
  });
});

test('skipped instances are all grouped, the most frequent reason first', () => {
  const groups = skipGroups(sample);
  expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(sample.summary.verdicts.skip);
  expect(groups.every(({ count }, i) => i === 0 || groups[i - 1].count >= count)).toBe(true);
});

test('a citation answers for requirements, rules of the suite and ids that nobody knows', () => {
  const cite = citations(sample);
  expect(cite('V1.1-2.1.2-D1')).toMatchObject({ level: 'MUST', place: expect.stringContaining('2.1.2') });
  expect(cite('INV-ALIVE').level).toBe('suite rule');
  expect(cite('X-1')).toEqual({ id: 'X-1', summary: '', level: '', place: '' });
});
