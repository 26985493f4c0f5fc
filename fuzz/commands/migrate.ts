import { join } from 'node:path';
import { type CommandContext, EXIT, UsageError } from '../../conformance/commands/context.ts';
import { GuestMemory } from '../../framework/memory/guest-memory.ts';
import { asCase } from '../as-case.ts';
import { Findings } from '../findings.ts';
import { MigrationCampaign, type MigrationHit } from '../migration/campaign.ts';
import { migratable, type Pair, pairName, pairOf, pairsOf } from '../migration/pairs.ts';
import { shrink } from '../shrink.ts';

export interface MigrateOptions {
  pairs?: string[];
  runs?: number;
  seed?: number;
  out?: string;
  json?: boolean;
  shrink?: boolean;
}

/** Milliseconds between two lines of progress. */
const EVERY = 2000;
/** Runs until the event loop gets a turn, for Ctrl-C and the output. */
const BATCH = 50;

async function chosen(options: MigrateOptions, context: CommandContext): Promise<Pair[]> {
  if (options.pairs === undefined) return pairsOf(migratable(context.parents), context.parents);
  return Promise.all(
    options.pairs.map((text) => {
      const [from, to, more] = text.split('>');
      if (!from || !to || more !== undefined)
        throw new UsageError(`--pairs ${text} is no pair of targets`, 'write simulator-blk>ifcvf-blk');
      return pairOf(from.trim(), to.trim(), context.parents);
    }),
  );
}

/** `vdpa-cts migrate`: random migrations under traffic over pairs of targets, judged by the reference model. */
export async function migrateCommand(options: MigrateOptions, context: CommandContext): Promise<number> {
  const pairs = await chosen(options, context);
  const seed = options.seed ?? 1;
  const runs = options.runs ?? 10_000;
  const out = options.out ?? join('out', 'migrate');
  const warn = (problem: string) => context.err.write(`warning: ${problem}\n`);
  const findings = new Findings(out, warn);
  const guest = new GuestMemory(8 << 20);
  const campaign = new MigrationCampaign(pairs, seed, guest);
  const emit = (event: Record<string, unknown>) => context.out.write(`${JSON.stringify(event)}\n`);
  const begun = performance.now();
  const seconds = () => (performance.now() - begun) / 1000;
  let shown = begun;
  let interrupted = false;
  const stop = () => {
    interrupted = true;
  };
  process.once('SIGINT', stop);
  if (options.json) emit({ kind: 'pairs', seed, runs, pairs: pairs.map(pairName) });
  else context.out.write(`${pairs.length} ordered pairs, ${runs} migrations, seed ${seed}\n`);
  let bugs = 0;
  try {
    for (let n = 0; campaign.migrations < runs && !interrupted; n++) {
      const hit = campaign.next(campaign.least());
      if (hit !== null && report(hit)) bugs++;
      if (campaign.figures.every(({ sequences, split, packed }) => sequences > 200 && split + packed === 0))
        break;
      if (n % BATCH !== 0) continue;
      await new Promise((resolve) => setImmediate(resolve));
      if (performance.now() - shown < EVERY) continue;
      shown = performance.now();
      progress();
    }
  } finally {
    if (bugs > 0) findings.save();
    process.removeListener('SIGINT', stop);
    guest.dispose();
  }
  summary();
  if (interrupted) return EXIT.INTERRUPTED;
  return bugs > 0 || campaign.figures.some(({ findings }) => findings > 0) ? EXIT.FINDINGS : EXIT.CLEAN;

  function progress(): void {
    const { migrations } = campaign;
    const rate = Math.round(migrations / seconds());
    if (options.json) emit({ kind: 'progress', migrations, rate, findings: bugs });
    else context.err.write(`${migrations} migrations, ${rate}/s, ${bugs} findings\n`);
  }

  function report(hit: MigrationHit): boolean {
    if (findings.bugs.has(hit.bucket)) {
      findings.bugs.get(hit.bucket)!.hits++;
      return false;
    }
    const bench = campaign.bench(pairs.indexOf(hit.pair));
    const { finding, history } = hit.executed;
    const shrunk =
      options.shrink === false
        ? { sequence: hit.sequence, finding, history }
        : shrink(hit.sequence, finding, bench, null);
    const bug = findings.add(
      {
        at: hit.at,
        bucket: hit.bucket,
        original: hit.sequence,
        sequence: shrunk.sequence,
        finding: shrunk.finding,
        history: shrunk.history,
        runs: 'runs' in shrunk ? shrunk.runs : 0,
        yaml: asCase(shrunk.sequence, shrunk.finding, hit.bucket, hit.pair.facts.type),
        whole: asCase(hit.sequence, finding, hit.bucket, hit.pair.facts.type),
      },
      seed,
      pairName(hit.pair),
    );
    const replay = `npx vdpa-cts replay ${bug.files.history}`;
    if (options.json) emit({ kind: 'finding', pair: pairName(hit.pair), ...bug, replay });
    else
      context.out.write(
        `FAIL ${pairName(hit.pair)}, sequence ${hit.at}: ${bug.steps} steps (of ${bug.originalSteps})\n` +
          `  ${bug.requirement}\n  expected  ${bug.expected}\n  actual    ${bug.actual}\n` +
          `  case      ${bug.files.case}\n  replay    ${replay}\n\n`,
      );
    return true;
  }

  function summary(): void {
    const rows = pairs.map((pair, i) => ({ pair: pairName(pair), ...campaign.figures[i] }));
    const { migrations } = campaign;
    if (options.json) {
      emit({
        kind: 'done',
        migrations,
        seconds: Math.round(seconds()),
        complete: !interrupted,
        findings: bugs,
        pairs: rows,
      });
      return;
    }
    const width = Math.max(...rows.map(({ pair }) => pair.length));
    for (const { pair, sequences, split, packed, stopped, why, findings: found } of rows) {
      const ended = stopped > 0 ? `, ${stopped} ended early (${why})` : '';
      context.out.write(
        `  ${pair.padEnd(width)}  ${split} split, ${packed} packed in ${sequences} sequences, ${found} findings${ended}\n`,
      );
    }
    context.out.write(
      `${bugs === 0 ? 'PASS nothing lost, doubled or misordered' : `FAIL ${bugs} findings`} in ${migrations} migrations over ${pairs.length} ordered pairs\n`,
    );
  }
}
