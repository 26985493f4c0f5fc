/**
 * Kill the guest of the lab, or the suite, at random moments of a run, and look for what is left.
 * Usage: node --import tsx tools/kill-at-random-lab.ts [COUNT] [SEED] [CACHE]
 * Prints one line of JSON: how often each was killed, and what stayed behind, hung, or was lost.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cacheFolder, sweep } from '../conformance/lab/cache.ts';

const [count = 20, seed = 1] = process.argv.slice(2).map(Number);
const cache = process.argv[4];
const COMMAND = fileURLToPath(new URL('../bin/vdpa-cts.mjs', import.meta.url));
const SELECT = 'device-status/*';
/** A run that has not ended so long after its guest was killed hangs. */
const HANG_MS = 400_000;
/** What is killed may take so long to be gone. */
const GONE_MS = 20_000;
/** Kills fall into so many milliseconds after the start of a guest: boot, load and cases. */
const SPAN_MS = 20_000;

let state = seed;
/** Numbers from 0 up to, not including, `below`: at most 65536 of them, the same for the same seed. */
function draw(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  // The low bits of such a generator take turns.
  return (state >>> 16) % below;
}

/** Processes of QEMU whose command line names the cache. */
const guests = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        return line.startsWith('qemu-system') && line.includes(cacheFolder(cache));
      } catch {
        return false;
      }
    })
    .map(Number);

/** Folders of machines in the cache. */
const folders = () => readdirSync(cacheFolder(cache)).filter((name) => name.startsWith('run-'));

async function until(what: () => boolean, ms: number): Promise<boolean> {
  const end = performance.now() + ms;
  while (!what()) {
    if (performance.now() > end) return false;
    await sleep(20);
  }
  return true;
}

const killed = { guest: 0, suite: 0 };
const left: string[] = [];
const out = mkdtempSync(join(tmpdir(), 'vdpa-cts-kill-'));

/** Verdicts of the run, by name; null when it wrote no report. */
function verdicts(): Record<string, number> | null {
  try {
    return JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')).summary.verdicts;
  } catch {
    return null;
  }
}

async function iteration(i: number): Promise<void> {
  const victim = (['guest', 'suite'] as const)[draw(2)];
  rmSync(join(out, 'results.json'), { force: true });
  const where = cache === undefined ? [] : ['--cache', cache];
  const args = [
    COMMAND,
    'lab',
    'run',
    '-d',
    'vdpasim_blk',
    '-s',
    SELECT,
    '-j',
    '1',
    '-q',
    '-o',
    out,
    ...where,
  ];
  const suite: ChildProcess = spawn(process.execPath, args, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => suite.on('exit', () => resolve()));
  const running = () => suite.exitCode === null && suite.signalCode === null;
  await until(() => guests().length > 0 || !running(), HANG_MS);
  const moment = draw(SPAN_MS);
  await Promise.race([ended, sleep(moment, undefined, { ref: false })]);
  const label = `${i}: the ${victim}, ${moment} ms after the start of its guest`;
  killed[victim]++;
  if (victim === 'suite') suite.kill('SIGKILL');
  else for (const pid of guests()) process.kill(pid, 'SIGKILL');
  if (!(await Promise.race([ended.then(() => true), sleep(HANG_MS, false, { ref: false })]))) {
    left.push(`${label}: the run hangs`);
    suite.kill('SIGKILL');
  }
  if (!(await until(() => guests().length === 0, GONE_MS))) left.push(`${label}: ${guests().length} guests`);
  if (victim === 'guest') {
    const seen = verdicts();
    // Killed before its first case, or after its last, the guest takes none along.
    if (seen === null || seen.crash > 1 || seen.pass < 10 || seen.fail + seen.error + seen.hang > 0)
      left.push(`${label}: ${JSON.stringify(seen)}`);
    if (folders().length > 0) left.push(`${label}: ${folders().join(' ')}`);
  }
  sweep(cacheFolder(cache));
  if (folders().length > 0) left.push(`${label}: not swept: ${folders().join(' ')}`);
}

try {
  for (let i = 0; i < count; i++) await iteration(i);
} finally {
  rmSync(out, { recursive: true, force: true });
}
console.log(JSON.stringify({ count, killed, left }));
process.exitCode = left.length > 0 ? 1 : 0;
