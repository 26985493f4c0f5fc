import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { GuestMemory } from '../../framework/memory/guest-memory.ts';
import { describeEvent } from '../history/describe.ts';
import { HISTORY_VERSION, type History } from '../history/history.ts';
import { type Judgement, judge } from '../judge.ts';
import { stepLine } from '../runner/assemble.ts';
import { runSteps } from '../runner/run-case.ts';
import { resolveTarget } from '../runner/targets.ts';
import { STEPS } from '../steps/index.ts';
import { type CommandContext, EXIT, UsageError } from './context.ts';
import { schemaText } from './schema.ts';

/** @throws UsageError when the file is not a history of this version */
export function readHistory(path: string): History {
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(
      `${path} cannot be read: ${(error as Error).message}`,
      'a history is a JSON file that `vdpa-cts run` wrote',
    );
  }
  const version = (data as { version?: unknown } | null)?.version;
  if (version !== HISTORY_VERSION)
    throw new UsageError(
      `${path} is not a history of version ${HISTORY_VERSION}`,
      `its version is ${JSON.stringify(version)}`,
    );
  const validate = new Ajv({ strict: false }).compile(JSON.parse(schemaText('history')));
  if (!validate(data)) {
    const [error] = validate.errors ?? [];
    throw new UsageError(
      `${path}: ${error?.instancePath || 'the history'} ${error?.message}`,
      'see `vdpa-cts schema history`',
    );
  }
  const history = data as History;
  const strange = history.steps.find(({ name }) => !STEPS.has(name));
  if (strange !== undefined)
    throw new UsageError(
      `${path} has a step that this suite does not know: ${strange.name}`,
      'see `vdpa-cts steps`',
    );
  return history;
}

/** `vdpa-cts judge HISTORY`: judge a recorded history again. */
export function judgeCommand(path: string, options: { json?: boolean }, context: CommandContext): number {
  const history = readHistory(path);
  return reportJudgement(history, judge(history), options, context);
}

/** `vdpa-cts replay HISTORY`: run the same steps again on the same target, and judge. */
export async function replayCommand(
  path: string,
  options: { json?: boolean; target?: string; times?: number },
  context: CommandContext,
): Promise<number> {
  const recorded = readHistory(path);
  const target = await resolveTarget(
    options.target ?? recorded.target.name,
    context.parents,
    recorded.migrateTo,
  );
  const guest = new GuestMemory(8 << 20);
  let same = 0;
  let last: { history: History; judgement: Judgement } | undefined;
  const times = options.times ?? 1;
  const verdictBefore = judge(recorded).verdict;
  for (let i = 0; i < times; i++) {
    const events = runSteps(recorded.steps, {
      ...recorded,
      definition: target.definition,
      options: target.options,
      guest,
      destinations: target.destinations,
    });
    const history = {
      ...recorded,
      target: { ...recorded.target, name: target.name, options: target.options },
      events,
    };
    last = { history, judgement: judge(history) };
    if (last.judgement.verdict === verdictBefore) same++;
  }
  if (times > 1)
    context.out.write(`${same} of ${times} replays gave the recorded verdict, ${verdictBefore}\n`);
  return reportJudgement(last!.history, last!.judgement, options, context);
}

/** Print a judgement. Returns the exit code. */
export function reportJudgement(
  history: History,
  { verdict, findings, reason }: Judgement,
  options: { json?: boolean },
  { out }: CommandContext,
): number {
  if (options.json) {
    out.write(
      `${JSON.stringify({ case: history.case.id, target: history.target.name, verdict, ...(reason ? { reason } : {}), findings }, null, 2)}\n`,
    );
  } else {
    out.write(`${history.case.id} on ${history.target.name}\n\n`);
    const broken = new Set(findings.map((finding) => finding.step));
    history.steps.forEach((step, i) => {
      out.write(`${broken.has(i) ? '>' : ' '} ${stepLine(step)}\n`);
    });
    for (const finding of findings) {
      out.write(`\n${finding.requirement} (${finding.oracle}, step ${finding.step})\n`);
      out.write(`  expected: ${finding.expected}\n  actual:   ${finding.actual}\n`);
      const near =
        finding.event === undefined
          ? []
          : history.events.slice(Math.max(0, finding.event - 6), finding.event + 1);
      for (const event of near) {
        const line = describeEvent(event);
        if (line) out.write(`    ${line.from.padEnd(6)} ${line.text}\n`);
      }
    }
    out.write(`\nverdict: ${verdict}${reason ? ` (${reason})` : ''}\n`);
  }
  if (verdict === 'error') return EXIT.SUITE;
  return ['pass', 'warn', 'skip', 'xfail'].includes(verdict) ? EXIT.CLEAN : EXIT.FINDINGS;
}
