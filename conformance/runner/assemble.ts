import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import { stringify } from 'yaml';
import {
  type CaseResult,
  RESULTS_VERSION,
  type Results,
  type ResultTarget,
  type ResultVerdict,
  VERDICT_ORDER,
  worstVerdict,
} from '../../reports/results.ts';
import { coverage } from '../../reports/view/coverage.ts';
import type { Requirement } from '../../specs/requirements.ts';
import { namesOf } from '../../specs/virtio-1.1/features.ts';
import { addFigures, type Figures } from '../figures.ts';
import { describeEvent } from '../history/describe.ts';
import { pictureAt } from '../history/picture.ts';
import { weigh } from '../judge.ts';
import type { CatalogueCase } from '../loader/case.ts';
import { SUITE_RULES } from '../oracles/suite-rules.ts';
import type { FlatStep } from '../steps/step.ts';
import type { DeviceFacts } from './device-facts.ts';
import { isEmulated } from './emulated.ts';
import type { WorkerResult } from './protocol.ts';

/** Lines of a transcript that are kept around a failure. */
const MOST_LINES = 400;

/** A target as the run saw it. */
export interface RanTarget {
  name: string;
  description: string;
  options: Record<string, string>;
  facts: DeviceFacts;
}

export interface RunOutcome {
  targets: RanTarget[];
  /** `history`: file that was written. */
  results: { target: number; result: WorkerResult; history?: string }[];
  /** Command that replays a history (default `replay`). */
  replay?: string;
  /** Command and option that run an instance of a target again, for what has no history (default `run --target`). */
  again?: (target: string) => string;
  /** What else such a run is told: options and their values. */
  againWith?: readonly string[];
  /** Folder of the results file. */
  folder: string;
  cases: readonly CatalogueCase[];
  requirements: ReadonlyMap<string, Requirement>;
  /** Seeded defects by the requirement they break. */
  proofs: ReadonlyMap<string, number>;
  version: string;
  complete: boolean;
  seed: number;
  selection: string[];
  started: Date;
  ms: number;
}

/** `text` as one word of a shell. */
const quote = (text: string): string =>
  /^[\w./=:+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** A step as one line of YAML. */
export function stepLine({ name, args, control, for: about }: FlatStep): string {
  const text = stringify({ [name]: args }, { collectionStyle: 'flow', lineWidth: 0 }).trim();
  return `${text}${about ? `  # ${about}` : ''}${control ? '  # control' : ''}`;
}

/** Put the outcome of a run into the form that reports are made from. Order does not depend on timing. */
export function assemble(run: RunOutcome): Results {
  const order = new Map(run.cases.map(({ id }, i) => [id, i]));
  const results: CaseResult[] = run.results
    .map(({ target, result, history }) => caseResult(target, result, history, run))
    .sort((a, b) => a.target - b.target || order.get(a.case)! - order.get(b.case)! || compare(a.id, b.id));
  const counts = Object.fromEntries(VERDICT_ORDER.map((verdict) => [verdict, 0])) as Record<
    ResultVerdict,
    number
  >;
  for (const { verdict } of results) counts[verdict]++;
  const requirements = requirementResults(run, results);
  const ran = new Set(results.map((result) => result.case));
  const figures: (Figures | undefined)[] = [];
  for (const { target, result } of run.results)
    if (result.figures) figures[target] = addFigures(figures[target], result.figures);
  const targets = run.targets.map((target, i) => targetResult(target, figures[i]));
  const { all } = coverage({ requirements, targets });
  return {
    version: RESULTS_VERSION,
    suite: { name: 'vdpa-cts', version: run.version, catalogue: digestOf(run.cases) },
    complete: run.complete,
    seed: run.seed,
    selection: run.selection,
    targets,
    cases: run.cases
      .filter(({ id }) => ran.has(id))
      .map((one) => ({
        id: one.id,
        title: one.title ?? one.why,
        class: one.class,
        requirements: one.requirements,
        why: one.why,
        ...(one.ambiguity ? { ambiguity: one.ambiguity } : {}),
        file: one.position.file,
        line: one.position.line,
      })),
    requirements,
    rules: Object.entries(SUITE_RULES).map(([id, summary]) => ({ id, summary })),
    results,
    summary: {
      verdicts: counts,
      decided: all.decided,
      decidable: all.decidable,
      cases: ran.size,
      instances: results.length,
    },
    timing: { started: run.started.toISOString(), ms: run.ms },
  };
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const targetResult = (
  { name, description, options, facts }: RanTarget,
  figures: Figures | undefined,
): ResultTarget => ({
  name,
  type: facts.type,
  description,
  options,
  features: namesOf(BigInt(facts.offered), facts.type),
  abilities: facts.abilities,
  ...(figures ? { figures } : {}),
  ...(facts.values.transport === 'none' ? {} : { transport: facts.values.transport as 'pci' | 'mmio' }),
});

function digestOf(cases: readonly CatalogueCase[]): string {
  const text = JSON.stringify(cases.map(({ position: _, ...rest }) => rest));
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function caseResult(
  target: number,
  result: WorkerResult,
  historyFile: string | undefined,
  run: RunOutcome,
): CaseResult {
  const { id, verdict, reason, findings, ms } = result;
  const detail =
    verdict === 'pass' || verdict === 'skip'
      ? undefined
      : detailOf(result, historyFile, run.targets[target], run);
  return {
    case: result.case,
    id,
    target,
    verdict,
    ...(reason ? { reason } : {}),
    findings,
    ...(detail ? { detail } : {}),
    timing: { ms: Math.round(ms * 1000) / 1000 },
  };
}

function detailOf(result: WorkerResult, file: string | undefined, target: RanTarget, run: RunOutcome) {
  const { history } = result;
  const events = history?.events ?? [];
  const worst = result.findings.find((finding) => weigh(finding) === result.verdict) ?? result.findings[0];
  const focus = worst?.event ?? events.length - 1;
  let step = -1;
  const transcript = events.flatMap((event, at) => {
    if (event.k === 'step') step = event.i;
    const line = describeEvent(event);
    return line ? [{ step, from: line.from, text: line.text, event: at }] : [];
  });
  const near = transcript.findIndex((line) => line.event >= focus);
  const from = Math.max(0, (near < 0 ? transcript.length : near) - MOST_LINES + 50);
  return {
    steps: (history?.steps ?? []).map(stepLine),
    transcript: transcript.slice(from, from + MOST_LINES),
    ...(events.length > 0 ? { picture: pictureAt(events, focus) } : {}),
    ...(file ? { history: relative(run.folder, file) } : {}),
    replay: file
      ? `npx vdpa-cts ${run.replay ?? 'replay'} ${quote(file)}`
      : againCommand(run, target.name, result.id),
  };
}

/** Command that runs one instance again. */
function againCommand({ again, againWith = [], seed }: RunOutcome, target: string, id: string): string {
  const run = again?.(target) ?? `run --target ${quote(target)}`;
  return ['npx vdpa-cts', run, ...againWith.map(quote), '--select', quote(id), `--seed ${seed}`].join(' ');
}

function requirementResults(run: RunOutcome, results: readonly CaseResult[]): Results['requirements'] {
  const citing = new Map<string, string[]>();
  for (const { id, requirements } of run.cases) {
    for (const requirement of requirements) citing.set(requirement, [...(citing.get(requirement) ?? []), id]);
  }
  const byCase = new Map<string, CaseResult[]>();
  for (const result of results) byCase.set(result.case, [...(byCase.get(result.case) ?? []), result]);
  // An oracle may find a requirement broken in a case that is about something else.
  const broken = new Map<string, ResultVerdict>();
  for (const { target, findings, verdict: whole } of results) {
    const waived = whole === 'xfail';
    for (const finding of findings) {
      const weight = weigh(finding);
      if (weight !== 'fail' && weight !== 'warn') continue;
      const verdict = waived ? 'xfail' : weight;
      const key = `${target} ${finding.requirement}`;
      broken.set(key, worstVerdict(verdict, broken.get(key) ?? 'pass'));
    }
  }
  return [...run.requirements.values()].map((requirement) => {
    const cases = citing.get(requirement.id) ?? [];
    const verdicts = run.targets.map((_, target) => {
      const own = cases.flatMap((id) => byCase.get(id) ?? []).filter((result) => result.target === target);
      const cited =
        own.length === 0 ? 'none' : own.map((result) => share(result, requirement.id)).reduce(merge);
      const found = broken.get(`${target} ${requirement.id}`);
      return found === undefined ? cited : cited === 'none' ? found : merge(cited, found);
    });
    const { chapter, ...rest } = requirement;
    const emulated = run.targets.flatMap(({ facts }, target) =>
      verdicts[target] === 'pass' && isEmulated(requirement, facts.abilities) ? [target] : [],
    );
    return {
      ...rest,
      chapter,
      cases,
      verdicts,
      ...(emulated.length > 0 ? { emulated } : {}),
      proofs: run.proofs.get(requirement.id) ?? 0,
    };
  });
}

/** What the result of a case says about one of its requirements: findings about another one are not held against it. */
function share(result: CaseResult, requirement: string): ResultVerdict {
  if (!['fail', 'warn', 'xfail'].includes(result.verdict)) return result.verdict;
  const own = result.findings.filter((finding) => finding.requirement === requirement);
  if (result.verdict === 'xfail') return own.length > 0 || result.findings.length === 0 ? 'xfail' : 'pass';
  return own.map((finding) => weigh(finding)).reduce(worstVerdict, 'pass');
}

/** A skipped or blocked instance decides nothing as long as another one does. */
function merge(a: ResultVerdict, b: ResultVerdict): ResultVerdict {
  const idle = (verdict: ResultVerdict) => verdict === 'skip' || verdict === 'blocked';
  if (idle(a) !== idle(b)) return idle(a) ? b : a;
  return worstVerdict(a, b);
}
