import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { BUS_DRIVERS, type BusDriverName } from '../../framework/bound-device.ts';
import { failureBlock, summaryLines } from '../../reports/console.ts';
import { htmlReport } from '../../reports/html/html.ts';
import { junitXml } from '../../reports/junit.ts';
import { HARMLESS, type Results } from '../../reports/results.ts';
import { makeFolder } from '../../specs/make-folder.ts';
import { requirements } from '../../specs/requirements.ts';
import { Expected } from '../expectations/apply.ts';
import { loadExpectations } from '../expectations/load.ts';
import type { Catalogue } from '../loader/case.ts';
import { SUITE_RULES } from '../oracles/suite-rules.ts';
import { assemble, type RanTarget, type RunOutcome } from '../runner/assemble.ts';
import { COMBINE, type Combine } from '../runner/combine.ts';
import { overrideParams } from '../runner/params.ts';
import { type PoolOptions, runPool } from '../runner/pool.ts';
import type { WorkerResult } from '../runner/protocol.ts';
import { type Query, selector } from '../runner/query.ts';
import { splitTarget } from '../runner/targets.ts';
import { cataloguePaths, openCatalogue } from './catalogue.ts';
import { type CommandContext, EXIT, UsageError } from './context.ts';
import { Progress } from './progress.ts';
import { compileLate } from './v8.ts';

export interface RunOptions {
  target?: string[];
  select?: string[];
  param?: string[];
  driver?: BusDriverName;
  migrateTo?: string[];
  combine?: string;
  jobs?: number;
  out?: string;
  format?: string[];
  catalogue?: string[];
  seed?: number;
  timeout?: number;
  histories?: boolean;
  json?: boolean;
  quiet?: boolean;
  /** Files of findings that are expected. */
  expect?: string[];
}

/** Report formats: name → file and writer. A further format is one more line. */
const FORMATS: Record<string, { file: string; write(results: Results): string }> = {
  json: { file: 'results.json', write: (results) => `${JSON.stringify(results, null, 1)}\n` },
  junit: { file: 'junit.xml', write: junitXml },
  html: { file: 'report.html', write: htmlReport },
};

/** Where targets run that are not in this process. */
export interface Elsewhere {
  start: PoolOptions['start'];
  /** Command that replays a history of such a target. */
  replay: string;
  /** Command that runs an instance on such a target again, up to its `--select`. */
  again(target: string): string;
  /** Called before reports are written and when the run was refused. */
  end(): void;
}

/** Milliseconds that one case may take by default, in process and outside. */
const TIMEOUT = 5000;
const TIMEOUT_OUTSIDE = 30_000;

/** The parent that a target names, before its options are looked at; undefined for a module. */
const parentOf = (spec: string, { parents }: CommandContext) => parents.builtIn.get(splitTarget(spec).name);

/** Whether a target is a right parent of the suite that runs in process. */
function isOurs(spec: string, context: CommandContext): boolean {
  const parent = parentOf(spec, context);
  return parent !== undefined && !parent.external && !parent.exclusive && !spec.includes('+');
}

/** `vdpa-cts run`: run cases against targets and write reports. */
export async function runCommand(
  options: RunOptions,
  context: CommandContext,
  elsewhere?: Elsewhere,
): Promise<number> {
  const formats = options.format ?? Object.keys(FORMATS);
  for (const format of formats) {
    if (!(format in FORMATS))
      throw new UsageError(`unknown format ${format}`, `formats: ${Object.keys(FORMATS).join(', ')}`);
  }
  const combine = (options.combine ?? 'pairs') as Combine;
  if (!COMBINE.includes(combine))
    throw new UsageError(`unknown --combine ${combine}`, `choices: ${COMBINE.join(', ')}`);
  if (options.driver !== undefined && !BUS_DRIVERS.includes(options.driver))
    throw new UsageError(`no bus driver ${options.driver}`, `bus drivers: ${BUS_DRIVERS.join(', ')}`);
  compileLate();
  const started = new Date();
  const begun = performance.now();
  const catalogue = openCatalogue(options.catalogue);
  checkSelection(catalogue, options);
  const targets = options.target ?? context.defaultTargets;
  const out = options.out ?? 'out';
  const histories = join(out, 'histories');
  try {
    makeFolder(out);
    rmSync(histories, { recursive: true, force: true });
  } catch (error) {
    throw new UsageError(
      `no reports can be written to ${out}: ${(error as Error).message}`,
      'name another folder with --out',
    );
  }

  const rules = new Set([...requirements().keys(), ...Object.keys(SUITE_RULES)]);
  const known = loadExpectations(options.expect ?? [], { cases: catalogue.cases, rules });
  const today = started.toISOString().slice(0, 10);
  const expected = targets.map((target) => new Expected(known, target, today));
  const ran: RanTarget[] = [];
  const results: RunOutcome['results'] = [];
  const progress = new Progress(context.err, options.quiet || options.json);
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const say = (event: object) => options.json && context.out.write(`${JSON.stringify(event)}\n`);
  const keep = (target: number, seen: WorkerResult) => {
    const result = expected[target].apply(seen);
    const file = result.history ? saveHistory(histories, target, result) : undefined;
    results.push({ target, result, ...(file ? { history: file } : {}) });
    progress.result(result.verdict);
    const { history: _, ...plain } = result;
    say({ type: 'result', target: targets[target], ...plain });
  };
  try {
    await runPool({
      script: context.workerScript,
      targets,
      catalogue: cataloguePaths(options.catalogue),
      select: options.select ?? [],
      params: options.param ?? [],
      driver: options.driver,
      migrateTo: options.migrateTo,
      combine,
      seed: options.seed ?? 1,
      jobs: options.jobs ?? cpus().length,
      exclusive: new Set(targets.flatMap((spec, i) => (parentOf(spec, context)?.exclusive ? [i] : []))),
      trusted: new Set(targets.flatMap((spec, i) => (isOurs(spec, context) ? [i] : []))),
      timeout: targets.map(
        (spec) => options.timeout ?? (parentOf(spec, context)?.external ? TIMEOUT_OUTSIDE : TIMEOUT),
      ),
      allHistories: options.histories ?? false,
      signal: interrupt.signal,
      start: elsewhere?.start,
      onPlan(target, facts, description, instances) {
        const { name, options: given } = splitTarget(targets[target]);
        const through = options.driver === 'vhost-vdpa' ? ', through vhost-vdpa' : '';
        ran[target] ??= {
          name: targets[target],
          description: `${description || name}${through}`,
          options: given,
          facts,
        };
        progress.plan(instances);
        say({ type: 'plan', target: targets[target], instances });
      },
      onResult: keep,
    });
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    progress.end();
    elsewhere?.end();
  }
  const interrupted = interrupt.signal.aborted;
  if (results.length === 0 && !interrupted)
    throw emptySelection([...(options.select ?? []), ...(options.param ?? [])]);
  // Interrupted, a target may not have come as far as to tell what it is.
  const present = ran.flatMap((target, i) => (target === undefined ? [] : [i]));
  const report = assemble({
    targets: present.map((i) => ran[i]),
    results: results.map((one) => ({ ...one, target: present.indexOf(one.target) })),
    folder: out,
    cases: catalogue.cases,
    requirements: requirements(),
    proofs: proofsOf(context),
    replay: elsewhere?.replay ?? 'replay',
    again: elsewhere?.again,
    againWith: [
      ...(options.migrateTo ?? []).flatMap((to) => ['--migrate-to', to]),
      ...(options.driver === undefined ? [] : ['--driver', options.driver]),
    ],
    version: context.version,
    complete: !interrupted,
    seed: options.seed ?? 1,
    selection: options.select ?? [],
    started,
    ms: Math.round(performance.now() - begun),
  });
  const files = formats.map((format) => {
    const path = join(out, FORMATS[format].file);
    writeFileSync(path, FORMATS[format].write(report));
    return path;
  });
  if (options.json) say({ type: 'summary', ...report.summary, complete: report.complete, files });
  else print(report, files, context);
  return exitCode(report, interrupted);
}

/** Number of seeded defects that break each requirement. */
export function proofsOf({ defects }: CommandContext): Map<string, number> {
  const proofs = new Map<string, number>();
  for (const { breaks } of defects) for (const id of breaks) proofs.set(id, (proofs.get(id) ?? 0) + 1);
  return proofs;
}

/** What is selected must exist, query by query, so that a slip of the pen does not pass for success. */
function checkSelection({ cases }: Catalogue, options: RunOptions): void {
  const texts = options.select ?? [];
  const matching = (query: Query) => cases.filter((definition) => query.matchesCase(definition));
  for (const text of texts.filter((one) => !one.startsWith('!'))) {
    if (matching(selector([text], requirements())).length === 0) throw emptySelection([text]);
  }
  const selected = matching(selector(texts, requirements()));
  if (selected.length === 0) throw emptySelection(texts);
  overrideParams(selected, options.param ?? []);
}

const emptySelection = (texts: readonly string[]) =>
  new UsageError(
    `nothing is selected by ${texts.map((text) => `\`${text}\``).join(', ') || 'the catalogue'}`,
    'run `vdpa-cts list` for the ids; queries take * and fields such as section=2.6*',
  );

/** Keep a history; its name depends on nothing but what ran. */
function saveHistory(folder: string, target: number, { id, history }: WorkerResult): string {
  makeFolder(folder);
  const name = id.replace(/[^A-Za-z0-9._=-]+/g, '_').slice(0, 100);
  const digest = createHash('sha256').update(id).digest('hex').slice(0, 8);
  const path = join(folder, `${target}-${name}-${digest}.json`);
  writeFileSync(path, `${JSON.stringify(history)}\n`);
  return path;
}

function print(report: Results, files: readonly string[], { out }: CommandContext): void {
  const bad = report.results.filter(({ verdict }) => !HARMLESS.has(verdict));
  const shown = bad.slice(0, 20);
  for (const result of shown) out.write(`${failureBlock(result, report, colourFor(out))}\n`);
  if (bad.length > shown.length) out.write(`… and ${bad.length - shown.length} more: see the report\n\n`);
  for (const line of summaryLines(report, colourFor(out))) out.write(`${line}\n`);
  out.write(`\nreports: ${files.join(', ')}\n`);
}

/** Colour when the stream is a terminal and nobody objects (NO_COLOR). */
export const colourFor = (out: NodeJS.WriteStream): boolean =>
  process.env.NO_COLOR === undefined && (process.env.FORCE_COLOR !== undefined || out.isTTY === true);

function exitCode(report: Results, interrupted: boolean): number {
  if (interrupted) return EXIT.INTERRUPTED;
  if (report.summary.verdicts.error > 0) return EXIT.SUITE;
  return report.results.every(({ verdict }) => HARMLESS.has(verdict)) ? EXIT.CLEAN : EXIT.FINDINGS;
}
