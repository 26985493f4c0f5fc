import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { VERDICT_ORDER } from './results.ts';
import { sampleResults } from './sample.ts';

const schema = JSON.parse(
  readFileSync(new URL('../specs/schema/results.schema.json', import.meta.url), 'utf8'),
);
const validate = new Ajv({
  allErrors: true,
  strict: true,
  strictTuples: false,
  strictRequired: false,
}).compile(schema);

describe('the schema of results', () => {
  test.each([{}, { clean: true }, { complete: false }])('accepts a run with %o', (options) => {
    validate(JSON.parse(JSON.stringify(sampleResults(options))));
    expect(validate.errors ?? []).toEqual([]);
  });

  test('knows every verdict, in the same order', () => {
    expect(schema.definitions.verdict.enum).toEqual([...VERDICT_ORDER]);
    expect(schema.definitions.summary.properties.verdicts.required).toEqual([...VERDICT_ORDER]);
  });

  test('refuses an unknown member, an unknown verdict and a skip without a reason', () => {
    const results = sampleResults({ clean: true });
    const first = results.results[0];
    expect(validate({ ...results, extra: 1 })).toBe(false);
    expect(validate({ ...results, results: [{ ...first, verdict: 'maybe' }] })).toBe(false);
    expect(validate({ ...results, results: [{ ...first, verdict: 'skip', reason: undefined }] })).toBe(false);
  });
});

describe('the sample', () => {
  test('is the same every time', () => {
    expect(JSON.stringify(sampleResults())).toBe(JSON.stringify(sampleResults()));
  });

  test('has an instance of every verdict that a device can earn', () => {
    const { verdicts } = sampleResults().summary;
    const absent = VERDICT_ORDER.filter((verdict) => verdicts[verdict] === 0);
    expect(absent).toEqual(['error']);
  });
});
