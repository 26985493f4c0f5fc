import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { runFuzzPool } from '../fuzz/pool.ts';
import { ROOT } from './command.ts';

/** A short campaign: kept sequences that reached the main thread, how many ran, and what the coverage counts. */
async function campaign(collect: boolean) {
  const seen = { handed: 0, count: 0, states: 0 };
  await runFuzzPool({
    script: pathToFileURL(join(ROOT, 'dist', 'fuzz-worker.js')),
    target: 'simulator-blk',
    reference: '',
    seed: 5,
    runs: 200,
    milliseconds: null,
    jobs: 1,
    focus: [],
    guidance: true,
    codeCoverage: false,
    burst: false,
    small: false,
    corpus: [],
    collect,
    known: [],
    ignored: [],
    shrinkMs: 1000,
    timeout: 60_000,
    signal: new AbortController().signal,
    onProgress(_, { count, states, fresh }) {
      seen.handed += fresh.length;
      seen.count = count;
      seen.states = states;
    },
    onSeen: () => {},
    onFound: () => {},
    onLost: (_lane, _seed, _at, why) => expect.fail(why),
  });
  return seen;
}

it('a campaign hands kept sequences over only where somebody stores them, and is the same otherwise', async () => {
  const stored = await campaign(true);
  const dropped = await campaign(false);
  expect(stored.handed).toBeGreaterThan(0);
  expect(dropped).toEqual({ ...stored, handed: 0 });
  expect(stored.count).toBe(200);
});
