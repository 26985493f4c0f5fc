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
