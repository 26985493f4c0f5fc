import { vdpaCommand } from '../framework/management/commands/vdpa.ts';
import type { CommandLine } from './command-line.ts';

/** `vdpa-cts vdpa`: the vdpa tool. */
export function addManage({ command, context, setCode }: CommandLine): void {
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
}
