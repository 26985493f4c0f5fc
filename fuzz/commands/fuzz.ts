import { type CommandContext, EXIT, UsageError } from '../../conformance/commands/context.ts';
import { resolveTarget } from '../../conformance/runner/targets.ts';
import { historyOf } from '../execute.ts';
import { Findings } from '../findings.ts';
import { GrowingCorpus } from '../growing-corpus.ts';
import { FuzzRefused, runFuzzPool } from '../pool.ts';
import { CampaignScreen } from './campaign-screen.ts';
import { type FuzzOptions, planCampaign, timeLimit } from './fuzz-options.ts';
import { Tally } from './tally.ts';

/** A right device to compare with while shrinking, for a target of this type. */
async function referenceFor(target: string, context: CommandContext): Promise<string> {
  const { definition } = await resolveTarget(target, context.parents);
  const right = [...context.builtIn.values()].find(({ deviceType }) => deviceType === definition.deviceType);
  return right === undefined || right.name === definition.name ? '' : right.name;
}

/** `vdpa-cts fuzz`: run a campaign, print and keep what it finds. */
export async function fuzzCommand(options: FuzzOptions, context: CommandContext): Promise<number> {
  const plan = planCampaign(options);
  const { target } = plan;
  const warn = (problem: string) => context.err.write(`warning: ${problem}\n`);
  const findings = new Findings(plan.out, warn);
  const corpus = new GrowingCorpus(plan.corpus, warn);
  const { definition, options: given } = await resolveTarget(target, context.parents);
  const about = { name: target, type: definition.deviceType, options: given };
  const told = new Set(findings.bugs.keys());
  const tally = new Tally();
  const screen = new CampaignScreen(plan, context, tally);
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    await runFuzzPool({
      ...plan,
      script: context.fuzzWorkerScript,
      reference: await referenceFor(target, context),
      corpus: corpus.loaded,
      collect: plan.corpus !== undefined,
      known: [...told],
      timeout: timeLimit(options, definition.external === true),
      signal: interrupt.signal,
      onProgress(lane, progress) {
        tally.note(lane, progress);
        findings.hit(progress.hits);
        corpus.add(progress.fresh);
        screen.progress(findings.bugs.size, progress.heapMb);
      },
      onSeen(_, bug, seed) {
        if (!findings.bugs.has(bug.bucket)) findings.add(bug, seed, target);
      },
      onFound(_, bug, seed) {
        if (told.has(bug.bucket)) return;
        told.add(bug.bucket);
        screen.found(findings.add(bug, seed, target));
      },
      onLost(lane, seed, at, why, sequence) {
        tally.lose(lane);
        const history = sequence && historyOf(sequence, about, []);
        screen.lost(findings.lose(why, seed, at, target, history), why, seed, at);
      },
    });
  } catch (error) {
    if (error instanceof FuzzRefused && error.hint !== undefined)
      throw new UsageError(error.message, error.hint);
    throw error;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    screen.clear();
    findings.save();
  }
  const found = findings.bugs.size;
  screen.summary(found);
  if (interrupt.signal.aborted) return EXIT.INTERRUPTED;
  return found === 0 ? EXIT.CLEAN : EXIT.FINDINGS;
}
