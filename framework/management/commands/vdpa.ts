import { readFileSync } from 'node:fs';
import { type CommandContext, EXIT, UsageError } from '../../../conformance/commands/context.ts';
import { linuxSystem } from '../../../devices/management/linux.ts';
import { VDPA_RELEASES, type VdpaRelease } from '../../../specs/vdpa/netlink.ts';
import { NativeError } from '../../native/errors.ts';
import { openNetlink } from '../../native/netlink.ts';
import { Resources } from '../../native/resources.ts';
import type { NetlinkSocket } from '../../netlink/kernel.ts';
import { vdpaTool } from '../tool/tool.ts';
import { commandLines } from './command-lines.ts';
import { loadSystem, saveSystem } from './state.ts';

/** Release of a system in process unless told otherwise: the one whose output the tool matches. */
const DEFAULT_RELEASE: VdpaRelease = '6.1';

/** Help of `vdpa-cts vdpa`. */
export const VDPA_HELP = `Usage: vdpa-cts vdpa [OUR OPTIONS] [ARGUMENTS OF THE vdpa TOOL]

The vdpa tool of iproute2 over management devices in process, or over those of this machine.

Options (in front of all others):
  --state <file>     keep the devices in this file from one command to the next
  --release <name>   Linux release to behave like: ${VDPA_RELEASES.join(', ')} (default: ${DEFAULT_RELEASE})
  --netlink          talk to the kernel of this machine (root, vdpa module)
  -b, --batch <file> run the commands in this file (- for standard input), one a line; # begins a comment
  --force            go on after a command of the batch that failed

Exit codes: those of the tool, 0 and 1; 2 for wrong usage of these options.

Examples:
  $ vdpa-cts vdpa mgmtdev show
  $ vdpa-cts vdpa --state vdpa.json dev add name vdpa0 mgmtdev vdpasim_net mac 52:54:00:12:34:56
  $ vdpa-cts vdpa --state vdpa.json -jp dev config show
  $ vdpa-cts vdpa --batch commands.txt
`;

interface Options {
  state?: string;
  release?: VdpaRelease;
  netlink: boolean;
  batch?: string;
  force: boolean;
  rest: readonly string[];
}

/** `vdpa-cts vdpa …`. Resolves to the exit code. */
export function vdpaCommand(args: readonly string[], { out, err }: CommandContext): number {
  if (args[0] === '--help') {
    out.write(VDPA_HELP);
    return EXIT.CLEAN;
  }
  const options = parse(args);
  const lines = options.batch === undefined ? [{ line: 0, words: options.rest }] : batch(options);
  const { connect, save, close } = system(options);
  const output = { out: (text: string) => out.write(text), err: (text: string) => err.write(text) };
  let code: number = EXIT.CLEAN;
  try {
    for (const { line, words } of lines) {
      if (vdpaTool(words, { connect, output }) === 0) continue;
      code = EXIT.FINDINGS;
      if (options.batch === undefined) break;
      err.write(`Command failed ${options.batch}:${line}\n`);
      if (!options.force) break;
    }
  } finally {
    save();
    close();
  }
  return code;
}

/** Where commands go, and what is to be done afterwards. */
function system({ netlink, state, release }: Options) {
  const nothing = () => {};
  if (netlink) {
    const resources = new Resources();
    const connect = (): NetlinkSocket => resources.own(openKernel());
    return { connect, save: nothing, close: () => resources.dispose() };
  }
  const own =
    state === undefined
      ? linuxSystem(release ?? DEFAULT_RELEASE)
      : loadSystem(state, release, DEFAULT_RELEASE);
  const connect = () => own.kernel.open({ extendedAck: true, cappedAck: true });
  return {
    connect,
    save: state === undefined ? nothing : () => saveSystem(state, own),
    close() {
      for (const { name } of own.management.devices()) own.management.del(name);
    },
  };
}

/** A socket to the kernel of this machine. @throws UsageError where there can be none */
function openKernel() {
  try {
    return openNetlink();
  } catch (error) {
    if (error instanceof NativeError) throw new UsageError(error.message, error.hint);
    throw error;
  }
}

function parse(args: readonly string[]): Options {
  const rest = [...args];
  const options: Omit<Options, 'rest'> = { netlink: false, force: false };
  const value = (name: string): string => {
    const word = rest.shift();
    if (word === undefined) throw usage(`${name} needs a value`);
    return word;
  };
  for (;;) {
    const word = rest[0];
    if (word === '--state') options.state = value(rest.shift()!);
    else if (word === '--release') options.release = releaseNamed(value(rest.shift()!));
    else if (word === '--batch' || word === '-b') options.batch = value(rest.shift()!);
    else if (word === '--netlink') options.netlink = rest.shift() !== undefined;
    else if (word === '--force') options.force = rest.shift() !== undefined;
    else break;
  }
  if (options.netlink && (options.state !== undefined || options.release !== undefined))
    throw usage('--netlink goes with neither --state nor --release');
  if (options.batch !== undefined && rest.length > 0)
    throw usage(`with --batch there is no other command, such as ${rest[0]}`);
  return { ...options, rest };
}

function releaseNamed(name: string): VdpaRelease {
  const release = VDPA_RELEASES.find((one) => one === name);
  if (release === undefined)
    throw usage(`there is no release ${name}; there are ${VDPA_RELEASES.join(', ')}`);
  return release;
}

const usage = (message: string) => new UsageError(message, 'run `vdpa-cts vdpa --help`');

function batch({ batch: path }: Options) {
  try {
    return commandLines(readFileSync(path === '-' ? 0 : path!, 'utf8'));
  } catch (error) {
    throw usage(`${path} cannot be read: ${(error as Error).message}`);
  }
}
