import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { junitXml, xmlAttribute, xmlText } from './junit.ts';
import type { Results } from './results.ts';
import { sampleResults } from './sample.ts';

const sample = sampleResults();
const xml = junitXml(sample);

const countOf = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].length;

/** The test case with this name, as text. */
function caseText(name: string, text = xml): string {
  const cases = [...text.matchAll(/ {4}<testcase [^>]*>[\s\S]*? {4}<\/testcase>/g)].map(([one]) => one);
  return cases.findLast((one) => one.includes(`name="${name}"`))!;
}

describe('JUnit', () => {
  test('has one suite for each target and one test case for each instance', () => {
    expect(countOf(xml, /<testsuite /g)).toBe(3);
    expect(countOf(xml, /<testcase /g)).toBe(sample.summary.instances);
  });

  test('counts on the root agree with the elements', () => {
    const [, tests, failures, errors, skipped] =
      /<testsuites [^>]*tests="(\d+)" failures="(\d+)" errors="(\d+)" skipped="(\d+)"/.exec(xml)!.map(Number);
    expect(tests).toBe(sample.summary.instances);
    expect(failures).toBe(countOf(xml, /<failure /g));
    expect(errors).toBe(countOf(xml, /<error /g));
    expect(skipped).toBe(countOf(xml, /<skipped /g));
    const { fail, hang, crash, xpass, blocked, skip, xfail } = sample.summary.verdicts;
    expect([failures, errors, skipped]).toEqual([fail + hang + crash + xpass, blocked, skip + xfail]);
  });

  test('a failure carries demand, expected, actual and replay', () => {
    const text = caseText('split-used/length-at-most-written:ring=split;size=8;dir=in');
    expect(text).toContain('classname="split-used"');
    expect(text).toContain('<property name="requirements" value="P1.1-016 V1.1-2.6.8.2-D2"/>');
    expect(text).toContain('<property name="class" value="conformance"/>');
    expect(text).toContain('<property name="seed" value="1"/>');
    expect(text).toMatch(/<failure type="fail" message="expected used length of buffer 1/);
    expect(text).toContain('step 4: peer: { send: [1514, 64] }');
    expect(text).toContain('actual:   1526');
    expect(text).toContain('replay: npx vdpa-cts run --target &apos;./acme/nic.ts:firmware=4.2.1&apos;');
  });

  test('a warning passes with its text kept', () => {
    const text = caseText('needs-reset/set-on-error:ring=split');
    expect(text).toContain('<system-out>');
    expect(text).not.toMatch(/<(failure|error|skipped)/);
  });

  test('a waived failure is skipped with the waiver as message', () => {
    expect(caseText('split-notify/event-idx-crossing:ring=split;batch=7')).toContain(
      '<skipped type="xfail" message="waived until 2027-03-31',
    );
  });

  test('time is in seconds', () => {
    expect(caseText('net-control/reset-while-busy:ring=split;busy=64')).toContain('time="5.000000"');
  });

  test('a run that ended early or ran nothing is an error to a gate that reads only this file', () => {
    const early = junitXml(sampleResults({ clean: true, complete: false }));
    expect(early).toMatch(/<testsuites [^>]*errors="1"/);
    expect(early).toContain('<error type="incomplete"');
    const empty: Results = { ...sampleResults({ clean: true }), results: [] };
    empty.summary = { ...empty.summary, instances: 0 };
    expect(junitXml(empty)).toContain('<error type="empty"');
  });
});

describe('escaping', () => {
  test('shows what XML cannot hold', () => {
    expect(xmlText('a\x00b\x1b[31m\ufffe\ud800')).toBe('a\\x00b\\x1b[31m\\xfffe\\xd800');
    expect(xmlText('\u{1f600} ]]> & <')).toBe('\u{1f600} ]]&gt; &amp; &lt;');
    expect(xmlAttribute('a\n\t"b\'')).toBe('a&#10;&#9;&quot;b&apos;');
  });

  test('of any text leaves only what XML allows, and text without control characters comes back as it was', () => {
    const forbidden = /(?![\t\n\r])\p{Cc}|\p{Cs}|[\ufffe\uffff<>"']|&(?!(amp|lt|gt|quot|apos|#\d+);)/u;
    const names: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
    const back = (text: string) =>
      text.replace(/&(?:#(\d+)|(\w+));/g, (_, code, name) =>
        code ? String.fromCharCode(code) : names[name],
      );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        if (forbidden.test(xmlText(text)) || forbidden.test(xmlAttribute(text))) return false;
        return /\p{Cc}|[\ufffe\uffff]/u.test(text) || back(xmlAttribute(text)) === text;
      }),
    );
  });
});
