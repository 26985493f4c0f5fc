import { resolveTarget } from '../conformance/runner/targets.ts';
import { benchOf } from '../fuzz/bench-target.ts';
import type { Bench } from '../fuzz/execute.ts';
import { parentSource } from '../parents.ts';

/** Do something with a bench for `target`, whose memory is given back afterwards. */
export async function onBench<T>(target: string, run: (bench: Bench) => T | Promise<T>): Promise<T> {
  const bench = benchOf(await resolveTarget(target, parentSource));
  try {
    return await run(bench);
  } finally {
    bench.guest.dispose();
  }
}
