import { runCommand } from '../conformance/commands/run.ts';
import { collect, commas, positive, whole } from './arguments.ts';
import type { CommandLine } from './command-line.ts';

/** `vdpa-cts run`: cases against targets. */
export function addRun({ command, context, setCode }: CommandLine): void {
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
}
