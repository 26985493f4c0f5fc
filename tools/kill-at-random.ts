/**
 * Kill a back end, the worker that drives it, or the whole suite at random moments, and look for what is left.
 * Usage: node --import tsx tools/kill-at-random.ts [COUNT] [SEED]
 * Prints one line of JSON: how often each was killed, and what stayed behind or hung.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const [count = 100, seed = 1] = process.argv.slice(2).map(Number);
const SUITE = fileURLToPath(new URL('kill-at-random-suite.ts', import.meta.url));
/** A suite that has not ended so long after its back end died hangs. */
const HANG_MS = 60_000;
/** What is killed may take so long to be gone. */
const GONE_MS = 10_000;

let state = seed;
/** Numbers from 0 up to, not including, `below`: the same for the same seed. */
function draw(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state % below;
}

/** Processes whose command line holds `text`. */
const processesWith = (text: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);

/** Wait until `gone`. Returns whether it came to that. */
async function until(gone: () => boolean): Promise<boolean> {
  const end = performance.now() + GONE_MS;
  while (!gone()) {
    if (performance.now() > end) return false;
    await sleep(10);
  }
  return true;
}

const killed = { daemon: 0, worker: 0, suite: 0 };
const left: string[] = [];
for (let i = 0; i < count; i++) {
  const victim = (['daemon', 'worker', 'suite'] as const)[draw(3)];
  const suite = spawn(process.execPath, ['--import', 'tsx', SUITE], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => suite.on('exit', () => resolve()));
  const line = await new Promise<string>((resolve, reject) => {
    suite.stdout.once('data', (data) => resolve(String(data)));
    suite.once('exit', (code) => reject(new Error(`the suite ended with ${code} before it began`)));
  });
  const { pid, folder } = JSON.parse(line.split('\n')[0]) as { pid: number; folder: string };
  await sleep(draw(150));
  killed[victim]++;
  if (victim === 'daemon') process.kill(pid, 'SIGKILL');
  else if (victim === 'suite') suite.kill('SIGKILL');
  else suite.stdin.write('terminate\n');
  const over = await Promise.race([ended.then(() => true), sleep(HANG_MS, false, { ref: false })]);
  if (!over) {
    left.push(`${i}: the suite hangs after its ${victim} was killed`);
    suite.kill('SIGKILL');
  }
  if (!(await until(() => processesWith(folder).length === 0)))
    left.push(`${i}: after the ${victim}: processes ${processesWith(folder).join(' ')}`);
  if (!(await until(() => !existsSync(folder)))) left.push(`${i}: after the ${victim}: ${folder}`);
}
console.log(JSON.stringify({ count, killed, left }));
process.exitCode = left.length > 0 ? 1 : 0;
