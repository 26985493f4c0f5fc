import { Command } from 'commander';
import type { CommandContext } from '../conformance/commands/context.ts';
import { addCatalogue } from './catalogue.ts';
import type { CommandLine } from './command-line.ts';
import { addFuzz } from './fuzz.ts';
import { addHistories } from './histories.ts';
import { addLab } from './lab.ts';
import { addManage } from './manage.ts';
import { addRun } from './run.ts';
import { addVocabulary } from './vocabulary.ts';

/** Commands in the order of the help. */
const COMMANDS = [addRun, addFuzz, addLab, addCatalogue, addHistories, addManage, addVocabulary];

/** The whole command line. `setCode` gets the exit code of the command that ran. */
export function program(context: CommandContext, setCode: (code: number) => void): Command {
  const top = new Command('vdpa-cts')
    .description('Conformance test suite and device fuzzer for virtio 1.1 devices behind vDPA')
    .version(context.version)
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
  const command: CommandLine['command'] = (name, description, examples) =>
    top
      .command(name)
      .description(description)
      .exitOverride()
      .addHelpText(
        'after',
        `\nExamples:\n${examples.map((example) => `  $ vdpa-cts ${example}`).join('\n')}`,
      );
  for (const add of COMMANDS) add({ command, context, setCode });
  return top;
}
