import { judgeCommand, replayCommand } from '../conformance/commands/replay.ts';
import { positive } from './arguments.ts';
import type { CommandLine } from './command-line.ts';

/** What can be done with a recorded history. */
export function addHistories({ command, context, setCode }: CommandLine): void {
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
}
