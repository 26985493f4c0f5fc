import { stepsCommand, targetsCommand } from '../conformance/commands/look-up.ts';
import { schemaCommand } from '../conformance/commands/schema.ts';
import type { CommandLine } from './command-line.ts';

/** What may be named: targets, steps, schemas. */
export function addVocabulary({ command, context, setCode }: CommandLine): void {
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
}
