import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { measureCatalogue } from '../../conformance/bench.ts';
import { type CommandContext, EXIT, UsageError } from '../../conformance/commands/context.ts';
import { resolveTarget, TargetError } from '../../conformance/runner/targets.ts';
import {
  measureRings,
  RING_KINDS,
  type RingBenchTask,
  type RingRate,
} from '../../framework/virtqueue/bench.ts';
import { PROJECT_ROOT } from '../../specs/compile-cache.ts';
import { type BurstRate, measureBeside, measureBursts, measureFuzz } from '../bench.ts';
import { SMALL_CASES } from '../burst/small-cases.ts';

/** What can be measured, in the order in which it is. */
export const BENCHES = ['rings', 'catalogue', 'fuzz', 'parents', 'qemu', 'start'] as const;
export type BenchName = (typeof BENCHES)[number];

export interface BenchOptions {
  only?: string[];
  seconds?: number;
}

const SCRIPT = join(PROJECT_ROOT, 'bin', 'vdpa-cts.mjs');

/** Version of the document that `vdpa-cts bench` prints. */
const BENCH_VERSION = 1;

const CATALOGUE_TARGETS = ['simulator-net', 'simulator-blk'];
const QEMU_TARGETS = ['qemu:virtio-blk-pci', 'qemu:virtio-net-pci'];
const FUZZ_TARGETS = ['simulator-blk', 'simulator-net:max-pairs=1'];
/** Most runs of the whole command; the first one, which fills the caches of the machine, does not count. */
const STARTS = 6;

/** `vdpa-cts bench`: measure, and print one JSON document. */
export async function benchCommand(options: BenchOptions, context: CommandContext): Promise<number> {
  const only = options.only ?? BENCHES;
  const wrong = only.find((name) => !BENCHES.includes(name as BenchName));
  if (wrong !== undefined)
    throw new UsageError(`there is no bench ${wrong}`, `benches: ${BENCHES.join(', ')}`);
  const seconds = options.seconds ?? 10;
  if (seconds === 0) throw new UsageError('--seconds 0 measures nothing', 'write a whole number of seconds');
  const targets = (names: readonly string[]) =>
    Promise.all(names.map((name) => resolveTarget(name, context.parents)));
  const measure: Record<BenchName, () => unknown> = {
    rings: async () => ({
      budget: 'ratio at most 3 with one element',
      results: await ringsAlone(seconds / 2, context.ringBenchScript),
      // The same when all four kinds share the code: what V8 makes of it then suits none of them as well.
      oneProcess: measureRings(seconds / 2),
    }),
    catalogue: async () => ({
      budget: 'over 10000 instances a second on one core',
      results: (await targets(CATALOGUE_TARGETS)).map((target) => measureCatalogue(target)),
    }),
    fuzz: async () => {
      const all = await targets(FUZZ_TARGETS);
      const share = seconds / all.length;
      return {
        budget: 'over 10000 sequences of about 25 ops a second on one core',
        smallCases: all.map((target) => measureFuzz(target, share, SMALL_CASES)),
        sessions: all.map((target) => measureFuzz(target, share)),
        bursts: all.map((target) => measureBursts(target, share)),
      };
    },
    parents: async () => ({
      budget: 'within 3 times of the simulator of the same type',
      results: await measureParents(seconds, context),
    }),
    qemu: async () => ({
      budget: 'over 5000 cases a second on one core',
      ...(await measureQemu(seconds, context)),
    }),
    start: () => ({
      budget: 'under 2 seconds from process start to report on disk',
      ...measureStart(seconds),
    }),
  };
  const { model = 'unknown', length } = { ...cpus()[0], length: cpus().length };
  const document: Record<string, unknown> = {
    version: BENCH_VERSION,
    suite: context.version,
    node: process.version,
    cpu: model,
    cores: length,
    loadBefore: loadavg()[0],
    secondsEach: seconds,
  };
  const chosen = BENCHES.filter((name) => only.includes(name));
  for (const name of chosen)
    document[name] = chosen.length === 1 ? await measure[name]() : measureAlone(name, seconds);
  context.out.write(`${JSON.stringify(document, null, 2)}\n`);
  return EXIT.CLEAN;
}

/** One bench in a process of its own: what V8 learnt from another one would slow it down. */
function measureAlone(name: BenchName, seconds: number): unknown {
  const command = [SCRIPT, 'bench', '--only', name, '--seconds', String(seconds)];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  if (status !== EXIT.CLEAN) throw new Error(`bench ${name} ended with code ${status}: ${stderr}`);
  return JSON.parse(stdout)[name];
}

/** Each kind of ring in a worker of its own, as in a process that uses that kind; `seconds` in all. */
async function ringsAlone(seconds: number, script: URL): Promise<RingRate[]> {
  const rates: RingRate[] = [];
  for (const kind of RING_KINDS) {
    const task: RingBenchTask = { seconds: seconds / RING_KINDS.length, kinds: [kind] };
    const worker = new Worker(script, { workerData: task });
    const [own] = (await once(worker, 'message')) as [RingRate[]];
    rates.push(...own);
    await worker.terminate();
  }
  return rates;
}

/** Cases and sequences a second of each parent in this process, beside the simulator of the same type. */
async function measureParents(seconds: number, { builtIn, parents }: CommandContext) {
  const rows: object[] = [];
  const references = new Map<string, number>();
  const names = [...builtIn.values()].filter(({ name, external, only, deviceType }) => {
    const simulator = `simulator-${deviceType}`;
    return !external && only === undefined && builtIn.has(simulator) && name !== simulator;
  });
  for (const { name, deviceType } of names) {
    const own = await resolveTarget(name, parents);
    const simulator = await resolveTarget(`simulator-${deviceType}`, parents);
    const reference = references.get(deviceType) ?? measureCatalogue(simulator, 2).perSecond;
    references.set(deviceType, reference);
    const cases = measureCatalogue(own, 2).perSecond;
    rows.push({
      target: name,
      simulator: simulator.name,
      cases: {
        perSecond: cases,
        simulator: reference,
        ratio: Math.round((reference / cases) * 100) / 100,
      },
      sequences: measureBeside(own, simulator, seconds / names.length),
    });
  }
  return rows;
}

/** Fuzzing QEMU's devices, where there is a QEMU. */
async function measureQemu(seconds: number, { parents }: CommandContext) {
  const results: BurstRate[] = [];
  try {
    for (const name of QEMU_TARGETS)
      results.push(measureBursts(await resolveTarget(name, parents), seconds / QEMU_TARGETS.length));
  } catch (error) {
    if (error instanceof TargetError) return { skipped: error.message };
    throw error;
  }
  return { results };
}

/** Wall time of a whole run of both simulators, from the start of its process until its report is on disk. */
function measureStart(seconds: number) {
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  for (let i = 0; i < STARTS && (i < 2 || performance.now() < end); i++) {
    const out = mkdtempSync(join(tmpdir(), 'vdpa-cts-bench-'));
    const command = [
      SCRIPT,
      'run',
      '-q',
      ...CATALOGUE_TARGETS.flatMap((name) => ['--target', name]),
      '--out',
      out,
    ];
    const begun = performance.now();
    const { status, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
    const took = performance.now() - begun;
    if (status === null || status > EXIT.FINDINGS)
      throw new Error(`the run ended with code ${status}: ${stderr}`);
    statSync(join(out, 'results.json'));
    rmSync(out, { recursive: true });
    if (i > 0) times.push(took);
  }
  const all = times.sort((a, b) => a - b).map((time) => Math.round(time) / 1000);
  return {
    targets: CATALOGUE_TARGETS,
    runs: all.length,
    medianSeconds: all[all.length >> 1],
    bestSeconds: all[0],
    seconds: all,
  };
}
