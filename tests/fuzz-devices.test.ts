import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { GuestMemory } from '../framework/memory/guest-memory.ts';
import { bucketOf, died } from '../fuzz/bucket.ts';
import { Campaign } from '../fuzz/campaign.ts';
import { type Bench, execute } from '../fuzz/execute.ts';
import { LAST_SIZE, LastSequence } from '../fuzz/last-sequence.ts';
import { numbered, type Sequence, type SequenceStep } from '../fuzz/sequence.ts';
import { shrink } from '../fuzz/shrink.ts';
import { missing } from './daemon.ts';
import { onBench } from './on-bench.ts';

/** Sequence out of the steps of a case file. */
function sequenceOf(file: string, id: string, before: SequenceStep[] = []): Sequence {
  const text = readFileSync(new URL(`../devices/qemu/replays/${file}`, import.meta.url), 'utf8');
  const { steps } = (parse(text) as { id: string; steps: Record<string, unknown>[] }[]).find(
    (one) => one.id === id,
  )!;
  const own = steps.map((step) => {
    const [[name, args]] = Object.entries(step);
    return { name, args };
  });
  return { seed: 1, steps: numbered([...before, ...own]) };
}

const withBench = (target: string, run: (bench: Bench) => void | Promise<void>) => () => onBench(target, run);

const NOISE: SequenceStep[] = [
  { name: 'bring-up', args: { features: ['EVENT_IDX'] }, at: '' },
  { name: 'request', args: { dir: 'out' }, at: '' },
  { name: 'settle', args: {}, at: '' },
  { name: 'reset', args: {}, at: '' },
];

describe.skipIf(missing('qemu-system-x86_64'))('fuzzing a QEMU', () => {
  it(
    'finds its death, goes on with a new one, and shrinks what led to it',
    withBench('qemu:virtio-net-pci', (bench) => {
      const long = sequenceOf(
        'net-short-buffers.yaml',
        'qemu-net/transmit-buffer-shorter-than-header',
        NOISE,
      );
      const { finding, history } = execute(long, bench);
      expect(finding).toMatchObject({ kind: 'crash', requirement: 'INV-ALIVE' });
      expect(died(finding!)).toBe(true);
      expect(finding!.actual).toMatch(/SIGABRT: .*Assertion/);
      expect(bucketOf(finding!, history)).toMatch(/SIGABRT/);
      expect(execute({ seed: 1, steps: numbered(NOISE) }, bench).finding).toBeNull();

      const shrunk = shrink(long, finding!, bench, null, { runs: 60, milliseconds: 60_000 });
      expect(shrunk.sequence.steps.length).toBeLessThan(long.steps.length - 3);
      expect(shrunk.reproduced).toEqual({ times: 3, of: 3 });
    }),
    120_000,
  );

  it(
    'runs one sequence after the other in one process',
    withBench('qemu:virtio-blk-pci', (bench) => {
      const made = { machines: 0 };
      const { definition } = bench.target;
      const { memory } = definition;
      const counted = {
        ...bench,
        target: {
          ...bench.target,
          definition: {
            ...definition,
            memory: (size: number, options: Record<string, string>) => {
              made.machines++;
              return memory!(size, options);
            },
          },
        },
        guest: new GuestMemory(8 << 20),
      };
      const campaign = new Campaign(counted as Bench, { seed: 3 });
      for (let i = 0; i < 40; i++) campaign.next();
      expect(made.machines).toBe(1);
      counted.guest.dispose();
    }),
    120_000,
  );
});

it('keeps the sequence that runs where another thread can read it', () => {
  const shared = new SharedArrayBuffer(LAST_SIZE);
  const reader = new LastSequence(shared);
  expect(reader.read()).toBeNull();
  const sequence: Sequence = { seed: 7, steps: numbered([{ name: 'reset', args: {} }]) };
  new LastSequence(shared).write(sequence);
  expect(reader.read()).toEqual(sequence);
});

it(
  'a budget that is used up ends shrinking with the best so far',
  withBench('simulator-blk+core/reset-keeps-failed', (bench) => {
    const campaign = new Campaign(bench, { seed: 2 });
    let hit = campaign.next();
    while (hit === null) hit = campaign.next();
    const all = shrink(hit.sequence, hit.finding, bench, null);
    const few = shrink(hit.sequence, hit.finding, bench, null, { runs: 3 });
    expect(few.runs).toBeLessThanOrEqual(4);
    expect(few.finding.requirement).toBe(hit.finding.requirement);
    expect(all.sequence.steps.length).toBeLessThanOrEqual(few.sequence.steps.length);
    expect(
      shrink(hit.sequence, hit.finding, bench, null, { runs: 1500, stop: () => true }).runs,
    ).toBeLessThan(3);
  }),
  60_000,
);
