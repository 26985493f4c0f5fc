import { cpus } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../../conformance/commands/context.ts';
import { FOCUSES, type Focus } from '../strategy.ts';

/** What the command line says about a campaign. */
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

/** The same, with everything settled. */
export interface CampaignPlan {
  readonly target: string;
  readonly seed: number;
  /** Sequences of this shard; null: until the time is up. */
  readonly runs: number | null;
  readonly milliseconds: number | null;
  readonly jobs: number;
  readonly focus: Focus[];
  readonly guidance: boolean;
  readonly codeCoverage: boolean;
  readonly burst: boolean;
  readonly small: boolean;
  readonly ignored: string[];
  /** Milliseconds that shrinking one finding of a device outside the suite may take. */
  readonly shrinkMs: number;
  readonly corpus?: string;
  readonly out: string;
  readonly json: boolean;
}

/** How long a campaign lasts that nobody limits. */
const USUAL_TIME = '60s';
/** Milliseconds that one sequence may take, by default: devices in process, and others. */
const TIMEOUT = 5000;
const OUTSIDE_TIMEOUT = 120_000;
/** Seconds that shrinking one finding of a device outside the suite may take, by default. */
const SHRINK_SECONDS = 30;
/** Seeds of shards lie so far apart. */
const SHARD_STRIDE = 104_729;

/** Settle what the command line left open. @throws UsageError */
export function planCampaign(options: FuzzOptions): CampaignPlan {
  refuseMisfits(options);
  const focus = focusOf(options.focus ?? []);
  const shard = shardOf(options.shard ?? '1/1');
  const runs = options.runs === undefined ? null : Math.ceil(options.runs / shard.count);
  const time = options.time ?? (runs === null ? USUAL_TIME : undefined);
  return {
    target: options.target ?? 'simulator-blk',
    seed: ((options.seed ?? 1) + (shard.index - 1) * SHARD_STRIDE) >>> 0,
    runs,
    milliseconds: time === undefined ? null : duration(time),
    jobs: options.jobs ?? cpus().length,
    focus,
    guidance: options.guidance ?? true,
    codeCoverage: options.codeCoverage ?? false,
    burst: options.burst ?? false,
    small: options.small ?? false,
    ignored: options.ignore ?? [],
    shrinkMs: (options.shrink ?? SHRINK_SECONDS) * 1000,
    corpus: options.corpus,
    out: options.out ?? join('out', 'fuzz'),
    json: options.json ?? false,
  };
}

/** Milliseconds that one sequence may take; `external`: on a device outside the suite. */
export const timeLimit = ({ timeout }: FuzzOptions, external: boolean): number =>
  timeout ?? (external ? OUTSIDE_TIMEOUT : TIMEOUT);

/** `90`, `90s`, `5m`, `2h` in milliseconds. @throws UsageError */
function duration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (match === null) throw new UsageError(`--time ${text} is not a duration`, 'write 90s, 5m or 2h');
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] ?? 's']!;
  return Number(match[1]) * unit;
}

/** `2/8`: the second of eight shards. @throws UsageError */
function shardOf(text: string): { index: number; count: number } {
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
