import { expect, it } from 'vitest';
import { requirements } from '../../specs/requirements.ts';
import { isEmulated, NAMED } from './emulated.ts';

it('names requirements that exist', () => {
  expect(NAMED.filter((id) => !requirements().has(id))).toEqual([]);
});

it('takes what a parent keeps itself for its own', () => {
  const reset = requirements().get('V1.1-2.1.2-D1')!;
  const early = requirements().get('V1.1-2.1.2-D2')!;
  expect(isEmulated(reset, ['emulates-status'])).toBe(true);
  expect(isEmulated(reset, ['emulates-config', 'vq-state'])).toBe(false);
  expect(isEmulated(early, ['emulates-status', 'emulates-features', 'emulates-config'])).toBe(false);
});
