import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ResultVerdict } from '../reports/results.ts';
import { ended, type Outcome, resultsIn, start, temporary, vdpaCts } from './command.ts';

/** One instance that gets by without queues, one that needs them set up, two that need them to work. */
const INSTANCES = [
  'device-status/reset-reads-zero:ring=split;to=DRIVER;failed=false',
  'device-status/reads-back:ring=split',
  'virtqueues/bursts-and-wraps:ring=split;size=8;laps=4;kick=yes',
  'virtqueues/bursts-and-wraps:ring=split;size=8;laps=4;kick=obey',
];
const parent = (name: string) => `tests/fixtures/parents/${name}.ts`;

function args(target: string, out: string): string[] {
  const selection = INSTANCES.flatMap((id) => ['--select', id]);
  return ['run', '--target', target, ...selection, '--jobs', '1', '--timeout', '2500', '--out', out];
}

/** Run a parent and expect a finding, four results and all reports. Returns verdict and what was seen, by instance. */
async function verdictsOf(name: string): Promise<Record<string, string>> {
  const out = temporary();
  const { code, err } = await vdpaCts(...args(parent(name), out));
  expect({ code, err }).toEqual({ code: 1, err: '' });
  for (const file of ['results.json', 'junit.xml', 'report.html'])
    expect(existsSync(join(out, file))).toBe(true);
  const { results, complete } = resultsIn(out);
  expect(complete).toBe(true);
  expect(results.map(({ id }) => id).sort()).toEqual([...INSTANCES].sort());
  return Object.fromEntries(
    results.map(({ id, verdict, reason, findings }) => {
      const seen =
        reason ?? [...new Set(findings.map(({ requirement, actual }) => `${requirement} ${actual}`))][0];
      return [id, seen ? `${verdict}: ${seen}` : verdict];
    }),
  );
}

/** What the first two instances, and the two that need the device to work, come to. */
const outcome = (...[plain, queues, first, second = first]: string[]) =>
  Object.fromEntries(INSTANCES.map((id, i) => [id, [plain, queues, first, second][i]]));

async function refusal(target: string): Promise<string> {
  const { code, out, err } = await vdpaCts(...args(target, temporary()));
  expect(out).toBe('');
  return `exit ${code}\n${err}`;
}

describe('a parent gets a verdict, and the rest of the run completes, when it', () => {
  it('throws in an op', async () => {
    const out = temporary();
    const run = await vdpaCts(...args(parent('throws-in-op'), out), '--json');
    expect(run.code).toBe(1);
    const verdicts = resultsIn(out).results.map(({ verdict }): ResultVerdict => verdict);
    expect(verdicts.sort()).toEqual(['crash', 'crash', 'crash', 'pass']);
    const said = resultsIn(out).results.flatMap(({ findings }) => findings.map(({ actual }) => actual));
    // The place is that in the user's own file.
    expect(new Set(said)).toEqual(
      new Set([
        expect.stringMatching(
          /^setVqReady threw TypeError: the queue cannot be made ready \(.*throws-in-op\.ts:7:\d+\)\)$/,
        ),
      ]),
    );
    // What the parent prints stays out of the stream of events.
    const types = run.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).type);
    expect(types).not.toContain('noise');
    expect(run.err).toContain('noise');
  });

  it('throws what is not even text', async () => {
    const crash = (requirement: string) =>
      `crash: ${requirement} setVqReady threw something that cannot be shown`;
    expect(await verdictsOf('throws-strangely')).toEqual(
      outcome('pass', crash('P1.1-019b'), crash('P1.1-019f')),
    );
  });

  it('throws in create, now and then', async () => {
    const verdicts = Object.values(await verdictsOf('throws-in-later-create'));
    expect(verdicts.filter((verdict) => verdict === 'pass')).toHaveLength(2);
    expect(
      verdicts.filter((verdict) => /^crash: .* create threw Error: no further device/.test(verdict)),
    ).toHaveLength(2);
  });

  it('loops for ever in kick', async () => {
    const hang = 'hang: no end within 2500 ms';
    expect(await verdictsOf('loops-in-kick')).toEqual(outcome('pass', 'pass', hang));
  });

  it('loops for ever in pump', async () => {
    const hang = 'hang: no end within 2500 ms';
    expect(await verdictsOf('loops-in-pump')).toEqual(outcome('pass', 'pass', hang));
  });

  it('never becomes idle', async () => {
    const hang = 'hang: P1.1-019f still working after 50000 units of work';
    expect(await verdictsOf('never-idle')).toEqual(outcome('pass', 'pass', hang));
  });

  it('returns nonsense', async () => {
    const fail = 'fail: INV-CONTRACT "ready"';
    expect(await verdictsOf('nonsense')).toEqual(outcome(fail, fail, fail));
  });

  it('scribbles over memory', async () => {
    const verdicts = await verdictsOf('scribbles');
    // What its own ring code makes of the wreck does not matter.
    const fail = expect.stringMatching(
      /^(fail|crash): INV-(WRITE-SCOPE|MAPPING) a store of 4 bytes at pa 0x/,
    );
    expect(verdicts).toEqual(outcome('pass', 'pass', fail));
  });

  it('ends its process', async () => {
    const crash = 'crash: the worker exited with code 0';
    expect(await verdictsOf('exits')).toEqual(outcome('pass', 'pass', crash));
  });
});

describe('a parent that cannot be used exits 2 with a hint, when it', () => {
  it('throws in create', async () => {
    expect(await refusal(parent('throws-in-create'))).toMatchInlineSnapshot(`
      "exit 2
      tests/fixtures/parents/throws-in-create.ts cannot be used: create: Error: no device today
          hint: see \`vdpa-cts targets\` for options and examples/ for a parent that works
      "
    `);
  });

  it('loops for ever in create', async () => {
    expect(await refusal(parent('loops-in-create'))).toMatchInlineSnapshot(`
      "exit 2
      tests/fixtures/parents/loops-in-create.ts cannot be used: no end within 2500 ms, before any case ran
          hint: its module and \`create\` must return
      "
    `);
  });

  it('creates nothing', async () => {
    expect(await refusal(parent('no-device'))).toMatchInlineSnapshot(`
      "exit 2
      tests/fixtures/parents/no-device.ts cannot be used: \`create\` must return an object with \`device\`, which has \`ops\`, and \`abilities\`
          hint: see \`vdpa-cts targets\` for options and examples/ for a parent that works
      "
    `);
  });

  it('has no queue size', async () => {
    expect(await refusal(parent('no-queue-size'))).toMatchInlineSnapshot(`
      "exit 2
      tests/fixtures/parents/no-queue-size.ts cannot be used: vdpa0: largest queue size 0 is below the smallest, 1
          hint: see \`vdpa-cts targets\` for options and examples/ for a parent that works
      "
    `);
  });

  it('is not exported', async () => {
    expect(await refusal(parent('no-export'))).toMatchInlineSnapshot(`
      "exit 2
      tests/fixtures/parents/no-export.ts exports no parent
          hint: export const parent = defineParent({name: 'my-device', deviceType: 'blk', create(env) { … }})
      "
    `);
  });

  it('does not parse', async () => {
    const file = join(temporary(), 'broken.ts');
    writeFileSync(
      file,
      "import { defineParent } from 'vdpa-cts';\n\nexport const parent = defineParent({\n  name: 'x',,\n});\n",
    );
    const said = await refusal(file);
    expect(said.replaceAll(/\S*broken\.ts/g, 'broken.ts')).toMatchInlineSnapshot(`
      "exit 2
      broken.ts cannot be loaded: broken.ts:4:13: Expected identifier but found ","
          hint: it must be a TypeScript or JavaScript module
      "
    `);
  });

  it('imports what there is not', async () => {
    const file = join(temporary(), 'broken.ts');
    writeFileSync(file, "import { nothing } from './nothing.ts';\n\nexport const parent = nothing;\n");
    const said = await refusal(file);
    expect(said.replaceAll(/\S*broken\.ts/g, 'broken.ts')).toMatchInlineSnapshot(`
      "exit 2
      broken.ts cannot be loaded: broken.ts:1:25: Could not resolve "./nothing.ts"
          hint: it must be a TypeScript or JavaScript module
      "
    `);
  });
});

it('a run that hangs in a parent can be interrupted', async () => {
  const out = temporary();
  const target = parent('loops-in-kick');
  const select = ['--select', 'virtqueues/*', '--select', 'device-status/*'];
  const child = start([
    'run',
    '-t',
    target,
    ...select,
    '-j',
    '1',
    '--timeout',
    '600000',
    '--json',
    '--out',
    out,
  ]);
  const done: Promise<Outcome> = ended(child);
  let told = false;
  child.stdout!.on('data', (text: string) => {
    // The plan is known, and sooner or later a worker is stuck.
    if (!told && text.includes('"type":"plan"')) {
      told = true;
      setTimeout(() => child.kill('SIGINT'), 1000);
    }
  });
  expect((await done).code).toBe(130);
  expect(resultsIn(out).complete).toBe(false);
});
