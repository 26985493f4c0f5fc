import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { citable } from '../conformance/commands/catalogue.ts';
import { loadCatalogue } from '../conformance/loader/load.ts';
import type { DeviceFacts } from '../conformance/runner/device-facts.ts';
import { DEFECTS } from '../devices/defects/index.ts';
import { parent as myParent } from '../examples/my-parent.ts';
import { GuestMemory } from '../framework/memory/guest-memory.ts';
import { SequenceArbitrary } from '../fuzz/arbitrary.ts';
import { asCase } from '../fuzz/as-case.ts';
import { bucketOf } from '../fuzz/bucket.ts';
import { Campaign } from '../fuzz/campaign.ts';
import { CorpusFolder, minimise } from '../fuzz/corpus.ts';
import { Coverage } from '../fuzz/coverage.ts';
import { SeededDraw } from '../fuzz/draw.ts';
import { type Bench, execute, record } from '../fuzz/execute.ts';
import { Findings } from '../fuzz/findings.ts';
import { proveByFuzzing, shrinkHit } from '../fuzz/prove/by-fuzzing.ts';
import { checkHit } from '../fuzz/prove/check-hit.ts';
import { Device, Rig } from '../fuzz/prove/rig.ts';
import { drawSequence, numbered, type Sequence } from '../fuzz/sequence.ts';
import { shrink } from '../fuzz/shrink.ts';
import { parentSource } from '../parents.ts';

const rig = new Rig(parentSource);
const SMALL = { 'max-pairs': '1' };

/** Defects of several kinds, each found within a few sequences. */
const SAMPLE = [
  'core/reset-keeps-failed',
  'split/length-counts-readable',
  'split/used-index-modulo-size',
  'packed/full-lap-keeps-wrap',
  'packed/used-twice',
  'vdpa/resume-starts-at-zero',
];

const sampled = (id: string) => {
  const { seed: _, ...defect } = DEFECTS.get(id)!;
  return defect;
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vdpa-cts-fuzz-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('sequences', () => {
  it.each([
    ['simulator-net', () => rig.right('simulator-net', SMALL)],
    ['simulator-blk', () => rig.right('simulator-blk', {})],
    ['examples/my-parent.ts', () => new Device(myParent, {}, new GuestMemory(8 << 20), parentSource)],
  ])('find nothing on %s, which is right', { timeout: 120_000 }, (_, make) => {
    const device = make();
    fc.assert(
      fc.property(new SequenceArbitrary(device.facts), (sequence) => {
        const { finding, history } = execute(sequence, device);
        if (finding !== null)
          throw new Error(asCase(sequence, finding, bucketOf(finding, history), device.facts.type));
      }),
      { seed: 20_260, numRuns: 300 },
    );
  });

  it.each([0, 8])('are drawn for a device without fields in %i bytes of configuration', (config_size) => {
    const { facts } = rig.right('simulator-blk', {});
    const bare: DeviceFacts = { ...facts, type: 'entropy', values: { ...facts.values, config_size } };
    for (let seed = 1; seed <= 2000; seed++) {
      const text = JSON.stringify(drawSequence(bare, new SeededDraw(seed), seed));
      expect(text).not.toMatch(/null|"config":\{"(field|size":0)/);
    }
  });

  it('are shrunk by fast-check, drawn ones and given ones', () => {
    const wrong = rig.wrong(sampled('split/length-counts-readable'), 'simulator-blk', {});
    const right = rig.right('simulator-blk', {});
    const arbitrary = new SequenceArbitrary(wrong.facts);
    const property = fc.property(arbitrary, (sequence) => {
      return execute(sequence, wrong).finding === null || execute(sequence, right).finding !== null;
    });
    const drawn = fc.check(property, { seed: 7, numRuns: 100 });
    expect(drawn.failed).toBe(true);
    expect(drawn.counterexample![0].steps.length).toBeLessThanOrEqual(4);

    const steps = [
      { name: 'status', args: { has: 0 } },
      { name: 'bring-up', args: { size: 8 } },
      { name: 'config', args: { field: 'capacity' } },
      { name: 'request', args: { dir: 'out', size: 512 } },
      { name: 'settle', args: {} },
      { name: 'reset', args: {} },
    ];
    const given: Sequence = { seed: 1, steps: numbered(steps) };
    expect(arbitrary.canShrinkWithoutContext(given)).toBe(true);
    expect(arbitrary.canShrinkWithoutContext({ seed: 1, steps: [{ name: 'no such step' }] })).toBe(false);
    const shrunk = fc.check(property, { examples: [[given]], numRuns: 1 });
    expect(shrunk.counterexample![0].steps.map(({ name }) => name)).toEqual([
      'bring-up',
      'request',
      'settle',
    ]);
  });

  it('are the same for the same seed, and so are the hits', () => {
    const run = () => {
      const campaign = new Campaign(rig.wrong(sampled('split/used-index-modulo-size'), 'simulator-blk', {}), {
        seed: 3,
      });
      const hits = Array.from({ length: 150 }, () => campaign.next());
      return JSON.stringify([hits, campaign.takeFresh(), campaign.steps, campaign.coverage.size]);
    };
    const first = run();
    expect(first).toContain('"bucket"');
    expect(run()).toBe(first);
  });
});

describe('a seeded defect', () => {
  it.each(SAMPLE)(
    '%s: is found, shrinks to a few steps, replays, and makes a case',
    { timeout: 120_000 },
    (id) => {
      const defect = sampled(id);
      const { hit } = proveByFuzzing(defect, 1, 3000, rig, () => {});
      const { steps, requirement } = shrinkHit(defect, hit!, rig);
      expect(steps.length).toBeLessThanOrEqual(8);

      const parent = hit!.parent;
      const wrong = rig.wrong(defect, parent, {});
      const right = rig.right(parent, {});
      const sequence: Sequence = { seed: hit!.sequence.seed, steps: numbered(steps) };
      const first = execute(sequence, wrong);
      expect(first.finding?.requirement).toBe(requirement);
      for (let i = 0; i < 100; i++) expect(execute(sequence, wrong).finding).toEqual(first.finding);
      expect(execute(sequence, right).finding).toBeNull();

      const path = join(folder, `${id.replace('/', '-')}.yaml`);
      writeFileSync(
        path,
        asCase(sequence, first.finding!, bucketOf(first.finding!, first.history), wrong.facts.type),
      );
      const { cases } = loadCatalogue([path], citable());
      const [instance] = wrong.instances(cases[0]);
      expect(wrong.run(instance).findings.map((finding) => finding.requirement)).toContain(requirement);
      expect(right.run(instance)).toMatchObject({ verdict: 'pass', findings: [] });
    },
  );

  it('of a rule that a device should keep makes a case that the right device passes, undecided in nothing', () => {
    const defect = sampled('net-rx-mode/nouni-foreign-only');
    const { hit } = proveByFuzzing(defect, 1, 3000, rig, () => {});
    const shrunk = shrinkHit(defect, hit!, rig);
    expect(shrunk.steps.length).toBeLessThanOrEqual(8);
    expect(checkHit(defect, hit!, shrunk, rig)).toEqual({ replays: 100, case: '' });
  });

  it('is not mistaken for a misuse: shrinking keeps what the right device passes', () => {
    const wrong = rig.wrong(sampled('split/length-counts-readable'), 'simulator-blk', {});
    const right = rig.right('simulator-blk', {});
    const campaign = new Campaign(wrong, { seed: 2 });
    let hit = campaign.next();
    while (hit === null) hit = campaign.next();
    const { sequence, finding } = shrink(hit.sequence, hit.finding, wrong, right);
    expect(finding).toMatchObject({ requirement: hit.finding.requirement, kind: hit.finding.kind });
    expect(execute(sequence, right).finding).toBeNull();
  });
});

describe('a wrong device outside the suite, which works without being told to', () => {
  it('is accused by whole scenes: their steps stay together and as they are', () => {
    const wrong: Bench = rig.wrong(sampled('split/length-counts-readable'), 'simulator-blk', {});
    const scene = [
      { name: 'bring-up', args: { to: 'QUEUES', features: ['EVENT_IDX'], size: 8 } },
      { name: 'status', args: { set: 'DRIVER_OK' }, bound: true as const },
      { name: 'request', args: { dir: 'out', size: 512, as: 'r0' }, bound: true as const },
      { name: 'settle', args: {}, bound: true as const },
    ];
    const noise = [
      { name: 'bring-up', args: { to: 'DRIVER' } },
      { name: 'reset', args: {} },
    ];
    const sequence: Sequence = { seed: 1, steps: numbered([...noise, ...scene, ...noise]) };
    const { finding } = execute(sequence, wrong);
    wrong.renew = () => {};
    const shrunk = shrink(sequence, finding!, wrong, rig.right('simulator-blk', {}));
    expect(shrunk.sequence.steps).toEqual(numbered(scene));
  });
});

describe('a corpus', () => {
  it('is saved, loaded and cut down to what covers as much', () => {
    const device = rig.right('simulator-blk', {});
    const campaign = new Campaign(device, { seed: 5 });
    for (let i = 0; i < 200; i++) campaign.next();
    const fresh = campaign.takeFresh();
    const corpus = new CorpusFolder(join(folder, 'corpus'));
    corpus.save(fresh);
    corpus.save(fresh);
    const problems: string[] = [];
    writeFileSync(join(folder, 'corpus', '00000000.json'), '{"steps": [');
    const loaded = corpus.load((problem) => problems.push(problem));
    expect(problems).toHaveLength(1);
    const text = (sequences: readonly Sequence[]) => sequences.map((one) => JSON.stringify(one)).sort();
    expect(text(loaded)).toEqual(text(fresh));

    const fewer = minimise(loaded, device);
    expect(fewer.length).toBeLessThan(loaded.length);
    const covered = (sequences: readonly Sequence[]) => {
      const coverage = new Coverage();
      for (const sequence of sequences) coverage.add(record(sequence, device).events);
      return coverage.size;
    };
    expect(covered(fewer)).toBe(covered(loaded));
  });
});

describe('findings', () => {
  const found = () => {
    const defect = sampled('split/length-counts-readable');
    const wrong = rig.wrong(defect, 'simulator-blk', {});
    const { hit } = proveByFuzzing(defect, 1, 1000, rig, () => {});
    const { history } = execute(hit!.sequence, wrong);
    const bucket = bucketOf(hit!.finding, history);
    const yaml = asCase(hit!.sequence, hit!.finding, bucket, 'blk');
    return {
      bucket,
      at: 1,
      original: hit!.sequence,
      sequence: hit!.sequence,
      finding: hit!.finding,
      history,
      yaml,
      whole: yaml,
      runs: 1,
    };
  };

  it('are on disk as soon as they are known, and known again by the next campaign', () => {
    const out = join(folder, 'findings');
    const complaints: string[] = [];
    const findings = new Findings(out, (problem) => complaints.push(problem));
    const bug = findings.add(found(), 1, 'simulator-blk');
    expect(readdirSync(out).sort()).toEqual(
      [`${bug.id}.history.json`, `${bug.id}.whole.yaml`, `${bug.id}.yaml`, 'findings.json'].sort(),
    );
    expect(readFileSync(bug.files.case, 'utf8')).toContain('requirements:');
    expect([...new Findings(out, () => {}).bugs.keys()]).toEqual([bug.bucket]);
    expect(complaints).toEqual([]);
  });

  it('are printed where they cannot be written', () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    const complaints: string[] = [];
    const findings = new Findings(join(file, 'out'), (problem) => complaints.push(problem));
    const one = found();
    findings.add(one, 1, 'simulator-blk');
    findings.save();
    expect(complaints[0]).toContain(one.yaml);
    expect([...findings.bugs.values()]).toHaveLength(1);
  });
});
