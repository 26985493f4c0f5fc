import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { cataloguePaths, openCatalogue } from '../../conformance/commands/catalogue.ts';
import {
  type CommandContext,
  EXIT,
  type ProvenDefect,
  UsageError,
} from '../../conformance/commands/context.ts';
import { makeFolder } from '../../specs/make-folder.ts';
import { writeWhole } from '../corpus.ts';
import { Board } from '../prove/board.ts';
import { decidedBy } from '../prove/decided.ts';
import { runProvePool } from '../prove/pool.ts';
import { PROVE_VERSION, readProofs } from '../prove/resume.ts';
import { summarise } from '../prove/summary.ts';
import { tableOf, totalsOf } from '../prove/table.ts';

export interface ProveOptions {
  select?: string[];
  fuzz?: boolean;
  cases?: boolean;
  resume?: string;
  again?: boolean;
  seeds?: number;
  limit?: number;
  jobs?: number;
  timeout?: number;
  json?: boolean;
  out?: string;
}

/** Redraws of the progress line are this far apart, in milliseconds. */
const REDRAW_MS = 200;
/** What is known is written to disk this often, in milliseconds. */
const SAVE_MS = 10_000;
/** Without a terminal, lines of progress are this far apart, in milliseconds. */
const LINE_MS = 60_000;

/** Defects whose id one of `patterns` names; `*` stands for any text, a leading `!` excludes. */
export function selectDefects(defects: readonly ProvenDefect[], patterns: readonly string[]): ProvenDefect[] {
  const glob = (pattern: string) =>
    new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);
  const wanted = patterns.filter((text) => !text.startsWith('!')).map(glob);
  const unwanted = patterns.filter((text) => text.startsWith('!')).map((text) => glob(text.slice(1)));
  return defects.filter(
    ({ id }) =>
      (wanted.length === 0 || wanted.some((pattern) => pattern.test(id))) &&
      !unwanted.some((pattern) => pattern.test(id)),
  );
}

/** `vdpa-cts prove`: does every wrong device turn a case red, and how soon does the fuzzer see it? */
export async function proveCommand(options: ProveOptions, context: CommandContext): Promise<number> {
  const patterns = options.select ?? [];
  const defects = selectDefects(context.defects, patterns);
  if (defects.length === 0)
    throw new UsageError(
      `no defect is selected by ${patterns.join(' ')}`,
      'ids look like `split/…`; * stands for any text',
    );
  const out = options.out ?? options.resume ?? join('out', 'prove.json');
  makeRoomFor(out);
  const { fuzz: fuzzing = true, cases = true } = options;
  const limit = options.limit ?? 20_000;
  const earlier = options.resume === undefined ? undefined : readProofs(options.resume);
  const board = new Board(defects, {
    cases,
    fuzzing,
    seeds: options.seeds ?? 5,
    limit,
    earlier,
    again: options.again ?? false,
  });
  const chosen = new Set(defects.map(({ id }) => id));
  // What a resumed file holds beside the selection stays in it.
  const kept = [...(earlier?.values() ?? [])].filter(({ id }) => !chosen.has(id));
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const begun = performance.now();
  const line = progressLine(context);
  const everything = decidedBy(openCatalogue(undefined).cases);
  const broken = new Set(defects.flatMap(({ breaks }) => breaks));
  const decided = !cases
    ? new Set<string>()
    : patterns.length === 0
      ? everything
      : new Set([...everything].filter((id) => broken.has(id)));
  let saved = performance.now();
  const save = (complete: boolean) => {
    const seconds = Math.round((performance.now() - begun) / 100) / 10;
    const proofs = [...board.proofs, ...kept];
    const summary = summarise(proofs, decided, cases);
    const all = { version: PROVE_VERSION, complete, seconds, limit, summary, defects: proofs };
    let problem: string | null = null;
    try {
      writeWhole(out, `${JSON.stringify(all, null, 1)}\n`);
    } catch (error) {
      problem = (error as Error).message;
    }
    saved = performance.now();
    return { seconds, summary, problem };
  };
  const show = () => {
    line(() => {
      const { done, planned, missed } = board.progress;
      return `${done}/${planned} · ${missed} seeds missed · ${Math.round((performance.now() - begun) / 1000)} s`;
    });
    if (performance.now() - saved > SAVE_MS) save(false);
  };
  try {
    await runProvePool({
      script: context.proveWorkerScript,
      catalogue: cataloguePaths(undefined),
      jobs: options.jobs ?? cpus().length,
      timeout: options.timeout ?? 20_000,
      signal: interrupt.signal,
      queue: board.queue,
      onMessage(unit, message) {
        board.message(unit, message);
        show();
      },
      onLost(unit, lost) {
        board.lost(unit, lost);
        show();
      },
    });
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    line(null);
  }
  const complete = !interrupt.signal.aborted;
  const { seconds, summary, problem } = save(complete);
  if (problem !== null) context.err.write(`warning: nothing could be kept in ${out}: ${problem}\n`);
  if (options.json) {
    for (const proof of board.proofs) context.out.write(`${JSON.stringify({ type: 'defect', ...proof })}\n`);
    context.out.write(`${JSON.stringify({ type: 'summary', complete, seconds, ...summary })}\n`);
  } else {
    for (const text of tableOf(board.proofs, fuzzing, cases)) context.out.write(`${text}\n`);
    context.out.write('\n');
    for (const text of totalsOf(summary, limit)) context.out.write(`${text}\n`);
    context.out.write(problem === null ? `${seconds} s; all of it: ${out}\n` : `${seconds} s\n`);
  }
  if (!complete) return EXIT.INTERRUPTED;
  return summary.unproved.length + summary.unprovedClaims.length === 0 ? EXIT.CLEAN : EXIT.FINDINGS;
}

/** @throws UsageError where no file can be put */
function makeRoomFor(file: string): void {
  try {
    makeFolder(dirname(file));
  } catch (error) {
    throw new UsageError(
      `nothing can be written to ${file}: ${(error as Error).message}`,
      'name another file with --out',
    );
  }
}

/** A line on standard error: drawn over on a terminal, one now and then elsewhere. null: the end of it. */
function progressLine({ err }: CommandContext): (text: (() => string) | null) => void {
  const terminal = err.isTTY === true;
  let drawn = performance.now();
  return (text) => {
    if (text === null) {
      if (terminal) err.write('\r\x1b[K');
      return;
    }
    if (performance.now() - drawn < (terminal ? REDRAW_MS : LINE_MS)) return;
    drawn = performance.now();
    err.write(terminal ? `\r\x1b[K${text()}` : `${text()}\n`);
  };
}
