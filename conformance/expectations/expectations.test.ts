import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { CatalogueCase } from '../loader/case.ts';
import type { Finding } from '../oracles/finding.ts';
import { Expected } from './apply.ts';
import type { Expectation } from './expectation.ts';
import { loadExpectations } from './load.ts';

const folder = mkdtempSync(join(tmpdir(), 'vdpa-cts-expect-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const position = { file: 'x.yaml', line: 1, column: 1 };
const finding = (requirement: string): Finding => ({
  oracle: 'expectation',
  requirement,
  step: 0,
  expected: '',
  actual: '',
  kind: 'broken',
});
const result = (id: string, verdict: 'pass' | 'fail' | 'skip' | 'crash', ...rules: string[]) => ({
  id,
  verdict,
  findings: rules.map(finding),
  reason: undefined as string | undefined,
});
const known: Expectation = {
  id: 'late',
  target: 'qemu:*',
  instances: ['device-status/late', 'device-status/other:size=8*'],
  verdict: 'fail',
  requirements: ['V1.1-2.1.2-D1'],
  reason: 'it comes too late',
  position,
};
const apply = (one: ReturnType<typeof result>, more: Partial<Expectation> = {}, today = '2026-01-01') =>
  new Expected([{ ...known, ...more }], 'qemu:virtio-blk-pci', today).apply(one);

describe('an expectation', () => {
  it.each([
    ['device-status/late:size=2', 'fail', 'xfail'],
    ['device-status/late', 'fail', 'xfail'],
    ['device-status/later:size=2', 'fail', 'fail'],
    ['device-status/other:size=8;n=1', 'fail', 'xfail'],
    ['device-status/other:size=2', 'fail', 'fail'],
    ['device-status/late:size=2', 'pass', 'xpass'],
    ['device-status/other:size=2', 'pass', 'pass'],
    ['device-status/late:size=2', 'skip', 'skip'],
    ['device-status/late:size=2', 'crash', 'crash'],
  ] as const)('of %s that comes to %s makes it %s', (id, verdict, want) => {
    expect(apply(result(id, verdict, 'V1.1-2.1.2-D1')).verdict).toBe(want);
  });

  it('of what happens only sometimes takes a pass for a pass, and everything else as ever', () => {
    const id = 'device-status/late:size=2';
    const verdict = (...args: Parameters<typeof result>) =>
      apply(result(...args), { sometimes: true }).verdict;
    expect(verdict(id, 'pass')).toBe('pass');
    expect(verdict(id, 'fail', 'V1.1-2.1.2-D1')).toBe('xfail');
    expect(verdict(id, 'fail', 'V1.1-2.1.2-D2')).toBe('fail');
    expect(verdict(id, 'crash')).toBe('crash');
    const both = new Expected(
      [
        { ...known, sometimes: true },
        { ...known, id: 'always', instances: ['device-status/late:size=2'] },
      ],
      'qemu:virtio-blk-pci',
      '2026-01-01',
    );
    expect(both.apply(result(id, 'pass'))).toMatchObject({
      verdict: 'xpass',
      reason: expect.stringContaining('always'),
    });
  });

  it('covers no other rule, no other target, and nothing once it has expired', () => {
    const broken = result('device-status/late:size=2', 'fail', 'V1.1-2.1.2-D1', 'V1.1-2.1.2-D2');
    expect(apply(broken).verdict).toBe('fail');
    const late = result('device-status/late:size=2', 'fail', 'V1.1-2.1.2-D1');
    expect(new Expected([known], 'simulator-blk', '2026-01-01').apply(late).verdict).toBe('fail');
    expect(apply(late, { expires: '2026-01-01' }).verdict).toBe('xfail');
    expect(apply(late, { expires: '2025-12-31' })).toMatchObject({
      verdict: 'fail',
      reason: 'late expired on 2025-12-31',
    });
    expect(apply(result('device-status/late:a=1', 'pass'), { expires: '2025-12-31' }).verdict).toBe('pass');
  });

  it('adds up: one that expects the verdict, and one for each rule that is broken', () => {
    const other = { ...known, id: 'other', requirements: ['V1.1-2.1.2-D2'] };
    const both = result('device-status/late:size=2', 'fail', 'V1.1-2.1.2-D1');
    both.findings.push({ ...both.findings[0], requirement: 'V1.1-2.1.2-D2' });
    expect(apply(both).verdict).toBe('fail');
    expect(new Expected([known, other], 'qemu:virtio-blk-pci', '2026-01-01').apply(both)).toMatchObject({
      verdict: 'xfail',
      reason: 'late: it comes too late; other: it comes too late',
    });
  });

  it('says why in the result', () => {
    const late = result('device-status/late:size=2', 'fail', 'V1.1-2.1.2-D1');
    expect(apply(late, { reference: 'bug 7' }).reason).toBe('late: it comes too late (bug 7)');
  });
});

describe('a file of expectations', () => {
  const cases = [{ id: 'device-status/late' }] as CatalogueCase[];
  const load = (text: string) => {
    const path = join(folder, 'known.yaml');
    writeFileSync(path, text);
    try {
      return loadExpectations([path], { cases, rules: new Set(['V1.1-2.1.2-D1']) });
    } catch (error) {
      return (error as Error).message.replaceAll(folder, '');
    }
  };

  it('is a list', () => {
    const text =
      '- id: late\n  instances: [device-status/late]\n  verdict: fail\n  requirements: [V1.1-2.1.2-D1]\n  reason: it comes too late\n';
    expect(load(text)).toMatchObject([{ id: 'late', verdict: 'fail', position: { line: 1 } }]);
    expect(load('[]')).toEqual([]);
    expect(load(text + text)).toContain('/known.yaml:6:3: the expectation late is there already');
  });

  it('may name nothing that does not exist', () => {
    expect(
      load(
        '- id: late\n  instances: [device-status/lat]\n  verdict: fail\n  requirements: [V1.1-2.1.2-D9]\n  reason: it comes too late\n',
      ),
    ).toMatchInlineSnapshot(`
      "/known.yaml:2:15: late: the catalogue has no case device-status/lat
          hint: did you mean device-status/late?
      /known.yaml:4:18: late: there is no requirement V1.1-2.1.2-D9
          hint: did you mean V1.1-2.1.2-D1?"
    `);
    expect(load('- {id: late, verdict: odd}')).toMatchInlineSnapshot(`
      "/known.yaml:1:3: 0 must have required property 'instances'
          hint: \`vdpa-cts schema expectations\` tells the format
      /known.yaml:1:3: 0 must have required property 'reason'
          hint: \`vdpa-cts schema expectations\` tells the format
      /known.yaml:1:23: 0.verdict must be equal to one of the allowed values
          hint: \`vdpa-cts schema expectations\` tells the format"
    `);
    expect(
      load('- {id: late, instances: [device-status/late], verdict: fail, reason: it comes too late}'),
    ).toContain('expected for the requirements that it breaks');
    expect(load('- {')).toContain('this is not valid YAML');
  });
});
