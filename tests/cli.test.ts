import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { ended, ROOT, resultsIn, start, temporary, vdpaCts } from './command.ts';

const WRONG = 'simulator-blk+core/reset-keeps-failed';
const ONE = 'device-status/reset-reads-zero:ring=packed;to=DRIVER_OK;failed=true';

const schema = (name: string) =>
  JSON.parse(readFileSync(join(ROOT, 'specs', 'schema', `${name}.schema.json`), 'utf8'));

function expectValid(name: string, data: unknown): void {
  const validate = new Ajv({ strict: false }).compile(schema(name));
  validate(data);
  expect(validate.errors ?? []).toEqual([]);
}

/** Exit code and message of a command that was used wrongly. */
async function refusal(...args: string[]): Promise<string> {
  const { code, out, err } = await vdpaCts(...args);
  expect(out).toBe('');
  return `exit ${code}\n${err}`;
}

/** What a run prints, without the folder, and without how much there is to decide, which grows with the catalogue. */
const steady = (text: string, folder: string) =>
  text
    .replaceAll(folder, 'OUT')
    .replace(
      /of \d+ decidable requirements decided \(\d+ %\), \d+ proved/,
      'of N decidable requirements decided (… %), N proved',
    );

describe('run', () => {
  it('of right devices exits 0 and writes three reports', async () => {
    const out = temporary();
    const select = ['--select', 'device-status/reset-reads-zero', '--param', 'ring=split'];
    const run = await vdpaCts('run', '-t', 'simulator-blk', '-t', 'simulator-net', ...select, '--out', out);
    expect(run.err).toBe('');
    expect(steady(run.out, out)).toMatchInlineSnapshot(`
      "PASS No requirement broken in 24 instances on 2 targets.
        simulator-blk  12 pass
        simulator-net  12 pass
        2 of N decidable requirements decided (… %), N proved by seeded defects

      reports: OUT/results.json, OUT/junit.xml, OUT/report.html
      "
    `);
    expect(run.code).toBe(0);
    const results = resultsIn(out);
    expectValid('results', results);
    expect(results.complete).toBe(true);
    expect(results.summary).toMatchObject({ cases: 1, instances: 24 });
    expect(results.summary.verdicts).toMatchObject({ pass: 24, fail: 0 });
    const junit = readFileSync(join(out, 'junit.xml'), 'utf8');
    expect(junit.match(/<testcase /g)).toHaveLength(24);
    expect(junit).not.toMatch(/<failure|<error/);
    const html = readFileSync(join(out, 'report.html'), 'utf8');
    expect(html).toMatch(/^<!doctype html>/i);
    expect(html).toContain('<title>PASS · simulator-blk, simulator-net · vdpa-cts</title>');
    expect(existsSync(join(out, 'histories'))).toBe(false);
  });

  it('of a wrong device exits 1, says what is wrong and how to replay it', async () => {
    const out = temporary();
    const run = await vdpaCts('run', '--target', WRONG, '--select', ONE, '--out', out);
    expect(steady(run.out, out)).toMatchInlineSnapshot(`
      "FAIL device-status/reset-reads-zero:ring=packed;to=DRIVER_OK;failed=true on simulator-blk+core/reset-keeps-failed
        V1.1-2.1.2-D1 MUST, 2.1.2 Device Requirements: Device Status Field
        After a reset the device must show a device status of 0.
        step 4    { reset: {} }  # V1.1-2.1.2-D1
        expected  status reads 0 after reset (at once, or after some non-zero reads)
        actual    still FAILED after 64 reads
        V1.1-2.1.2-D1 MUST, 2.1.2 Device Requirements: Device Status Field
        After a reset the device must show a device status of 0.
        step 5    { status: { expect: 0 } }  # V1.1-2.1.2-D1
        expected  status 0
        actual    status FAILED (0x80)
        VDPA-001 text-hard, vDPA parent contract 1 Reset and status
        get_status reads 0 once reset has returned, whatever the status was before.
        step 6    { reset: {} }  # VDPA-001
        expected  status reads 0 after reset (at once, or after some non-zero reads)
        actual    still FAILED after 64 reads
                  … and 3 more findings
        replay    npx vdpa-cts replay OUT/histories/0-device-status_reset-reads-zero_ring=packed_to=DRIVER_OK_failed=true-d5c88f45.json

      FAIL 1 fail of 1 instance on 1 target; 2 requirements affected.
        simulator-blk+core/reset-keeps-failed  1 fail
        2 of N decidable requirements decided (… %), N proved by seeded defects

      reports: OUT/results.json, OUT/junit.xml, OUT/report.html
      "
    `);
    expect(run.code).toBe(1);
    const results = resultsIn(out);
    expectValid('results', results);
    const [{ verdict, detail, id }] = results.results;
    expect([verdict, id]).toEqual(['fail', ONE]);
    expectValid('history', JSON.parse(readFileSync(join(out, detail!.history!), 'utf8')));
    expect(readFileSync(join(out, 'junit.xml'), 'utf8')).toMatch(/<failure /);
  });

  it('writes only the reports that were asked for, and all histories if asked', async () => {
    const out = temporary();
    const options = ['--format', 'junit', '--histories', '--out', out];
    const run = await vdpaCts('run', '-t', 'simulator-blk', '-s', 'device-status/reads-back', ...options);
    expect(run.code).toBe(0);
    expect(readdirSync(out).sort()).toEqual(['histories', 'junit.xml']);
    const histories = readdirSync(join(out, 'histories'));
    expect(histories).toHaveLength(2);
    for (const name of histories)
      expectValid('history', JSON.parse(readFileSync(join(out, 'histories', name), 'utf8')));
  });

  it('prints events as JSON lines with --json', async () => {
    const out = temporary();
    const run = await vdpaCts('run', '--target', WRONG, '--select', ONE, '--json', '--out', out);
    expect(run.code).toBe(1);
    const events = run.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['plan', 'result', 'summary']));
    expect(events.find(({ type }) => type === 'result')).toMatchObject({ id: ONE, verdict: 'fail' });
    expect(events.at(-1)).toMatchObject({
      type: 'summary',
      complete: true,
      instances: 1,
      verdicts: { fail: 1 },
    });
  });

  it('skips what a target has no means for, with the reason', async () => {
    const out = temporary();
    const target = 'simulator-blk:read-only=yes,without=INDIRECT_DESC';
    const select = ['--select', 'split-desc/readable-untouched', '--select', 'virtqueues/bursts-and-wraps'];
    const run = await vdpaCts('run', '--target', target, ...select, '--out', out);
    expect(run.code).toBe(0);
    const reasons = new Set(resultsIn(out).results.map(({ reason }) => reason));
    expect(reasons).toContain('VIRTIO_F_INDIRECT_DESC is not offered');
    expect(reasons).toContain('VIRTIO_BLK_F_RO is offered');
  });

  it('takes a catalogue of its own', async () => {
    const out = temporary();
    const run = await vdpaCts(
      ...[
        'run',
        '--catalogue',
        'tests/fixtures/catalogue/good.yaml',
        '--target',
        'simulator-blk',
        '--out',
        out,
      ],
    );
    expect(run.code).toBe(0);
    expect(resultsIn(out).cases).toMatchObject([
      { id: 'fixture/status-after-reset', file: 'tests/fixtures/catalogue/good.yaml', line: 2 },
    ]);
  });

  it('that is interrupted exits 130 and leaves reports that say so', async () => {
    const out = temporary();
    const child = start(['run', '--json', '--out', out]);
    let told = false;
    const { code } = await ended(child, (text) => {
      if (!told && text.includes('"type":"result"')) told = child.kill('SIGINT');
    });
    expect(code).toBe(130);
    const results = resultsIn(out);
    expectValid('results', results);
    expect(results.complete).toBe(false);
    expect(results.results.length).toBeGreaterThan(0);
    expect(readFileSync(join(out, 'junit.xml'), 'utf8')).toMatch(/<error /);
    expect(existsSync(join(out, 'report.html'))).toBe(true);
  });
});

describe('wrong use exits 2 with a hint:', () => {
  const run = (...args: string[]) => refusal('run', '--out', temporary(), ...args);

  it('an empty selection', async () => {
    expect(await run('--select', 'no-such-case')).toMatchInlineSnapshot(`
      "exit 2
      nothing is selected by \`no-such-case\`
          hint: run \`vdpa-cts list\` for the ids; queries take * and fields such as section=2.6*
      "
    `);
    expect(await run('-s', 'device-status/*', '-s', 'device-statsu/*')).toMatchInlineSnapshot(`
      "exit 2
      nothing is selected by \`device-statsu/*\`
          hint: run \`vdpa-cts list\` for the ids; queries take * and fields such as section=2.6*
      "
    `);
    expect(await run('-s', 'device-status/*', '-s', '!device-status/*')).toMatchInlineSnapshot(`
      "exit 2
      nothing is selected by \`device-status/*\`, \`!device-status/*\`
          hint: run \`vdpa-cts list\` for the ids; queries take * and fields such as section=2.6*
      "
    `);
    expect(await run('-s', 'device-status/reads-back:ring=mixed')).toMatchInlineSnapshot(`
      "exit 2
      nothing is selected by \`device-status/reads-back:ring=mixed\`
          hint: run \`vdpa-cts list\` for the ids; queries take * and fields such as section=2.6*
      "
    `);
  });

  it('an unknown target', async () => {
    expect(await run('--target', 'simulator-bkl')).toMatchInlineSnapshot(`
      "exit 2
      there is no target simulator-bkl
          hint: did you mean simulator-blk? A module of your own is named by path: ./simulator-bkl.ts
      "
    `);
    expect(await run('--target', 'something-else')).toMatchInlineSnapshot(`
      "exit 2
      there is no target something-else
          hint: run \`vdpa-cts targets\` for the list
      "
    `);
    expect(await run('--target', './no-such-parent.ts')).toMatchInlineSnapshot(`
      "exit 2
      ./no-such-parent.ts does not exist
          hint: the path is relative to the current directory
      "
    `);
  });

  it('a target beside a right one, without waiting for that', async () => {
    expect(await run('-t', 'simulator-net', '-t', 'simulator-blq', '-j', '2')).toMatchInlineSnapshot(`
      "exit 2
      there is no target simulator-blq
          hint: did you mean simulator-blk? A module of your own is named by path: ./simulator-blq.ts
      "
    `);
  });

  it('an unknown option of a target', async () => {
    expect(await run('--target', 'simulator-blk:readonly=yes')).toMatch(
      /^exit 2\nsimulator-blk has no option readonly\n {4}hint: it has: .*read-only/,
    );
    expect(await run('--target', 'simulator-blk:read-only=perhaps')).toMatchInlineSnapshot(`
      "exit 2
      simulator-blk:read-only=perhaps cannot be used: create: RangeError: read-only=perhaps: neither yes nor no
          hint: see \`vdpa-cts targets\` for options and examples/ for a parent that works
      "
    `);
  });

  it('an unknown option, command or value', async () => {
    expect(await run('--selekt', 'x')).toMatchInlineSnapshot(`
      "exit 2
      error: unknown option '--selekt'
      (Did you mean --select?)
          hint: \`vdpa-cts help COMMAND\` tells options and examples
      "
    `);
    expect(await refusal('rnu')).toMatchInlineSnapshot(`
      "exit 2
      error: unknown command 'rnu'
      (Did you mean run?)
          hint: \`vdpa-cts help COMMAND\` tells options and examples
      "
    `);
    expect(await run('--jobs', '0')).toMatchInlineSnapshot(`
      "exit 2
      error: option '-j, --jobs <n>' argument '0' is invalid. expected a number above 0
          hint: \`vdpa-cts help COMMAND\` tells options and examples
      "
    `);
    expect(await run('--seed', 'x')).toMatchInlineSnapshot(`
      "exit 2
      error: option '--seed <n>' argument 'x' is invalid. expected a whole number
          hint: \`vdpa-cts help COMMAND\` tells options and examples
      "
    `);
    expect(await refusal('fuzz', '--time', 'soon')).toMatchInlineSnapshot(`
      "exit 2
      --time soon is not a duration
          hint: write 90s, 5m or 2h
      "
    `);
  });

  it('an unknown format', async () => {
    expect(await run('--format', 'xml')).toMatchInlineSnapshot(`
      "exit 2
      unknown format xml
          hint: formats: json, junit, html
      "
    `);
  });

  it('a parameter that is malformed or fits no case', async () => {
    const status = ['--select', 'device-status/*'];
    expect(await run(...status, '--param', 'ring')).toMatchInlineSnapshot(`
      "exit 2
      --param ring is not name=value[,value…]
          hint: for example --param ring=packed --param size=2,256
      "
    `);
    expect(await run(...status, '--param', 'rnig=split')).toMatchInlineSnapshot(`
      "exit 2
      --param rnig=split: no selected case has a parameter rnig
          hint: did you mean ring?
      "
    `);
    expect(await run(...status, '--param', 'ring=mixed')).toMatchInlineSnapshot(`
      "exit 2
      --param ring=mixed: no selected case has such a value
          hint: values of ring: split, packed
      "
    `);
  });

  it('an unknown field of a query', async () => {
    expect(await run('--select', 'sectoin=2.6')).toMatchInlineSnapshot(`
      "exit 2
      unknown field sectoin in the query \`sectoin=2.6\`
          hint: fields: id, section, requirement, scope, class; a query without one names cases, such as device-status/*
      "
    `);
  });

  it('a folder that cannot be written', async () => {
    expect(
      await refusal('run', '--select', 'device-status/*', '--out', 'package.json'),
    ).toMatchInlineSnapshot(`
      "exit 2
      no reports can be written to package.json: EEXIST: file already exists, mkdir 'package.json'
          hint: name another folder with --out
      "
    `);
  });

  it('a history that is none', async () => {
    const file = join(temporary(), 'history.json');
    const said = async () => (await refusal('judge', file)).replaceAll(file, 'FILE');
    expect(await said()).toMatchInlineSnapshot(`
      "exit 2
      FILE cannot be read: ENOENT: no such file or directory, open 'FILE'
          hint: a history is a JSON file that \`vdpa-cts run\` wrote
      "
    `);
    writeFileSync(file, '{"version": 99}');
    expect(await said()).toMatchInlineSnapshot(`
      "exit 2
      FILE is not a history of version 1
          hint: its version is 99
      "
    `);
    writeFileSync(file, '{"version": 1}');
    expect(await said()).toMatch(/^exit 2\nFILE: .*required property/);
  });
});

describe('a mistake in a catalogue file exits 2 with file, line, column and hint:', () => {
  const load = (name: string) =>
    refusal('run', '--catalogue', `tests/fixtures/catalogue/${name}.yaml`, '--out', temporary());

  it('YAML that does not parse', async () => {
    expect(await load('broken-yaml')).toMatchInlineSnapshot(`
      "exit 2
      tests/fixtures/catalogue/broken-yaml.yaml:7:5: Flow map in block collection must be sufficiently indented and end with a }
          hint: this is not valid YAML
      "
    `);
  });

  it('no list of cases', async () => {
    expect(await load('empty')).toMatchInlineSnapshot(`
      "exit 2
      tests/fixtures/catalogue/empty.yaml:1:1: a catalogue file is a list of cases
          hint: it begins with \`- id: area/name\`; see conformance/catalogue/README.md
      "
    `);
    expect(await load('not-a-list')).toMatchInlineSnapshot(`
      "exit 2
      tests/fixtures/catalogue/not-a-list.yaml:1:1: a catalogue file is a list of cases
          hint: it begins with \`- id: area/name\`; see conformance/catalogue/README.md
      "
    `);
  });

  it('an unknown step', async () => {
    expect(await load('unknown-step')).toMatchInlineSnapshot(`
      "exit 2
      tests/fixtures/catalogue/unknown-step.yaml:7:8: unknown step \`rest\`
          hint: did you mean \`reset\`?
      "
    `);
  });

  it('an unknown requirement, also inside groups', async () => {
    expect(await load('unknown-requirement')).toMatchInlineSnapshot(`
      "exit 2
      tests/fixtures/catalogue/unknown-requirement.yaml:2:18: case fixture/unknown-requirement cites unknown requirement V1.1-2.1.2-D11
          hint: did you mean V1.1-2.1.2-D1?
      tests/fixtures/catalogue/unknown-requirement.yaml:7:29: case fixture/unknown-requirement cites unknown requirement VDPA-9
          hint: did you mean VDPA-009?
      tests/fixtures/catalogue/unknown-requirement.yaml:8:47: case fixture/unknown-requirement cites unknown requirement INV-ALIV
          hint: did you mean INV-ALIVE?
      "
    `);
  });

  it('a case id that is used twice', async () => {
    expect(await load('duplicate-id')).toMatchInlineSnapshot(`
      "exit 2
      tests/fixtures/catalogue/duplicate-id.yaml:8:3: case id fixture/twice is used twice
          hint: it was first used at tests/fixtures/catalogue/duplicate-id.yaml:1
      "
    `);
  });

  it('a wrong parameter of a step', async () => {
    expect(await load('wrong-parameter')).toMatchInlineSnapshot(`
      "exit 2
      tests/fixtures/catalogue/wrong-parameter.yaml:6:19: unknown key \`too\`
          hint: did you mean \`to\`?
      tests/fixtures/catalogue/wrong-parameter.yaml:8:19: steps/1/control/0/pump/units must be integer
          hint: got "many"
      tests/fixtures/catalogue/wrong-parameter.yaml:9:19: unknown key \`fro\`
          hint: did you mean \`for\`?
      "
    `);
  });

  it('members that are missing or have no such value', async () => {
    expect(await load('missing-member')).toMatchInlineSnapshot(`
      "exit 2
      tests/fixtures/catalogue/missing-member.yaml:1:3: case must have required property 'why'
          hint: add \`why\`
      tests/fixtures/catalogue/missing-member.yaml:3:3: class must be equal to one of the allowed values
          hint: one of: conformance, resilience
      "
    `);
  });

  it('a bad expression', async () => {
    expect(await load('bad-expression')).toMatchInlineSnapshot(`
      "exit 2
      tests/fixtures/catalogue/bad-expression.yaml:5:22: case fixture/bad-expression: \`num_mx\` in \`device.num_mx\` is not known here; did you mean num_max?
          hint: names come from \`params\`, \`repeat\` and \`device\`; functions are min, max, floor, pow2, hex
      tests/fixtures/catalogue/bad-expression.yaml:6:3: case fixture/bad-expression: cannot parse \`size >\`: Expected expression after > at character 6
          hint: names come from \`params\`, \`repeat\` and \`device\`; functions are min, max, floor, pow2, hex
      tests/fixtures/catalogue/bad-expression.yaml:8:19: case fixture/bad-expression: \`sizes\` in \`sizes\` is not known here; did you mean size?
          hint: names come from \`params\`, \`repeat\` and \`device\`; functions are min, max, floor, pow2, hex
      tests/fixtures/catalogue/bad-expression.yaml:9:50: case fixture/bad-expression: \`log\` in \`n + log(2)\` is not known here; known: min, max, floor, pow2, hex
          hint: names come from \`params\`, \`repeat\` and \`device\`; functions are min, max, floor, pow2, hex
      tests/fixtures/catalogue/bad-expression.yaml:10:15: case fixture/bad-expression: \`n\` in \`n\` is not known here; known: size, device
          hint: names come from \`params\`, \`repeat\` and \`device\`; functions are min, max, floor, pow2, hex
      "
    `);
  });

  it('an unknown feature', async () => {
    expect(await load('unknown-feature')).toMatchInlineSnapshot(`
      "exit 2
      tests/fixtures/catalogue/unknown-feature.yaml:5:22: case fixture/unknown-feature needs an unknown feature
          hint: unknown virtio 1.1 feature "EVENT_IDXX"; did you mean VIRTIO_F_EVENT_IDX?
      "
    `);
  });

  it('a file that is not there', async () => {
    expect(await load('no-such-file')).toMatchInlineSnapshot(`
      "exit 2
      tests/fixtures/catalogue/no-such-file.yaml:1:1: there is no such file or folder
          hint: see --catalogue
      "
    `);
  });
});

describe('looking around', () => {
  it('list prints the selected cases', async () => {
    const { code, out } = await vdpaCts('list', '-s', 'device-status/re*', '-s', '!device-status/reset*');
    expect(code).toBe(0);
    expect(out).toMatchInlineSnapshot(`
      "device-status/reads-back  Every status bit of the start-up sequence reads back
      device-status/read-is-free  Reading the status changes nothing
      "
    `);
    const json = await vdpaCts('list', '--json', '--select', 'device-status/reads-back');
    expect(JSON.parse(json.out)).toMatchObject({ id: 'device-status/reads-back', class: 'conformance' });
  });

  it('list ends quietly when its reader does', async () => {
    const child = start(['list']);
    child.stdout!.once('data', () => child.stdout!.destroy());
    const { code, err } = await new Promise<{ code: number | null; err: string }>((resolve) => {
      let err = '';
      child.stderr!.on('data', (text) => {
        err += String(text);
      });
      child.on('exit', (code) => resolve({ code, err }));
    });
    expect({ code, err }).toEqual({ code: 0, err: '' });
  });

  it('show prints a case and what it decides', async () => {
    const { code, out } = await vdpaCts('show', 'device-status/reads-back');
    expect(code).toBe(0);
    expect(out).toMatch(
      /^conformance\/catalogue\/2\.1-device-status\.yaml:\d+\n\nid: device-status\/reads-back\n/,
    );
    expect(out).toMatch(/\nP1\.1-019b: [^\n]+\nVDPA-016: [^\n]+\n$/);
    expect(await refusal('show', 'device-status/reads-bakc')).toMatchInlineSnapshot(`
      "exit 2
      there is no case device-status/reads-bakc
          hint: did you mean device-status/reads-back?
      "
    `);
    expect(await refusal('show', 'device-status/reset')).toMatchInlineSnapshot(`
      "exit 2
      there is no case device-status/reset
          hint: did you mean device-status/reset-reads-zero or device-status/reset-clears-needs-reset?
      "
    `);
  });

  it('explain tells of any kind of requirement', async () => {
    const { out } = await vdpaCts('explain', 'V1.1-2.1.2-D1');
    expect(out).toMatch(/^V1\.1-2\.1\.2-D1\n {2}After a reset .*\n\nsection {3}2\.1\.2 /);
    expect(out).toContain('device-status/reset-reads-zero');
    expect(out).toContain('core/reset-keeps-failed');
    expect((await vdpaCts('explain', 'VDPA-025')).out).toMatch(/^VDPA-025\n {2}set_vq_ready\(false\)/);
    expect((await vdpaCts('explain', 'INV-ALIVE')).out).toMatch(/^INV-ALIVE\n {2}The device neither crashes/);
    expect((await vdpaCts('explain', 'P1.1-019a')).out).toMatch(/^P1\.1-019a\n/);
    const { out: json } = await vdpaCts('explain', 'VDPA-025', '--json');
    expect(JSON.parse(json)).toMatchObject({ id: 'VDPA-025', scope: 'vdpa' });
  });

  it('explain suggests the id that was meant', async () => {
    expect(await refusal('explain', 'V1.1-2.1.2-D99')).toMatchInlineSnapshot(`
      "exit 2
      there is no requirement V1.1-2.1.2-D99
          hint: did you mean V1.1-2.1.2-D1?
      "
    `);
    expect(await refusal('explain', 'INV-ALIV')).toMatchInlineSnapshot(`
      "exit 2
      there is no requirement INV-ALIV
          hint: did you mean INV-ALIVE?
      "
    `);
    expect(await refusal('explain', 'VDPA-25')).toMatchInlineSnapshot(`
      "exit 2
      there is no requirement VDPA-25
          hint: did you mean VDPA-025?
      "
    `);
  });

  it('explain --list names every requirement once', async () => {
    const ids = (await vdpaCts('explain', '--list')).out
      .trim()
      .split('\n')
      .map((line) => line.split('  ')[0]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(['V1.1-2.1.2-D1', 'VDPA-001', 'INV-ALIVE']));
  });

  it('steps prints the vocabulary', async () => {
    const { code, out } = await vdpaCts('steps', 'quiet');
    expect(code).toBe(0);
    expect(out).toMatchInlineSnapshot(`
      "quiet
        Let the device work until it has nothing left to do.
        {quiet: {}}

      "
    `);
    expect(await refusal('steps', 'quite')).toMatchInlineSnapshot(`
      "exit 2
      there is no step quite
          hint: did you mean queue?
      "
    `);
    const all = (await vdpaCts('steps', '--json')).out.trim().split('\n');
    expect(all.map((line) => JSON.parse(line).name)).toEqual(
      expect.arrayContaining(['bring-up', 'quiet', 'net-tx']),
    );
  });

  it('targets prints parents and their options', async () => {
    const { code, out } = await vdpaCts('targets');
    expect(code).toBe(0);
    expect(out).toMatch(/^simulator-net {2}\(net\)\n/);
    expect(out).toContain('  read-only=…');
    expect(out).toContain('A run without --target uses: simulator-net  simulator-blk');
  });

  it('schema prints every schema, and the files hold what it prints', async () => {
    const names = (await vdpaCts('schema')).out.trim().split('\n');
    expect(names).toEqual(['catalogue', 'expectations', 'history', 'requirements', 'results']);
    for (const name of names) {
      const { out } = await vdpaCts('schema', name);
      expect(out, name).toBe(readFileSync(join(ROOT, 'specs', 'schema', `${name}.schema.json`), 'utf8'));
    }
    expect(await refusal('schema', 'catalog')).toMatchInlineSnapshot(`
      "exit 2
      there is no schema catalog
          hint: schemas: catalogue, expectations, history, requirements, results
      "
    `);
  });

  it('every command has help with examples', async () => {
    const top = (await vdpaCts('--help')).out;
    const commands = [...top.matchAll(/^ {2}([a-z]+)(?: \[.*\])?(?: <.*>)? {2,}\S/gm)].map(
      ([, name]) => name,
    );
    expect(commands).toEqual(expect.arrayContaining(['run', 'fuzz', 'list', 'explain', 'replay', 'judge']));
    expect(top).toContain('Exit codes: 0 clean, 1 findings, 2 wrong usage');
    for (const name of commands.filter((one) => one !== 'help')) {
      const { code, out } = await vdpaCts('help', name);
      expect(code, name).toBe(0);
      expect(out, name).toContain(`$ vdpa-cts ${name}`);
    }
  });
});

describe('a recorded history', () => {
  it('gives the recorded verdict again, replayed 100 times and judged', async () => {
    const out = temporary();
    await vdpaCts('run', '--target', WRONG, '--select', ONE, '--out', out);
    const [{ findings, detail }] = resultsIn(out).results;
    const file = join(out, detail!.history!);
    expect(detail!.replay).toBe(`npx vdpa-cts replay ${file}`);

    const replay = await vdpaCts('replay', file, '--times', '100');
    expect(replay.code).toBe(1);
    expect(replay.out).toMatch(/^100 of 100 replays gave the recorded verdict, fail\n/);
    expect(replay.out).toMatch(/\nverdict: fail\n$/);

    const judged = await vdpaCts('judge', file, '--json');
    expect(judged.code).toBe(1);
    expect(JSON.parse(judged.out)).toEqual({ case: ONE, target: WRONG, verdict: 'fail', findings });

    const right = await vdpaCts('replay', file, '--target', 'simulator-blk');
    expect(right.code).toBe(0);
    expect(right.out).toMatch(/\nverdict: pass\n$/);
  });
});

describe('fuzz', () => {
  it('finds nothing wrong with a right device', async () => {
    const out = temporary();
    const run = await vdpaCts(
      'fuzz',
      '--target',
      'simulator-blk',
      '--runs',
      '500',
      '--jobs',
      '2',
      '--out',
      out,
    );
    expect(run.out).toMatch(/^500 sequences, \d+ steps in [\d.]+ s \(\d+\/s\): nothing found\n$/);
    expect(run.code).toBe(0);
  });

  it('finds a defect, with a case that fails on it and passes on the right device', async () => {
    const out = temporary();
    const run = await vdpaCts('fuzz', '--target', WRONG, '--runs', '500', '--jobs', '1', '--out', out);
    expect(run.code).toBe(1);
    expect(run.out).toMatch(/^FOUND /m);
    const { bugs } = JSON.parse(readFileSync(join(out, 'findings.json'), 'utf8'));
    expect(bugs.length).toBeGreaterThan(0);
    const [{ files }] = bugs;
    const reports = temporary();
    const judge = (target: string) =>
      vdpaCts('run', '--catalogue', files.case, '--target', target, '--out', reports, '--format', 'json');
    expect((await judge(WRONG)).code).toBe(1);
    expect((await judge('simulator-blk')).code).toBe(0);
    expect((await vdpaCts('replay', files.history, '--times', '100')).out).toMatch(/^100 of 100 replays/);
  });
});
