/**
 * Kill a device (qemu-storage-daemon or QEMU), the worker that drives it, or the whole suite at random moments, and
 * look for what is left.
 * Usage: node --import tsx tools/kill-at-random.ts [COUNT] [SEED] [daemon|qemu]
 * Prints one line of JSON: how often each was killed, and what stayed behind or hung.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { processesWith } from './processes.ts';

const [count = 100, seed = 1] = process.argv.slice(2, 4).map(Number);
const kind = process.argv[4] ?? 'daemon';
if (!['daemon', 'qemu'].includes(kind))
  throw new Error(`nothing is killed that is called ${kind}: daemon or qemu`);
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

/** Wait until `gone`. Returns whether it came to that. */
async function until(gone: () => boolean): Promise<boolean> {
  const end = performance.now() + GONE_MS;
  while (!gone()) {
    if (performance.now() > end) return false;
    await sleep(10);
  }
  return true;
}

const killed = { device: 0, worker: 0, suite: 0 };
const left: string[] = [];
for (let i = 0; i < count; i++) {
  const victim = (['device', 'worker', 'suite'] as const)[draw(3)];
  const suite = spawn(process.execPath, ['--import', 'tsx', SUITE, kind], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<boolean>((resolve) => suite.on('exit', () => resolve(true)));
  const lines = createInterface({ input: suite.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done) throw new Error('the suite ended before it began');
  const { pid, mark } = JSON.parse(first.value) as { pid: number; mark: string };
  await sleep(draw(150));
  killed[victim]++;
  if (victim === 'device') process.kill(pid, 'SIGKILL');
  else if (victim === 'suite') suite.kill('SIGKILL');
  else suite.stdin.write('terminate\n');
  if (victim === 'device' && kind === 'qemu') {
    // The suite starts another one and goes on.
    const next = await Promise.race([lines.next(), sleep(HANG_MS, null, { ref: false })]);
    const { replaced } = JSON.parse(next?.value ?? '{}') as { replaced?: number };
    if (replaced === undefined) left.push(`${i}: the suite does not notice that its device was killed`);
    suite.stdin.write('terminate\n');
  }
  const over = await Promise.race([ended, sleep(HANG_MS, false, { ref: false })]);
  if (!over) {
    left.push(`${i}: the suite hangs after its ${victim} was killed`);
    suite.kill('SIGKILL');
  }
  if (!(await until(() => processesWith(mark).length === 0)))
    left.push(`${i}: after the ${victim}: processes ${processesWith(mark).join(' ')}`);
  if (!(await until(() => !existsSync(mark)))) left.push(`${i}: after the ${victim}: ${mark}`);
}
console.log(JSON.stringify({ kind, count, killed, left }));
process.exitCode = left.length > 0 ? 1 : 0;
