import { CommanderError } from 'commander';
import { type CommandContext, EXIT, UsageError } from '../conformance/commands/context.ts';
import { LabError } from '../conformance/lab/lab-error.ts';
import { InputError } from '../conformance/loader/problems.ts';
import { RunRefused } from '../conformance/runner/pool.ts';
import { QueryError } from '../conformance/runner/query.ts';
import { TargetError } from '../conformance/runner/targets.ts';

/** Say what went wrong in a way that helps, and whose fault it is. Returns the exit code. */
export function explainError(error: unknown, { err }: CommandContext): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.CLEAN : EXIT.USAGE;
  const hinted =
    error instanceof LabError ||
    error instanceof UsageError ||
    error instanceof TargetError ||
    error instanceof QueryError;
  const hint = hinted ? `\n    hint: ${error.hint}` : '';
  const usage =
    hinted || error instanceof InputError || (error instanceof RunRefused && error.code !== 'SUITE');
  if (usage) {
    err.write(`${(error as Error).message}${hint}\n`);
    return EXIT.USAGE;
  }
  err.write(`vdpa-cts failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT.SUITE;
}
