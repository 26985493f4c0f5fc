import { expect, test } from 'vitest';
import { measureRings, ringPair } from './bench.ts';

test.each([
  ['split', 1],
  ['split', 3],
  ['packed', 1],
  ['packed', 3],
] as const)('the plain loop does what the rings do: %s, %i elements', (format, elements) => {
  const { rings, plain, ringAreas, plainAreas } = ringPair(format, elements);
  // 3 batches of 32 buffers in a queue of 256: every step crosses another part of the ring.
  for (let round = 0; round < 40; round++) {
    expect(plain(3)).toBe(rings(3));
    expect(plainAreas.map((area) => Buffer.compare(area, ringAreas[plainAreas.indexOf(area)]))).toEqual([
      0, 0, 0,
    ]);
  }
});

test('measures both formats with one and three elements', () => {
  const rates = measureRings(0.05);
  expect(rates.map(({ format, elements }) => [format, elements])).toEqual([
    ['split', 1],
    ['packed', 1],
    ['split', 3],
    ['packed', 3],
  ]);
  for (const { nsPerBuffer, plainNsPerBuffer, ratio, buffers } of rates) {
    expect(Math.min(nsPerBuffer, plainNsPerBuffer, ratio, buffers)).toBeGreaterThan(0);
  }
});
