import { expect, test } from 'vitest';
import { zeroedInts } from './int-slab.ts';

test('rings of any size begin at 0 and share no number', () => {
  const sizes = [1, 4, 1000, 1024, 1025, 40_000, 1024, 3, 1024];
  const all = Array.from({ length: 40 }, () => sizes.map(zeroedInts)).flat();
  for (const [i, ints] of all.entries()) {
    expect(ints.length).toBe(sizes[i % sizes.length]);
    expect(ints.every((value) => value === 0)).toBe(true);
    ints.fill(i + 1);
  }
  for (const [i, ints] of all.entries()) expect(ints.every((value) => value === i + 1)).toBe(true);
});
