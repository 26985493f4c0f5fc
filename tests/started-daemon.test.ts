import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { resolveTarget } from '../conformance/runner/targets.ts';
import { benchOf } from '../fuzz/bench-target.ts';
import { execute } from '../fuzz/execute.ts';
import { numbered } from '../fuzz/sequence.ts';
import { parentSource } from '../parents.ts';
import { processesWith } from '../tools/processes.ts';
import { missing } from './daemon.ts';

const SEQUENCE = {
  seed: 1,
  steps: numbered([
    { name: 'bring-up', args: {} },
    { name: 'request', args: { dir: 'out' } },
    { name: 'settle', args: {} },
  ]),
};

describe.skipIf(missing('qemu-storage-daemon'))('a back end that the suite starts', () => {
  it('is replaced when it was killed, and leaves nothing', async () => {
    const target = await resolveTarget('vhost-user:start=qemu-storage-daemon,capacity=4321', parentSource);
    const bench = benchOf(target);
    const own = () =>
      processesWith('qemu-storage-daemon').filter((pid) => {
        const { parent } = status(pid);
        return parent === process.pid;
      });
    expect(execute(SEQUENCE, bench).finding).toBeNull();
    const [first] = own();
    process.kill(first, 'SIGKILL');
    const after = [execute(SEQUENCE, bench).finding, execute(SEQUENCE, bench).finding];
    expect(after.at(-1)).toBeNull();
    const [second] = own();
    expect(second).toBeGreaterThan(0);
    expect(second).not.toBe(first);
    bench.guest.dispose();
    expect(own()).toEqual([]);
  }, 60_000);

  it('is one of those that are known', async () => {
    await expect(resolveTarget('vhost-user:start=nonsense', parentSource)).rejects.toThrow(/no back end/);
    await expect(
      resolveTarget('vhost-user:start=qemu-storage-daemon,loopback=maybe', parentSource),
    ).rejects.toThrow(/loopback/);
  });
});

function status(pid: number): { parent: number } {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return { parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) };
  } catch {
    return { parent: 0 };
  }
}
