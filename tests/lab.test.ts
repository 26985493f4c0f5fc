import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ended, resultsIn, start, temporary, vdpaCts } from './command.ts';

/** Booting a kernel downloads one: done in the whole check, and where it is asked for. */
const WANTED = process.env.CI === 'true' || process.env.VDPA_CTS_LAB === '1';
const MINUTES = 60_000;

/** One cache for all tests here; a cache that exists already can be named to save the build. */
const cache = process.env.VDPA_CTS_LAB_CACHE ?? mkdtempSync(join(tmpdir(), 'vdpa-cts-lab-'));
afterAll(() => {
  if (process.env.VDPA_CTS_LAB_CACHE === undefined) rmSync(cache, { recursive: true, force: true });
});

/** Processes of QEMU that use the cache. */
function guests(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return line.startsWith('qemu-system') && line.includes(cache);
      } catch {
        return false;
      }
    })
    .map(Number);
}

async function until(what: () => boolean, ms: number): Promise<boolean> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    if (what()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return what();
}

const started = () =>
  existsSync(join(cache, 'lab')) &&
  readdirSync(join(cache, 'lab')).some((name) => {
    const messages = join(cache, 'lab', name, 'messages.jsonl');
    return /^run-/.test(name) && existsSync(messages) && readFileSync(messages, 'utf8').includes('"begin"');
  });

/** Commands of the vdpa tool, some of which the kernel refuses. */
const COMMANDS = `
mgmtdev show
-jp mgmtdev show
dev add name net0 mgmtdev vdpasim_net mac 52:54:00:12:34:56
dev add name blk0 mgmtdev vdpasim_blk
dev add name net0 mgmtdev vdpasim_net
dev add name net1 mgmtdev nowhere
dev show
-jp dev show
dev config show
-j dev config show net0
dev vstats show net0 qidx 0
dev vstats show net0 qidx 99
dev del net0
dev show net0
dev del net0
dev show
`;

describe.runIf(WANTED)('the lab (VDPA_CTS_LAB=1 runs these tests outside the whole check)', () => {
  it('runs cases against a device of the kernel and replays what it found', {
    timeout: 20 * MINUTES,
  }, async () => {
    const out = temporary();
    const select = ['-s', 'device-status/*', '-s', 'features/unoffered-is-refused'];
    const { code, err } = await vdpaCts(
      'lab',
      'run',
      '-d',
      'vdpasim_blk',
      '--cache',
      cache,
      '-o',
      out,
      '-j',
      '1',
      ...select,
    );
    expect(err).toContain('boot Linux');
    const { results, targets } = resultsIn(out);
    expect(targets.map(({ name }) => name)).toEqual(['lab:vdpasim_blk']);
    const passed = results.filter(({ verdict }) => verdict === 'pass');
    expect(passed.length).toBeGreaterThan(10);
    const failed = results.filter(({ verdict }) => verdict === 'fail');
    expect(new Set(failed.map((one) => one.case))).toEqual(new Set(['features/unoffered-is-refused']));
    expect(code).toBe(1);
    const history = join(out, failed[0].detail!.history!);
    const again = await vdpaCts('lab', 'replay', history, '--cache', cache);
    expect(again.out).toContain('verdict: fail');
    expect(guests()).toEqual([]);
  });

  it('calls a guest that dies a crash, and goes on in a new one', { timeout: 10 * MINUTES }, async () => {
    const out = temporary();
    const run = start([
      'lab',
      'run',
      '-d',
      'vdpasim_blk',
      '--cache',
      cache,
      '-o',
      out,
      '-j',
      '1',
      ...['-s', 'device-status/*', '-s', 'split-*'],
    ]);
    const end = ended(run);
    expect(await until(started, 4 * MINUTES)).toBe(true);
    for (const pid of guests()) process.kill(pid, 'SIGKILL');
    expect((await end).code).toBe(1);
    const { results } = resultsIn(out);
    expect(results.filter(({ verdict }) => verdict === 'crash')).toHaveLength(1);
    expect(results.filter(({ verdict }) => verdict === 'pass').length).toBeGreaterThan(10);
  });

  it('keeps what a kernel said that crashed, and goes on with the next case', {
    timeout: 15 * MINUTES,
  }, async () => {
    const out = temporary();
    // The guest that follows begins with a later instance, so that it does not come to this one.
    const crash =
      `(until busybox grep -q '"at":5}' /share/messages.jsonl; do busybox sleep 0.05; done; ` +
      'echo c > /proc/sysrq-trigger) &';
    const { code } = await vdpaCts(
      ...['lab', 'run', '-d', 'vdpasim_blk', '--cache', cache, '-o', out, '-j', '1'],
      // Many more than the guest can get through until it notices.
      ...['-s', 'device-status/*', '-s', 'blk-io/*', '-s', 'split-*', '--before', crash],
    );
    const { results } = resultsIn(out);
    const crashes = results.filter(({ verdict }) => verdict === 'crash');
    expect(crashes).toHaveLength(1);
    expect(crashes[0].reason).toContain('Kernel panic - not syncing: sysrq triggered crash');
    const kept = /console: (\S+)\)/.exec(crashes[0].reason!)![1];
    expect(readFileSync(kept, 'utf8')).toContain('sysrq: Trigger a crash');
    expect(results.filter(({ verdict }) => verdict === 'pass').length).toBeGreaterThan(10);
    expect(code).toBe(1);
    expect(guests()).toEqual([]);
  });

  it('leaves no guest behind when the suite is killed', { timeout: 10 * MINUTES }, async () => {
    const run = start(['lab', 'run', '-d', 'vdpasim_blk', '--cache', cache, '-o', temporary(), '-j', '1']);
    const end = ended(run);
    expect(await until(() => guests().length > 0, 4 * MINUTES)).toBe(true);
    run.kill('SIGKILL');
    await end;
    expect(await until(() => guests().length === 0, 20_000)).toBe(true);
  });

  it('manages devices of the kernel with the vdpa tool, to the same effect as in process', {
    timeout: 10 * MINUTES,
  }, async () => {
    const file = join(temporary(), 'commands');
    writeFileSync(file, COMMANDS);
    const real = await vdpaCts('lab', 'vdpa', '--cache', cache, '-q', '--batch', file);
    const ours = await vdpaCts('vdpa', '--batch', file, '--force');
    expect(real.out.split('\n')).toEqual(ours.out.split('\n'));
    expect(real.err.split('\n')).toEqual(ours.err.split('\n'));
    expect([real.code, ours.code]).toEqual([1, 1]);
  });
});

it('the lab tells which device does not exist, and which do', async () => {
  const { code, err } = await vdpaCts('lab', 'run', '--device', 'vdpasim_disk', '--cache', cache);
  expect(code).toBe(2);
  expect(err).toContain('the lab has no device vdpasim_disk');
  const none = await vdpaCts('lab', 'run', '--cache', cache);
  expect(none.err).toContain('--device vdpasim_blk|vdpasim_net');
  expect((await vdpaCts('lab', 'devices')).out).toContain('vp_vdpa_net');
});
