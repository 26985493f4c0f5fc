import { explainCommand, listCommand, showCommand } from '../conformance/commands/look-up.ts';
import { collect } from './arguments.ts';
import type { CommandLine } from './command-line.ts';

/** What the catalogue has: its cases, and the requirements that they decide. */
export function addCatalogue({ command, context, setCode }: CommandLine): void {
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
}
