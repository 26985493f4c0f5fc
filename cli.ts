import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { type CommandContext, EXIT, UsageError } from './conformance/commands/context.ts';
import {
  labBuildCommand,
  labCleanCommand,
  labDevicesCommand,
  labReplayCommand,
  labRunCommand,
} from './conformance/commands/lab.ts';
import { labVdpaCommand } from './conformance/commands/lab-vdpa.ts';
import {
  explainCommand,
  listCommand,
  showCommand,
  stepsCommand,
  targetsCommand,
} from './conformance/commands/look-up.ts';
import { judgeCommand, replayCommand } from './conformance/commands/replay.ts';
import { runCommand } from './conformance/commands/run.ts';
import { schemaCommand } from './conformance/commands/schema.ts';
import { inlineMore } from './conformance/commands/v8.ts';
import { LabError } from './conformance/lab/lab-error.ts';
import { InputError } from './conformance/loader/problems.ts';
import { RunRefused } from './conformance/runner/pool.ts';
import { QueryError } from './conformance/runner/query.ts';
import { TargetError } from './conformance/runner/targets.ts';
import { DEFECTS } from './devices/defects/index.ts';
import { DEFAULT_TARGETS, PARENTS } from './devices/registry.ts';
import { vdpaCommand } from './framework/management/commands/vdpa.ts';
import { BENCHES, benchCommand } from './fuzz/commands/bench.ts';
import { corpusCommand, fuzzMergeCommand } from './fuzz/commands/corpus.ts';
import { fuzzCommand } from './fuzz/commands/fuzz.ts';
import { migrateCommand } from './fuzz/commands/migrate.ts';
import { proveCommand } from './fuzz/commands/prove.ts';
import { FOCUSES } from './fuzz/strategy.ts';
import { parentSource } from './parents.ts';
import { PROJECT_ROOT } from './specs/compile-cache.ts';

const VERSION = (JSON.parse(readFileSync(`${PROJECT_ROOT}package.json`, 'utf8')) as { version: string })
  .version;

const collect = (value: string, all: string[] = []) => [...all, value];
const commas = (value: string) => value.split(',').map((part) => part.trim());
const whole = (value: string) => {
  const n = Number(value);
  if (value.trim() === '' || !Number.isSafeInteger(n) || n < 0)
    throw new InvalidArgumentError('expected a whole number');
  return n;
};
const positive = (value: string) => {
  const n = whole(value);
  if (n === 0) throw new InvalidArgumentError('expected a number above 0');
  return n;
};

function program(context: CommandContext, setCode: (code: number) => void): Command {
  const top = new Command('vdpa-cts')
    .description('Conformance test suite and device fuzzer for virtio 1.1 devices behind vDPA')
    .version(VERSION)
    .exitOverride()
    .enablePositionalOptions()
    .showHelpAfterError('    hint: `vdpa-cts help COMMAND` tells options and examples')
    .configureOutput({
      writeOut: (text) => context.out.write(text),
      writeErr: (text) => context.err.write(text),
    })
    .addHelpText(
      'after',
      '\nExit codes: 0 clean, 1 findings, 2 wrong usage (an empty selection included), 3 the suite failed, 130 interrupted.',
    );
  const command = (name: string, description: string, examples: string[]) =>
    top
      .command(name)
      .description(description)
      .exitOverride()
      .addHelpText(
        'after',
        `\nExamples:\n${examples.map((example) => `  $ vdpa-cts ${example}`).join('\n')}`,
      );

  command('run', 'Run conformance cases against targets and write reports', [
    'run',
    'run --target simulator-blk:read-only=yes --select "section=5.2*"',
    'run --target ./my-parent.ts --select "split-*/*" --param ring=split --format junit,json',
  ])
    .option(
      '-t, --target <target>',
      'parent and options (NAME:option=value,… or a path); repeatable',
      collect,
    )
    .option(
      '-s, --select <query>',
      'cases to run: id with *, or section=, requirement=, scope=, class=; ! excludes; repeatable',
      collect,
    )
    .option('-p, --param <name=values>', 'narrow a parameter of the cases; repeatable', collect)
    .option('--combine <how>', 'combinations of parameters: pairs (default: every two values meet) or all')
    .option(
      '--migrate-to <target>',
      'target that the step `migrate` goes to; repeatable, in turn (default: the same one)',
      collect,
    )
    .option('-d, --driver <name>', 'bus driver in between: virtio-vdpa (default) or vhost-vdpa')
    .option('-j, --jobs <n>', 'workers (default: one a core)', positive)
    .option('-o, --out <dir>', 'folder for reports (default: out)')
    .option('-f, --format <names>', 'reports to write: json,junit,html (default: all)', commas)
    .option('--catalogue <path>', 'catalogue file or folder instead of the built-in one; repeatable', collect)
    .option('--seed <n>', 'seed of data and device choices (default 1)', whole)
    .option(
      '--timeout <ms>',
      'time that one case may take before it is a hang (default 5000; for devices outside the suite 30000)',
      positive,
    )
    .option('--histories', 'keep the history of every case, not only of those with findings')
    .option('--json', 'print events as JSON lines')
    .option(
      '--expect <file>',
      'findings that are known, with a reason (see `schema expectations`): they count as xfail, those that are gone as xpass; repeatable',
      collect,
    )
    .option('-q, --quiet', 'no progress line')
    .action(async (options) => setCode(await runCommand(options, context)));

  command('fuzz', 'Draw step sequences at random, judge them by the reference model, shrink what it finds', [
    'fuzz --target simulator-blk --time 60s',
    'fuzz --target ./my-parent.ts --runs 100000 --seed 7 --corpus corpus --focus rings,status',
    'fuzz --target simulator-net --runs 1000000 --shard 2/8 --out out/shard-2',
  ])
    .option('-t, --target <target>', 'parent and options (default: simulator-blk)')
    .option('--time <duration>', 'how long: 90s, 5m, 2h (default 60s unless --runs is given)')
    .option('--runs <n>', 'number of sequences', positive)
    .option('--seed <n>', 'seed of the campaign (default 1)', whole)
    .option('-j, --jobs <n>', 'workers (default: one a core)', positive)
    .option('--corpus <dir>', 'folder of sequences to start from and to add to')
    .option('--focus <names>', `concentrate on: ${FOCUSES.join(',')}`, commas)
    .option('--shard <i/n>', 'this is part i of n of the campaign')
    .option('-o, --out <dir>', 'folder for findings (default: out/fuzz); findings there are known already')
    .option(
      '--timeout <ms>',
      'time that one sequence may take before it is a hang (default 5000; 120000 outside the process)',
      positive,
    )
    .option(
      '--shrink <seconds>',
      'time that shrinking one finding of a device outside the process may take (default 30)',
      positive,
    )
    .option('--ignore <requirements>', 'findings about these do not count: known already', commas)
    .option('--code-coverage', 'let fresh code of an in-process parent guide as well (slower)')
    .option('--no-guidance', 'draw every sequence afresh')
    .option('--json', 'print events as JSON lines')
    .action(async (options) => setCode(await fuzzCommand(options, context)));

  command('migrate', 'Random live migrations under traffic between targets, judged by the reference model', [
    'migrate --runs 100000',
    "migrate --pairs 'simulator-blk>ifcvf-blk' 'ifcvf-blk>vduse-blk' --seed 7",
  ])
    .option(
      '--pairs <pairs...>',
      'ordered pairs FROM>TO (default: all built-in targets of the same device type that can migrate)',
    )
    .option('--runs <n>', 'migrations in all (default 10000)', positive)
    .option('--seed <n>', 'seed of the campaign (default 1)', whole)
    .option('-o, --out <dir>', 'folder for findings (default: out/migrate); findings there are known already')
    .option('--no-shrink', 'keep counterexamples as they were found')
    .option('--json', 'print events as JSON lines')
    .action(async (options) => setCode(await migrateCommand(options, context)));

  command(
    'prove',
    'Run cases and fuzzer against devices that are wrong on purpose: what finds them, and how soon',
    [
      'prove --no-fuzz',
      'prove --select "packed/*" --seeds 1 --limit 2000',
      'prove --resume out/prove.json --again',
    ],
  )
    .option('-s, --select <query>', 'defects, by id with *; ! excludes; repeatable', collect)
    .option('--no-fuzz', 'cases only')
    .option('--no-cases', 'fuzzer only')
    .option('--resume <file>', 'what this file of an earlier run says is not run again; kept up to date')
    .option('--again', 'with --resume: try again what earlier campaigns missed')
    .option('--seeds <n>', 'campaigns per defect (default 5)', whole)
    .option('--limit <n>', 'sequences that a campaign may take (default 20000)', whole)
    .option('-j, --jobs <n>', 'workers (default: one a core)', positive)
    .option(
      '--timeout <ms>',
      'time that one run on a wrong device may take before it is a hang (default 20000)',
      positive,
    )
    .option('-o, --out <file>', 'where to keep all of it (default: out/prove.json)')
    .option('--json', 'print JSON lines')
    .action(async (options) => setCode(await proveCommand(options, context)));

  command('bench', 'Measure the suite itself and print one JSON document', [
    'bench',
    'bench --only rings --seconds 20',
  ])
    .option('--only <names>', `measure only: ${BENCHES.join(',')}`, commas)
    .option('--seconds <n>', 'time for each measurement that can be long or short (default 10)', whole)
    .action(async (options) => setCode(await benchCommand(options, context)));

  command('fuzz-merge', 'Put the findings of several campaigns or shards together', [
    'fuzz-merge out/shard-1 out/shard-2 --out out/all',
  ])
    .argument('<folders...>')
    .option('-o, --out <dir>', 'folder to write to')
    .action((folders, options) => setCode(fuzzMergeCommand(folders, options, context)));

  command('corpus', 'Merge corpora and keep the sequences that together cover what all of them cover', [
    'corpus corpus-1 corpus-2 --target simulator-blk --out corpus',
  ])
    .argument('<folders...>')
    .option('-t, --target <target>', 'target to measure the coverage on (default: simulator-blk)')
    .option('-o, --out <dir>', 'folder to write to')
    .action(async (folders, options) => setCode(await corpusCommand(folders, options, context)));

  addLab(command, context, setCode);

  command('list', 'List the cases', ['list', 'list --select "scope=packed" --json'])
    .option('-s, --select <query>', 'as for run; repeatable', collect)
    .option('--catalogue <path>', 'catalogue file or folder; repeatable', collect)
    .option('--json', 'print JSON lines')
    .action((options) => setCode(listCommand(options, context)));

  command('show', 'Show a case and the requirements it decides', ['show device-status/reset-reads-zero'])
    .argument('<case>')
    .option('--catalogue <path>', 'catalogue file or folder; repeatable', collect)
    .option('--json', 'print JSON')
    .action((id, options) => setCode(showCommand(id, options, context)));

  command('explain', 'Explain a requirement: what it demands, how it is decided, which defects break it', [
    'explain V1.1-2.1.2-D1',
    'explain --list',
  ])
    .argument('[requirement]')
    .option('--list', 'list all requirements')
    .option('--catalogue <path>', 'catalogue file or folder; repeatable', collect)
    .option('--json', 'print JSON')
    .action((id, options) => setCode(explainCommand(id, options, context)));

  command('replay', 'Run the steps of a recorded history again', [
    'replay out/histories/0-some-case.json --times 100',
  ])
    .argument('<history>')
    .option('-t, --target <target>', 'another target than the recorded one')
    .option('--times <n>', 'how often', positive)
    .option('--json', 'print JSON')
    .action(async (path, options) => setCode(await replayCommand(path, options, context)));

  command('judge', 'Judge a recorded history again, without running anything', [
    'judge out/histories/0-some-case.json',
  ])
    .argument('<history>')
    .option('--json', 'print JSON')
    .action((path, options) => setCode(judgeCommand(path, options, context)));

  command('vdpa', 'Make, show and remove vDPA devices with the syntax of the vdpa tool', [
    'vdpa mgmtdev show',
    'vdpa --state vdpa.json dev add name vdpa0 mgmtdev vdpasim_net',
    'vdpa --help',
  ])
    .argument('[words...]')
    .allowUnknownOption()
    .helpOption(false)
    .passThroughOptions()
    .action((words) => setCode(vdpaCommand(words, context)));

  command('targets', 'List the built-in parents and their options', [
    'targets',
    'targets --json',
    'targets --matrix',
  ])
    .option('--json', 'print JSON lines')
    .option('--matrix', 'drive them, and print what each declares and proves as a Markdown table (or --json)')
    .action((options) => setCode(targetsCommand(options, context)));

  command('steps', 'List the words of the step language', ['steps', 'steps request'])
    .argument('[step]')
    .option('--json', 'print JSON lines')
    .action((name, options) => setCode(stepsCommand(name, options, context)));

  command('schema', 'Print the JSON Schema of a file format', ['schema', 'schema catalogue'])
    .argument('[name]')
    .action((name) => setCode(schemaCommand(name, context)));
  return top;
}

/** `vdpa-cts lab …`: devices of the Linux kernel in a guest that the suite builds itself. */
function addLab(
  command: (name: string, description: string, examples: string[]) => Command,
  context: CommandContext,
  setCode: (code: number) => void,
): void {
  const lab = command('lab', 'Run cases against vDPA devices of the Linux kernel, in a guest', [
    'lab run --device vdpasim_blk --device vdpasim_net',
    'lab run --device management',
    'lab vdpa mgmtdev show',
    'lab build',
    'lab clean',
  ]);
  const sub = (name: string, description: string) =>
    lab
      .command(name)
      .description(description)
      .exitOverride()
      .option(
        '--cache <dir>',
        'folder for the guest (default: $XDG_CACHE_HOME/vdpa-cts or ~/.cache/vdpa-cts)',
      );
  sub('run', 'Build the guest if there is none, boot it, run the cases inside and write reports')
    .option('-d, --device <name>', 'device of the kernel (see `lab devices`); repeatable', collect)
    .option('-s, --select <query>', 'cases to run, as for `run`; repeatable', collect)
    .option('--before <command>', 'shell command for each guest before its cases; repeatable', collect)
    .option('-p, --param <name=values>', 'narrow a parameter of the cases; repeatable', collect)
    .option('--catalogue <path>', 'catalogue file or folder instead of the built-in one; repeatable', collect)
    .option('-j, --jobs <n>', 'guests at a time (default: one a core)', positive)
    .option('-o, --out <dir>', 'folder for reports (default: out)')
    .option('-f, --format <names>', 'reports to write: json,junit,html (default: all)', commas)
    .option('--seed <n>', 'seed of data and device choices (default 1)', whole)
    .option('--timeout <ms>', 'time that one case may take before it is a hang (default 60000)', positive)
    .option('--combine <how>', 'parameter combinations, as for `run`')
    .option('--expect <file>', 'findings that are known, as for `run`; repeatable', collect)
    .option('--histories', 'keep the history of every case, not only of those with findings')
    .option('--json', 'print events as JSON lines')
    .option('-q, --quiet', 'no progress line')
    .action(async (options) => setCode(await labRunCommand(options, context)));
  sub('build', 'Build the guest from packages of Debian and the source of its kernel')
    .option('--json', 'print JSON')
    .option('-q, --quiet', 'do not tell what is done')
    .action(async (options) => setCode(await labBuildCommand(options, context)));
  sub('clean', 'Remove everything that the lab keeps').action((options) =>
    setCode(labCleanCommand(options, context)),
  );
  sub('replay', 'Run the steps of a history from the lab again, in a fresh guest')
    .argument('<history>')
    .option('--json', 'print JSON')
    .option('-q, --quiet', 'do not tell what is done')
    .action(async (path, options) => setCode(await labReplayCommand(path, options, context)));
  sub(
    'vdpa',
    'Commands of the vdpa tool for the kernel of a guest: lab vdpa [--batch FILE] [ARGUMENTS OF vdpa]',
  )
    .argument('[words...]')
    .option('-b, --batch <file>', 'run the commands in this file (- for standard input), one a line')
    .option('-q, --quiet', 'do not tell what is done')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words, options) => setCode(await labVdpaCommand(words, options, context)));
  sub('devices', 'List the devices that can be tested')
    .option('--json', 'print JSON lines')
    .action((options) => setCode(labDevicesCommand(options, context)));
}

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

/** Say what went wrong in a way that helps, and whose fault it is. */
function explainError(error: unknown, { err }: CommandContext): number {
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
