import { readFileSync } from 'node:fs';
import { explainError } from './cli/explain-error.ts';
import { program } from './cli/program.ts';
import { type CommandContext, EXIT } from './conformance/commands/context.ts';
import { inlineMore } from './conformance/commands/v8.ts';
import { DEFECTS } from './devices/defects/index.ts';
import { DEFAULT_TARGETS, PARENTS } from './devices/registry.ts';
import { parentSource } from './parents.ts';
import { PROJECT_ROOT } from './specs/compile-cache.ts';

const VERSION = (JSON.parse(readFileSync(`${PROJECT_ROOT}package.json`, 'utf8')) as { version: string })
  .version;

/**
 * Whoever reads the output may stop early, as `head` does; the exit code stays what it is. A pipe says EPIPE, a
 * socket that was closed with text unread says ECONNRESET.
 */
const READER_LEFT = new Set(['EPIPE', 'ECONNRESET']);

/** Run the command line with `args` (without node and script). Resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  inlineMore();
  const context: CommandContext = {
    parents: parentSource,
    builtIn: PARENTS,
    defaultTargets: DEFAULT_TARGETS,
    // Without `seed`: workers are told about defects.
    defects: [...DEFECTS.values()].map(({ seed: _, ...data }) => data),
    workerScript: new URL('./worker.js', import.meta.url),
    fuzzWorkerScript: new URL('./fuzz-worker.js', import.meta.url),
    proveWorkerScript: new URL('./prove-worker.js', import.meta.url),
    ringBenchScript: new URL('./ring-bench-worker.js', import.meta.url),
    version: VERSION,
    out: process.stdout,
    err: process.stderr,
  };
  let code: number = EXIT.CLEAN;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!READER_LEFT.has(error.code ?? '')) throw error;
  });
  try {
    const top = program(context, (result) => {
      code = result;
    });
    if (args.length === 0) {
      top.outputHelp();
      return EXIT.USAGE;
    }
    await top.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    return explainError(error, context);
  }
}
