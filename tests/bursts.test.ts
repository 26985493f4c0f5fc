import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bucketOf, died } from '../fuzz/bucket.ts';
import { BurstCampaign } from '../fuzz/burst/burst-campaign.ts';
import { LethalTraits } from '../fuzz/burst/lethal.ts';
import { drawShot, isLawful, type Shot } from '../fuzz/burst/shot.ts';
import type { Hit } from '../fuzz/campaign.ts';
import { temporary, vdpaCts } from './command.ts';
import { missing } from './daemon.ts';
import { onBench } from './on-bench.ts';

interface Ended {
  hits: Hit[];
  examined: number;
}

/** Send `count` shots to `target`, or as many as it takes to find something. */
const burst = (target: string, count: number, stopAtFirst = false): Promise<Ended> =>
  onBench(target, (bench) => {
    const campaign = new BurstCampaign(bench, { seed: 1 });
    const hits: Hit[] = [];
    try {
      while (campaign.count < count && !(stopAtFirst && hits.length > 0)) {
        const hit = campaign.next();
        if (hit !== null) hits.push(hit);
      }
      return { hits, examined: campaign.examined };
    } finally {
      campaign.dispose();
    }
  });

describe('bursts', () => {
  it.each([
    'simulator-blk',
    'simulator-net',
    'ifcvf-blk',
    'mlx5-net',
    'virtio-pci-net',
    'virtio-mmio-blk',
    'vduse-blk',
  ])('find nothing on a right device, and hardly anything odd: %s', async (target) => {
    const { hits, examined } = await burst(target, 4000);
    expect(hits).toEqual([]);
    // Two are run step by step as a sample.
    expect(examined).toBeGreaterThanOrEqual(2);
    expect(examined).toBeLessThan(40);
  });

  it.each([
    'simulator-blk+split/id-of-slot',
    'simulator-blk+split/one-request-per-kick',
    'simulator-blk+split/scribbles-in-header',
    'simulator-blk+split/stores-status-again',
    'simulator-net+split/net-header-within-one-descriptor',
    'simulator-blk+packed/requests-indexed-by-id',
    'simulator-net+packed/id-of-first',
  ])('find a wrong one: %s', async (target) => {
    const { hits } = await burst(target, 4000, true);
    expect(hits).toHaveLength(1);
  });

  it('are the same for the same seed, right ones and wrong ones', async () => {
    const facts = await onBench('simulator-net', (bench) => bench.facts);
    const shots = (from: number) => Array.from({ length: 50 }, (_, i) => drawShot(facts, from + i));
    expect(shots(1)).toEqual(shots(1));
    expect(shots(1)).not.toEqual(shots(2));
    expect(shots(1).some(isLawful)).toBe(true);
    expect(shots(1).every(isLawful)).toBe(false);
  });

  it('leave out what kills again and again, but for a few', () => {
    const lethal = new LethalTraits();
    const shot = (seed: number, len: number): Shot => ({
      seed,
      queue: 0,
      features: [],
      packed: false,
      num: 4,
      chains: [{ parts: [{ read: new Uint8Array(40) }], table: false, id: 0, otherIds: 0, request: null }],
      faults: [{ kind: 'desc', table: false, slot: 3, len }],
    });
    for (let seed = 1; seed <= 3; seed++) {
      expect(lethal.spares(shot(seed, 8))).toBe(false);
      lethal.died(shot(seed, 8));
    }
    const spared = (len: number) =>
      Array.from({ length: 1024 }, (_, i) => lethal.spares(shot(i, len))).filter(Boolean).length;
    expect(spared(8)).toBe(1020);
  });

  it('are told from the command line, with what they cannot do', async () => {
    const out = temporary();
    const about = ['fuzz', '-t', 'simulator-blk+split/id-of-slot', '--burst', '-j', '1', '--out', out];
    const found = await vdpaCts(...about, '--runs', '400');
    expect(found.code).toBe(1);
    expect(found.out).toMatch(/FOUND .* in sequence \d+, shrunk from \d+ to \d+ steps/);
    expect(found.out).toMatch(/400 cases, \d+ of them run step by step/);
    const { bugs } = JSON.parse(readFileSync(join(out, 'findings.json'), 'utf8'));
    expect(bugs.length).toBeGreaterThan(0);
    const wrong = await vdpaCts(...about, '--corpus', out);
    expect(wrong.code).toBe(2);
    expect(wrong.err).toContain('--corpus has no effect on --burst');
  });
});

describe.skipIf(missing('qemu-system-x86_64'))('bursts to a QEMU', () => {
  it.each(['qemu:virtio-blk-pci', 'qemu:virtio-blk-device'])(
    'find nothing that is not known: %s',
    async (target) => {
      expect((await burst(target, 3000)).hits).toEqual([]);
    },
    60_000,
  );

  it('find what kills it, and go on with a new one', async () => {
    const { hits } = await burst('qemu:virtio-net-pci', 1500);
    expect(hits.length).toBeGreaterThan(1);
    for (const { finding, history, sequence } of hits) {
      expect(died(finding)).toBe(true);
      expect(bucketOf(finding, history)).toMatch(/SIGABRT/);
      expect(sequence.steps.length).toBeLessThan(12);
    }
  }, 120_000);
});
