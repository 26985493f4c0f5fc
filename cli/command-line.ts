import type { Command } from 'commander';
import type { CommandContext } from '../conformance/commands/context.ts';

/** The command line while its commands are declared. */
export interface CommandLine {
  /** A new command; `examples` are shown in its help, each without the leading `vdpa-cts`. */
  command(name: string, description: string, examples: readonly string[]): Command;
  /** What the commands work with. */
  readonly context: CommandContext;
  /** Tell the exit code (see `EXIT`). */
  setCode(code: number): void;
}
