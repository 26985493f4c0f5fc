import { describe, expect, it } from 'vitest';
import { SMALL_CASES } from '../fuzz/burst/small-cases.ts';
import { Campaign, type Hit } from '../fuzz/campaign.ts';
import { temporary, vdpaCts } from './command.ts';
import { onBench } from './on-bench.ts';

/** Run `count` small cases against `target`, or as many as it takes to find something. */
async function small(target: string, count: number): Promise<{ hit: Hit | null; longest: number }> {
  let longest = 0;
  const onHistory = ({ steps }: { steps: readonly unknown[] }) => {
    longest = Math.max(longest, steps.length);
  };
  const hit = await onBench(target, (bench) => {
    const campaign = new Campaign(bench, { seed: 1, source: SMALL_CASES, onHistory });
    let found: Hit | null = null;
    while (found === null && campaign.count < count) found = campaign.next();
    return found;
  });
  return { hit, longest };
}

describe('small cases', () => {
  it.each([
    'simulator-blk',
    'simulator-net',
    'ifcvf-net',
    'mlx5-net',
    'virtio-pci-blk',
    'virtio-mmio-net',
    'vduse-blk',
  ])('find nothing on a right device, and stay small: %s', async (target) => {
    const { hit, longest } = await small(target, 2000);
    expect(hit).toBeNull();
    expect(longest).toBeLessThanOrEqual(SMALL_CASES.longest + 1);
  });

  it.each([
    'simulator-blk+split/id-of-slot',
    'simulator-blk+split/scribbles-in-header',
    'simulator-blk+packed/requests-indexed-by-id',
    'simulator-net+split/net-header-within-one-descriptor',
  ])('find what is wrong: %s', async (target) => {
    expect((await small(target, 5000)).hit).not.toBeNull();
  });

  it('are drawn from the command line, with what they cannot do', async () => {
    const about = ['fuzz', '--small', '-j', '1', '--runs', '500', '--out', temporary()];
    const found = await vdpaCts(...about, '-t', 'simulator-blk+split/id-of-slot');
    expect(found.code).toBe(1);
    expect(found.out).toMatch(/FOUND .* in sequence \d+, shrunk from \d+ to \d+ steps/);
    const focus = await vdpaCts(...about, '--focus', 'rings');
    expect([focus.code, focus.err]).toEqual([2, expect.stringContaining('--focus has no effect on --small')]);
    const burst = await vdpaCts(...about, '--burst');
    expect([burst.code, burst.err]).toEqual([2, expect.stringContaining('--small has no effect on --burst')]);
  });
});
