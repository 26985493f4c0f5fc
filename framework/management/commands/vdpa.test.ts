import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandContext, UsageError } from '../../../conformance/commands/context.ts';
import { commandLines } from './command-lines.ts';
import { vdpaCommand } from './vdpa.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vdpa-cts-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** `vdpa-cts vdpa …`: what it printed and its exit code. */
function run(...args: string[]) {
  const text = { out: '', err: '' };
  const stream = (name: 'out' | 'err') => ({
    write: (chunk: string) => {
      text[name] += chunk;
    },
  });
  const context = { out: stream('out'), err: stream('err') } as unknown as CommandContext;
  return { code: vdpaCommand(args, context), ...text };
}

const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe('vdpa-cts vdpa', () => {
  it('keeps devices with their attributes from one command to the next', () => {
    const state = join(folder, 'state.json');
    expect(
      run('--state', state, 'dev', 'add', 'name', 'a', 'mgmtdev', 'vdpasim_net', 'mtu', '9000').code,
    ).toBe(0);
    expect(run('--state', state, 'dev', 'add', 'name', 'b/c', 'mgmtdev', 'vdpasim_blk').code).toBe(0);
    expect(run('--state', state, 'dev', 'show').out).toMatch(/^a: type network .*\nb!c: type block /);
    expect(run('--state', state, 'dev', 'config', 'show', 'a').out).toContain('mtu 9000');
    expect(run('--state', state, 'dev', 'del', 'a').code).toBe(0);
    expect(run('--state', state, 'dev', 'show').out).toMatch(/^b!c: type block .*\n$/);
  });

  it('forgets everything without a state file', () => {
    run('dev', 'add', 'name', 'a', 'mgmtdev', 'vdpasim_net');
    expect(run('dev', 'show').out).toBe('');
  });

  it('keeps the release of a state, and refuses another', () => {
    const state = join(folder, 'late.json');
    expect(run('--state', state, '--release', '6.12', 'dev', 'show').code).toBe(0);
    expect(run('--state', state, 'mgmtdev', 'show', 'vdpasim_net').out).toContain('STATUS');
    expect(() => run('--state', state, '--release', '6.1', 'dev', 'show')).toThrow(UsageError);
  });

  it('ends a batch at the first failure, and says where', () => {
    const path = file('batch', '# net\ndev add name a mgmtdev vdpasim_net # one\n\ndev frob\ndev show\n');
    const { code, out, err } = run('-b', path);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toBe(`Command "frob" not found\nCommand failed ${path}:4\n`);
    expect(run('--force', '-b', path)).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^a: type network/),
    });
  });

  it('refuses wrong use with a hint', () => {
    for (const args of [
      ['--state'],
      ['--release', '5.4'],
      ['--netlink', '--state', 'x'],
      ['-b', 'x', 'dev'],
      ['-b', join(folder, 'none')],
    ])
      expect(() => run(...args)).toThrow(UsageError);
  });

  it.each([
    ['no JSON', '{'],
    ['another version', '{"version":2,"release":"6.1","devices":[]}'],
    ['a device without a name', '{"version":1,"release":"6.1","devices":[{}]}'],
    [
      'a device that cannot be made',
      '{"version":1,"release":"6.1","devices":[{"name":"a","mgmtdev":"none"}]}',
    ],
  ])('refuses a state file with %s and leaves it alone', (_, text) => {
    const path = file('broken.json', text);
    expect(() => run('--state', path, 'dev', 'show')).toThrow(UsageError);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('tells its own options on --help', () => {
    expect(run('--help').out).toContain('--state <file>');
  });
});

describe('a batch file', () => {
  it('holds words, quotes and comments', () => {
    expect(commandLines(`dev add name "a b" mgmtdev 'x'y # rest\n# none\n\r\ndev show\r\n`)).toEqual([
      { line: 1, words: ['dev', 'add', 'name', 'a b', 'mgmtdev', 'xy'] },
      { line: 4, words: ['dev', 'show'] },
    ]);
  });
});
