import { afterAll, expect, it } from 'vitest';
import { endIdleDaemons } from '../devices/vduse/kernel/daemon-thread.ts';
import { generatedMatrix, storedMatrix } from './matrix-table.ts';

afterAll(() => endIdleDaemons());

it('devices/README.md has the matrix of parents as it is generated; `npx tsx tools/matrix.ts` brings it up to date', () => {
  expect(storedMatrix()).toBe(generatedMatrix().trim());
}, 180_000);
