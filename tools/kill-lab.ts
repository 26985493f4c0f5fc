/**
 * Kill the guest of the lab, or the suite that runs it, at random moments, and look for what is left.
 * Usage: node --import tsx tools/kill-lab.ts CACHE [COUNT] [SEED]
 * Prints one line of JSON: how often each was killed, and what stayed behind or hung.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { processesWith } from './processes.ts';

const [cache] = process.argv.slice(2);
const [count = 100, seed = 1] = process.argv.slice(3, 5).map(Number);
if (cache === undefined)
  throw new Error('usage: kill-lab.ts CACHE [COUNT] [SEED]: CACHE is that of `lab build`');
const SUITE = fileURLToPath(new URL('../bin/vdpa-cts.mjs', import.meta.url));
/** From the start of a guest to its end, at most. */
const LIFE_MS = 12_000;
/** A suite that has not ended so long after its guest died hangs: it boots another one first. */
const HANG_MS = 180_000;
const GONE_MS = 10_000;

let state = seed;
/** Numbers from 0 up to, not including, `below`: the same for the same seed. */
function draw(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state % below;
}

const guests = () => processesWith('qemu-system').filter((pid) => processesWith(cache).includes(pid));

/** Wait until `what`. Returns whether it came to that. */
async function until(what: () => boolean, ms: number): Promise<boolean> {
  const end = performance.now() + ms;
  while (!what()) {
    if (performance.now() > end) return false;
    await sleep(20);
  }
  return true;
}

const runs = () => readdirSync(join(cache, 'lab')).filter((name) => name.startsWith('run-'));
const killed = { guest: 0, suite: 0 };
const left: string[] = [];
for (let i = 0; i < count; i++) {
  const victim = (['guest', 'suite'] as const)[draw(2)];
  const out = mkdtempSync(join(tmpdir(), 'vdpa-cts-kill-'));
  const args = ['lab', 'run', '-d', 'vdpasim_blk', '--cache', cache, '-o', out, '-j', '1', '-q'];
  const suite = spawn(process.execPath, [SUITE, ...args, '-s', 'device-status/*'], { stdio: 'ignore' });
  const ended = new Promise<boolean>((resolve) => suite.on('exit', () => resolve(true)));
  if (!(await until(() => guests().length > 0, 60_000))) throw new Error('no guest started');
  await sleep(draw(LIFE_MS));
  killed[victim]++;
  if (victim === 'suite') suite.kill('SIGKILL');
  else for (const pid of guests()) process.kill(pid, 'SIGKILL');
  if (!(await Promise.race([ended, sleep(HANG_MS, false, { ref: false })]))) {
    left.push(`${i}: the suite hangs after its ${victim} was killed`);
    suite.kill('SIGKILL');
  }
  if (!(await until(() => guests().length === 0, GONE_MS)))
    left.push(`${i}: after the ${victim}: processes ${guests().join(' ')}`);
  const reports = readdirSync(out);
  if (victim === 'guest' && !reports.includes('results.json'))
    left.push(`${i}: no report after the guest died`);
  rmSync(out, { recursive: true, force: true });
}
console.log(JSON.stringify({ count, killed, left, folders: runs() }));
process.exitCode = left.length > 0 ? 1 : 0;
