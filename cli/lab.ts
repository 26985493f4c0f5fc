import {
  labBuildCommand,
  labCleanCommand,
  labDevicesCommand,
  labReplayCommand,
  labRunCommand,
} from '../conformance/commands/lab.ts';
import { labVdpaCommand } from '../conformance/commands/lab-vdpa.ts';
import { collect, commas, positive, whole } from './arguments.ts';
import type { CommandLine } from './command-line.ts';

/** `vdpa-cts lab …`: devices of the Linux kernel in a guest that the suite builds itself. */
export function addLab({ command, context, setCode }: CommandLine): void {
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
