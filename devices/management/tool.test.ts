import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { vdpaTool } from '../../framework/management/tool/tool.ts';
import { linuxSystem } from './linux.ts';

interface Step {
  name: string;
  argv: string[];
  before?: string[][];
  exit: number;
  stdout: string;
  stderr: string;
}

const { steps } = JSON.parse(
  readFileSync(new URL('../../tests/fixtures/management/linux-6.1.json', import.meta.url), 'utf8'),
) as { steps: Step[] };

/** An invocation on a system; what it printed and its exit code. */
function run(system: ReturnType<typeof linuxSystem>, argv: readonly string[]) {
  let stdout = '';
  let stderr = '';
  const exit = vdpaTool(argv, {
    connect: () => system.kernel.open({ extendedAck: true, cappedAck: true }),
    output: {
      out: (text) => {
        stdout += text;
      },
      err: (text) => {
        stderr += text;
      },
    },
  });
  return { exit, stdout, stderr };
}

describe('the vdpa tool', () => {
  const system = linuxSystem('6.1');

  it.each(steps)('$name: prints and exits as the real one', ({ argv, before, ...expected }) => {
    for (const words of before ?? []) expect(run(system, words).exit).toBe(0);
    const { exit, stdout, stderr } = run(system, argv);
    if (expected.exit === 134) {
      // The real one cannot print a name of 64 characters or more and aborts; this one prints it.
      expect(exit).toBe(0);
      expect(stdout).toMatch(/^n{64,}: type network mgmtdev vdpasim_net /);
      return;
    }
    expect({ exit, stdout, stderr }).toEqual({
      exit: expected.exit,
      stdout: expected.stdout,
      stderr: expected.stderr,
    });
  });
});

/** Facts about the real tool, version 6.1.0, beyond the recording: words, exit code, standard error. */
const HABITS: readonly [string, number, string][] = [
  ['frob', 1, 'Object "frob" not found\n'],
  ['mgmtdev frob', 1, 'Command "frob" not found\n'],
  ['dev show a b c', 1, 'Unknown option "b"\n'],
  ['dev add name', 1, 'management device handle not set.\n'],
  ['dev add name a mgmtdev vdpasim_net mac', 0, ''],
  ['dev add name a mgmtdev vdpasim_net mtu x', 1, ''],
  ['dev add name a mgmtdev vdpasim_net mac 256:1', 1, '"256" is invalid lladdr.\n'],
  ['dev add name a mgmtdev vdpasim_net mac 08.1', 1, '"08.1" is invalid lladdr.\n'],
  ['dev vstats show a qidx', 1, 'Usage: vdpa dev vstats show DEV [qidx QUEUE_INDEX]\n'],
  ['dev vstats show a qidx 4294967296', 1, ''],
  ['--foo', 1, "vdpa: unrecognized option '--foo'\nUnknown option.\n"],
  ['--json=1 dev', 1, "vdpa: option '--json' doesn't allow an argument\nUnknown option.\n"],
  ['-s dev', 1, 'Unknown option.\n'],
];

describe('the arguments of the vdpa tool', () => {
  it.each(HABITS)('%s', (words, exit, stderr) => {
    const result = run(linuxSystem('6.1'), words.split(' '));
    expect(result.exit).toBe(exit);
    expect(result.stderr.startsWith(stderr)).toBe(true);
    if (!words.startsWith('-')) expect(result.stderr).toBe(stderr);
  });

  it('give addresses with fewer numbers, in hex or like IPv4', () => {
    const system = linuxSystem('6.1');
    run(system, 'dev add na a mgm vdpasim_net mac 1:2:3'.split(' '));
    run(system, 'dev add name b mgmtdev vdpasim_net mac 0x10.010.8.1'.split(' '));
    const { stdout } = run(system, 'dev config show'.split(' '));
    expect(stdout).toContain('a: mac 01:02:03:00:00:00 ');
    expect(stdout).toContain('b: mac 10:08:08:01:00:00 ');
  });

  it('may have options between them, and long ones cut short', () => {
    expect(run(linuxSystem('6.1'), ['dev', '--js', 'show', '--pre']).stdout).toBe('{\n    "dev": {}\n}\n');
  });
});

describe('the vdpa tool on a device that is in use', () => {
  it('tells features in force and statistics', () => {
    const system = linuxSystem('6.12');
    run(system, 'dev add name a mgmtdev vdpasim_net'.split(' '));
    const { ops } = system.management.device('a');
    for (const status of [1, 3]) ops.setStatus(status);
    ops.setDriverFeatures(0x3_0082_0028n);
    ops.setStatus(11);
    expect(run(system, 'dev config show a'.split(' ')).stdout).toBe(
      'a: mac 00:00:00:00:00:00 link up link_announce false mtu 1500 \n' +
        '  negotiated_features MTU MAC CTRL_VQ CTRL_MAC_ADDR VERSION_1 ACCESS_PLATFORM\n',
    );
    expect(run(system, 'dev vstats show a qidx 1'.split(' ')).stdout).toBe(
      'a: queue_type tx tx packets 0 tx bytes 0 tx errors 0 tx drops 0 \n',
    );
    expect(run(system, '-j dev vstats show a qidx 1'.split(' ')).stdout).toBe(
      '{"vstats":{"a":{"queue_type":"tx","tx packets":0,"tx bytes":0,"tx errors":0,"tx drops":0}}}\n',
    );
  });
});
