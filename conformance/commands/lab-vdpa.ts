import { readFileSync } from 'node:fs';
import { commandLines } from '../../framework/management/commands/command-lines.ts';
import { LAB_DEVICES } from '../lab/devices.ts';
import { runJob } from '../lab/job.ts';
import { LabError } from '../lab/lab-error.ts';
import { type CommandContext, EXIT, UsageError } from './context.ts';
import { type LabOptions, withMachine } from './lab-guest.ts';

export interface LabVdpaOptions extends LabOptions {
  /** File with one command a line. */
  batch?: string;
}

/**
 * `vdpa-cts lab vdpa`: commands of the vdpa tool for the kernel of a guest, over AF_NETLINK inside. All commands of a
 * batch go to the same guest, those after a failed one as well. Prints what they print. The exit code is 1 when one
 * failed.
 */
export async function labVdpaCommand(
  words: readonly string[],
  options: LabVdpaOptions,
  context: CommandContext,
): Promise<number> {
  const { out, err } = context;
  const lines = commandsOf(words, options);
  const { messages, death } = await withMachine(LAB_DEVICES.management, options, context, (machine) =>
    runJob({ tool: lines.map((line) => line.words) }, machine),
  );
  const ran = messages.flatMap((message) => (message.kind === 'tool' ? [message] : []));
  for (const [i, one] of ran.entries()) {
    out.write(one.out);
    err.write(one.err);
    if (one.code !== 0 && options.batch !== undefined)
      err.write(`Command failed ${options.batch}:${lines[i].line}\n`);
  }
  if (ran.length < lines.length)
    throw new LabError(
      `the guest ended in command ${ran.length + 1} of ${lines.length}, ${lines[ran.length].words.join(' ')}`,
      death ?? 'the kernel says nothing about it',
    );
  return ran.every(({ code }) => code === 0) ? EXIT.CLEAN : EXIT.FINDINGS;
}

function commandsOf(words: readonly string[], { batch }: LabVdpaOptions) {
  if (batch === undefined) return [{ line: 1, words }];
  if (words.length > 0)
    throw new UsageError(
      `with --batch there is no other command, such as ${words[0]}`,
      'put it into the file',
    );
  try {
    return commandLines(readFileSync(batch === '-' ? 0 : batch, 'utf8'));
  } catch (error) {
    throw new UsageError(
      `${batch} cannot be read: ${(error as Error).message}`,
      '--batch names a file, or - ',
    );
  }
}
