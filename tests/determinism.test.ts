import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openCatalogue } from '../conformance/commands/catalogue.ts';
import { judge } from '../conformance/judge.ts';
import { type CaseInstance, instancesOf } from '../conformance/loader/expand.ts';
import { type DeviceFacts, deviceFacts } from '../conformance/runner/device-facts.ts';
import { runInstance, type Target } from '../conformance/runner/run-instance.ts';
import { resolveTarget } from '../conformance/runner/targets.ts';
import { GuestMemory } from '../framework/memory/guest-memory.ts';
import { parentSource } from '../parents.ts';
import { resultsIn, temporary, vdpaCts } from './command.ts';

const { cases } = openCatalogue(undefined);
const guest = new GuestMemory(8 << 20);

interface Subject {
  target: Target;
  facts: DeviceFacts;
  instances: CaseInstance[];
}

async function subject(name: string): Promise<Subject> {
  const target = await resolveTarget(name, parentSource);
  const facts = deviceFacts(target.definition, target.options);
  return { target, facts, instances: cases.flatMap((definition) => instancesOf(definition, facts.values)) };
}

const digest = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex');

/** One line for each instance: everything that a run says about it, history and all. */
function runAll({ target, facts, instances }: Subject): string[] {
  return instances.map((instance) => `${instance.id} ${digest(runInstance(instance, target, facts, guest))}`);
}

/** `count` instances that run on the device, spread evenly over the catalogue. */
function spread(all: Subject, count: number): Subject {
  const { target, facts, instances } = all;
  const step = Math.max(1, Math.floor(instances.length / (count * 1.5)));
  const running = instances
    .filter((_, i) => i % step === 0)
    .filter((instance) => runInstance(instance, target, facts, guest).verdict !== 'skip');
  return { target, facts, instances: running.slice(0, count) };
}

describe.each(['simulator-net', 'simulator-blk'])('%s', { timeout: 600_000 }, (name) => {
  it('gives the same results and histories, byte for byte, in 3 runs of everything', async () => {
    const all = await subject(name);
    const first = runAll(all);
    expect(first.length).toBeGreaterThan(2000);
    for (let run = 1; run < 3; run++) expect(runAll(all)).toEqual(first);
  });

  it('gives them in 100 runs of 60 instances', async () => {
    const some = spread(await subject(name), 60);
    expect(some.instances).toHaveLength(60);
    const first = runAll(some);
    for (let run = 1; run < 100; run++) expect(runAll(some)).toEqual(first);
  });

  it('gives them in any order: no instance sees what another one left behind', async () => {
    const some = spread(await subject(name), 200);
    const first = runAll(some);
    const backwards = { ...some, instances: [...some.instances].reverse() };
    expect(runAll(backwards).reverse()).toEqual(first);
  });
});

describe('a history', () => {
  it.each([
    'simulator-blk',
    'simulator-net',
    'simulator-blk+split/believes-avail-index',
    'simulator-net+core/reset-keeps-failed',
  ])('of %s, judged twice, also as read from a file, gives one judgement', async (name) => {
    const { target, facts, instances } = spread(await subject(name), 150);
    for (const instance of instances) {
      const { history, ...judgement } = runInstance(instance, target, facts, guest);
      const text = JSON.stringify(history);
      expect(judge(history!)).toEqual(judgement);
      expect(judge(JSON.parse(text)), instance.id).toEqual(judgement);
      expect(JSON.stringify(history)).toBe(text);
    }
  });

  it('depends on the seed of the run', async () => {
    const { target, facts, instances } = spread(await subject('simulator-blk'), 20);
    const run = (seed: number) =>
      instances.map((one) => digest(runInstance(one, target, facts, guest, seed)));
    expect(run(1)).not.toEqual(run(2));
    expect(run(2)).toEqual(run(2));
  });
});

it('the results file does not depend on the number of workers, but for timing', async () => {
  const out = temporary();
  const resultsWith = async (jobs: string) => {
    const targets = ['-t', 'simulator-blk+core/reset-keeps-failed', '-t', 'simulator-blk'];
    await vdpaCts('run', ...targets, '-s', 'device-status/*', '-s', 'cleanup/*', '-j', jobs, '--out', out);
    return JSON.parse(JSON.stringify(resultsIn(out), (key, value) => (key === 'timing' ? undefined : value)));
  };
  const one = await resultsWith('1');
  expect(one.results.length).toBeGreaterThan(100);
  expect(await resultsWith('4')).toEqual(one);
});
