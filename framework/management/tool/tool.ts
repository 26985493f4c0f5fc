import type { VdpaCommand } from '../../../specs/vdpa/netlink.ts';
import { AttributeWriter } from '../../netlink/attribute.ts';
import type { NetlinkSocket } from '../../netlink/kernel.ts';
import { FamilyError, VdpaClient } from '../client/client.ts';
import { ArgumentError, abbreviates, type Leading, type OptionSet, putArguments } from './arguments.ts';
import { errnoText } from './errno-text.ts';
import { parseOptions } from './options.ts';
import { Printer, type ToolOutput } from './printer.ts';
import { type Show, showConfig, showDevice, showManagementDevice, showStatistics } from './show.ts';
import { DEV_CONFIG_USAGE, DEV_USAGE, DEV_VSTATS_USAGE, MGMTDEV_USAGE, USAGE } from './usage.ts';

/** Version of the tool whose syntax and output this is. */
export const TOOL_VERSION = 'iproute2-6.1.0';

/** What a session of the tool needs. */
export interface ToolSession {
  /** Connect to the kernel; called once for every invocation that gets as far. */
  connect(): NetlinkSocket;
  readonly output: ToolOutput;
}

/**
 * The `vdpa` tool of iproute2: the same arguments, output and exit codes.
 *
 * @param args without the name of the tool
 * @returns exit code: 0, or 1 for a mistake or a refusal
 */
export function vdpaTool(args: readonly string[], session: ToolSession): number {
  const { output } = session;
  const options = parseOptions(args);
  if (options.kind === 'version') {
    output.out(`vdpa utility, ${TOOL_VERSION}\n`);
    return 0;
  }
  if (options.kind !== 'run') {
    if (options.kind === 'error') output.err(`${options.message}Unknown option.\n`);
    output.err(USAGE);
    return options.kind === 'error' ? 1 : 0;
  }
  let client: VdpaClient;
  try {
    client = new VdpaClient(session.connect());
  } catch (error) {
    if (!(error instanceof FamilyError)) throw error;
    output.err('Failed to connect to vdpa Netlink\n');
    return 1;
  }
  const printer = new Printer(output, options.json, options.pretty);
  try {
    return new Commands(client, printer, output).top(options.rest);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    if (error.message !== '') output.err(`${error.message}\n`);
    return 1;
  } finally {
    printer.end();
  }
}

/** One invocation's commands; each returns an exit code. */
class Commands {
  readonly #client: VdpaClient;
  readonly #printer: Printer;
  readonly #output: ToolOutput;

  constructor(client: VdpaClient, printer: Printer, output: ToolOutput) {
    this.#client = client;
    this.#printer = printer;
    this.#output = output;
  }

  top([word, ...rest]: readonly string[]): number {
    if (word === undefined || abbreviates(word, 'help')) return this.#help(USAGE);
    if (abbreviates(word, 'mgmtdev')) return this.#mgmtdev(rest);
    if (abbreviates(word, 'dev')) return this.#dev(rest);
    this.#output.err(`Object "${word}" not found\n`);
    return 1;
  }

  #mgmtdev([word, ...rest]: readonly string[]): number {
    if (word === undefined || abbreviates(word, 'help')) return this.#help(MGMTDEV_USAGE);
    if (abbreviates(word, 'show') || abbreviates(word, 'list'))
      return this.#show('mgmtdev', 'mgmtdev-get', rest, 'mgmtdev', showManagementDevice);
    return this.#unknown(word);
  }

  #dev([word, ...rest]: readonly string[]): number {
    if (word === undefined) return this.#show('dev', 'dev-get', [], 'device', showDevice);
    if (abbreviates(word, 'help')) return this.#help(DEV_USAGE);
    if (abbreviates(word, 'show') || abbreviates(word, 'list'))
      return this.#show('dev', 'dev-get', rest, 'device', showDevice);
    if (abbreviates(word, 'add')) {
      const options = { required: ['mgmtdev', 'name'], optional: ['mac', 'mtu', 'max_vqp'] } as const;
      return this.#change('dev-new', rest, null, options);
    }
    if (abbreviates(word, 'del')) return this.#change('dev-del', rest, 'device');
    if (abbreviates(word, 'config')) return this.#config(rest);
    if (abbreviates(word, 'vstats')) return this.#vstats(rest);
    return this.#unknown(word);
  }

  #config([word, ...rest]: readonly string[]): number {
    if (word !== undefined && abbreviates(word, 'help')) return this.#help(DEV_CONFIG_USAGE);
    if (word === undefined || abbreviates(word, 'show'))
      return this.#show('config', 'dev-config-get', rest, 'device', showConfig);
    return this.#unknown(word);
  }

  #vstats([word, ...rest]: readonly string[]): number {
    if (word === undefined) return this.#help(DEV_VSTATS_USAGE, 1);
    if (abbreviates(word, 'help')) return this.#help(DEV_VSTATS_USAGE);
    if (!abbreviates(word, 'show')) return this.#unknown(word);
    if (rest.length !== 1 && rest.length !== 3) return this.#help(DEV_VSTATS_USAGE, 1);
    const options = { required: [], optional: ['qidx'] } as const;
    // The tool tells of a refusal, but counts it as success.
    this.#show('vstats', 'dev-vstats-get', rest, 'device', showStatistics, options);
    return 0;
  }

  #help(text: string, code = 0): number {
    this.#output.err(text);
    return code;
  }

  #unknown(word: string): number {
    this.#output.err(`Command "${word}" not found\n`);
    return 1;
  }

  /** Query one, or all when nothing is named. */
  #show(
    section: string,
    command: VdpaCommand,
    words: readonly string[],
    leading: Leading,
    show: Show,
    options?: OptionSet,
  ): number {
    const writer = new AttributeWriter();
    if (words.length > 0) putArguments(writer, words, leading, options);
    const outcome = this.#client.request(command, writer, words.length === 0);
    this.#printer.open();
    this.#printer.open(section);
    for (const answer of outcome.answers) show(this.#printer, answer);
    this.#printer.close();
    this.#printer.close();
    return this.#conclude(outcome);
  }

  #change(command: VdpaCommand, words: readonly string[], leading: Leading, options?: OptionSet): number {
    const writer = new AttributeWriter();
    putArguments(writer, words, leading, options);
    return this.#conclude(this.#client.request(command, writer));
  }

  /** Tell what the acknowledgement says. */
  #conclude({ errno, text }: { errno: number; text?: string }): number {
    if (text !== undefined && text !== '') {
      const kind = errno === 0 ? 'Warning' : 'Error';
      this.#output.err(`${kind}: ${text}${text.endsWith('.') ? '' : '.'}\n`);
    }
    if (errno === 0) return 0;
    this.#output.err(`kernel answers: ${errnoText(errno)}\n`);
    return 1;
  }
}
