import { cpus } from 'node:os';
import { join } from 'node:path';
import { type CommandContext, EXIT, UsageError } from '../../conformance/commands/context.ts';
import { resolveTarget } from '../../conformance/runner/targets.ts';
import { CorpusFolder } from '../corpus.ts';
import { historyOf } from '../execute.ts';
import { Findings } from '../findings.ts';
import { FuzzRefused, runFuzzPool } from '../pool.ts';
import type { Sequence } from '../sequence.ts';
import type { Reproduced } from '../shrink.ts';
import { FOCUSES, type Focus } from '../strategy.ts';

export interface FuzzOptions {
  target?: string;
  time?: string;
  runs?: number;
  seed?: number;
  jobs?: number;
  corpus?: string;
  focus?: string[];
  shard?: string;
  out?: string;
  timeout?: number;
  shrink?: number;
  ignore?: string[];
  guidance?: boolean;
  codeCoverage?: boolean;
  burst?: boolean;
  small?: boolean;
  json?: boolean;
}

/** Milliseconds that one sequence may take, by default: devices in process, and others. */
const TIMEOUT = 5000;
const OUTSIDE_TIMEOUT = 120_000;
/** Seconds that shrinking one finding of a device outside the suite may take, by default. */
const SHRINK_SECONDS = 30;

/** `90`, `90s`, `5m`, `2h` in milliseconds. @throws UsageError */
export function duration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (match === null) throw new UsageError(`--time ${text} is not a duration`, 'write 90s, 5m or 2h');
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] ?? 's']!;
  return Number(match[1]) * unit;
}

/** `2/8`: the second of eight shards. @throws UsageError */
export function shardOf(text: string): { index: number; count: number } {
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const [index, count] = match ? [Number(match[1]), Number(match[2])] : [0, 0];
  if (index < 1 || index > count) throw new UsageError(`--shard ${text} is not a shard`, 'write 1/8 to 8/8');
  return { index, count };
}

function focusOf(names: readonly string[]): Focus[] {
  const wrong = names.find((name) => !FOCUSES.includes(name as Focus));
  if (wrong !== undefined)
    throw new UsageError(`there is no focus ${wrong}`, `focuses: ${FOCUSES.join(', ')}`);
  return names as Focus[];
}

/** @throws UsageError for options that mean nothing beside `--burst` or `--small` */
function refuseMisfits({ burst, small, focus, corpus, codeCoverage }: FuzzOptions): void {
  const [mode, given] = burst
    ? ['--burst', { '--small': small, '--focus': focus, '--corpus': corpus, '--code-coverage': codeCoverage }]
    : ['--small', { '--focus': small ? focus : undefined }];
  const wrong = Object.entries(given).find(([, value]) => value !== undefined);
  if (wrong)
    throw new UsageError(
      `${wrong[0]} has no effect on ${mode}`,
      `${mode} draws cases of its own; leave one of them out`,
    );
}

/** A right device to compare with while shrinking, for a target of this type. */
export async function referenceFor(target: string, context: CommandContext): Promise<string> {
  const { definition } = await resolveTarget(target, context.parents);
  const right = [...context.builtIn.values()].find(({ deviceType }) => deviceType === definition.deviceType);
  return right === undefined || right.name === definition.name ? '' : right.name;
}

/** Seeds of shards lie far apart. */
const shardSeed = (seed: number, shard: { index: number }) => (seed + (shard.index - 1) * 104_729) >>> 0;

/** `vdpa-cts fuzz`: run a campaign, print and keep what it finds. */
export async function fuzzCommand(options: FuzzOptions, context: CommandContext): Promise<number> {
  const target = options.target ?? 'simulator-blk';
  const focus = focusOf(options.focus ?? []);
  const shard = shardOf(options.shard ?? '1/1');
  const burst = options.burst ?? false;
  const small = options.small ?? false;
  refuseMisfits(options);
  const unit = burst ? 'cases' : 'sequences';
  const runs = options.runs === undefined ? null : Math.ceil(options.runs / shard.count);
  const milliseconds =
    options.time === undefined ? (runs === null ? duration('60s') : null) : duration(options.time);
  const seed = shardSeed(options.seed ?? 1, shard);
  const out = options.out ?? join('out', 'fuzz');
  const warn = (problem: string) => context.err.write(`warning: ${problem}\n`);
  const findings = new Findings(out, warn);
  const corpus = options.corpus === undefined ? null : new CorpusFolder(options.corpus);
  const kept = corpus?.load(warn) ?? [];
  const { definition, options: given } = await resolveTarget(target, context.parents);
  const told = new Set(findings.bugs.keys());
  const totals = new Map<number, { count: number; steps: number; states: number; examined: number }>();
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const say = (event: object) => options.json && context.out.write(`${JSON.stringify(event)}\n`);
  const begun = performance.now();
  const line = statusLine(context, options.json ?? false);
  const total = (key: 'count' | 'steps' | 'examined') =>
    past[key] + [...totals.values()].reduce((sum, one) => sum + one[key], 0);
  const past = { count: 0, steps: 0, examined: 0 };
  let fresh: Sequence[] = [];
  let corpusFails = false;
  const saveCorpus = () => {
    if (corpus === null || corpusFails) return;
    try {
      corpus.save(fresh);
      fresh = [];
    } catch (error) {
      corpusFails = true;
      fresh = [];
      warn(
        `the corpus cannot be written: ${(error as Error).message}; the campaign goes on without saving it`,
      );
    }
  };
  try {
    await runFuzzPool({
      script: context.fuzzWorkerScript,
      target,
      reference: await referenceFor(target, context),
      seed,
      runs,
      milliseconds,
      jobs: options.jobs ?? cpus().length,
      focus,
      guidance: options.guidance ?? true,
      codeCoverage: options.codeCoverage ?? false,
      burst,
      small,
      corpus: kept,
      collect: corpus !== null,
      known: [...told],
      ignored: options.ignore ?? [],
      shrinkMs: (options.shrink ?? SHRINK_SECONDS) * 1000,
      timeout: options.timeout ?? (definition.external ? OUTSIDE_TIMEOUT : TIMEOUT),
      signal: interrupt.signal,
      onProgress(lane, { count, steps, states, examined, hits, fresh: more, heapMb }) {
        totals.set(lane, { count, steps, states, examined });
        findings.hit(hits);
        if (!corpusFails) fresh.push(...more);
        saveCorpus();
        const seconds = (performance.now() - begun) / 1000;
        const states_ = Math.max(...[...totals.values()].map((one) => one.states));
        const found = findings.bugs.size;
        const seen = burst ? `${total('examined')} examined` : `${states_} states`;
        line(
          `${total('count')} ${unit} · ${Math.round(total('count') / seconds)}/s · ${seen} · ${found} finding${found === 1 ? '' : 's'} · ${heapMb} MB`,
        );
        say({
          type: 'progress',
          sequences: total('count'),
          steps: total('steps'),
          ...(burst ? { examined: total('examined') } : { states: states_ }),
          findings: found,
          seconds,
          rssMb: heapMb,
        });
      },
      onSeen(_, bug, from) {
        if (!findings.bugs.has(bug.bucket)) findings.add(bug, from, target);
      },
      onFound(_, bug, from) {
        line('');
        const known = told.has(bug.bucket);
        if (known) return;
        told.add(bug.bucket);
        const entry = findings.add(bug, from, target);
        say({ type: 'finding', ...entry });
        if (!options.json) context.out.write(foundText(entry));
      },
      onLost(lane, from, at, why, sequence) {
        line('');
        const done = totals.get(lane);
        if (done) {
          past.count += done.count;
          past.steps += done.steps;
          past.examined += done.examined;
          totals.delete(lane);
        }
        const history =
          sequence && historyOf(sequence, { name: target, type: definition.deviceType, options: given }, []);
        const bug = findings.lose(why, from, at, target, history);
        const again = bug.files.history
          ? `npx vdpa-cts replay ${bug.files.history}`
          : `vdpa-cts fuzz --target ${target}${burst ? ' --burst' : small ? ' --small' : ''} --seed ${from} --runs ${at} --jobs 1`;
        if (bug.hits === 1) context.out.write(`HANG or CRASH: ${why}\n  replay  ${again}\n`);
        say({ type: 'lost', why, seed: from, at });
      },
    });
  } catch (error) {
    if (error instanceof FuzzRefused && error.hint !== undefined)
      throw new UsageError(error.message, error.hint);
    throw error;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    line('');
    saveCorpus();
    findings.save();
  }
  const seconds = (performance.now() - begun) / 1000;
  const found = [...findings.bugs.values()];
  const summary = {
    sequences: total('count'),
    steps: total('steps'),
    ...(burst ? { examined: total('examined') } : {}),
    seconds: Math.round(seconds * 10) / 10,
    findings: found.length,
  };
  say({ type: 'summary', ...summary, out });
  if (!options.json) {
    const rate = Math.round(summary.sequences / seconds);
    const detail = burst ? `${total('examined')} of them run step by step,` : `${summary.steps} steps`;
    context.out.write(`${summary.sequences} ${unit}, ${detail} in ${summary.seconds} s (${rate}/s): `);
    context.out.write(
      found.length === 0
        ? 'nothing found\n'
        : `${found.length} finding${found.length === 1 ? '' : 's'}, see ${join(out, 'findings.json')}\n`,
    );
  }
  if (interrupt.signal.aborted) return EXIT.INTERRUPTED;
  return found.length === 0 ? EXIT.CLEAN : EXIT.FINDINGS;
}

function foundText({
  requirement,
  expected,
  actual,
  steps,
  originalSteps,
  at,
  reproduced,
  files,
}: {
  requirement: string;
  expected: string;
  actual: string;
  steps: number;
  originalSteps: number;
  at: number;
  reproduced?: Reproduced;
  files: { case: string; history: string };
}): string {
  return [
    `FOUND ${requirement} in sequence ${at}, shrunk from ${originalSteps} to ${steps} steps`,
    `  expected  ${expected}`,
    `  actual    ${actual}`,
    ...(reproduced ? [`  showed    ${reproduced.times} of ${reproduced.of} times in a fresh process`] : []),
    `  case      ${files.case}`,
    `  replay    npx vdpa-cts replay ${files.history}`,
    '',
  ].join('\n');
}

/** A line on standard error that is drawn over; silent when that is no terminal. */
function statusLine({ err }: CommandContext, silent: boolean): (text: string) => void {
  if (silent || err.isTTY !== true) return () => {};
  return (text) => {
    err.write(`\r\x1b[K${text}`);
  };
}
