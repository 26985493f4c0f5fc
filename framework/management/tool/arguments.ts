import { attributeId } from '../../../specs/vdpa/netlink.ts';
import type { AttributeWriter } from '../../netlink/attribute.ts';

/** A mistake in the arguments; the message goes to standard error, the exit code is 1. */
export class ArgumentError extends Error {
  readonly code = 'ARGUMENT';
}

/** What stands first: the handle of a management device, the name of a device, or neither. */
export type Leading = 'mgmtdev' | 'device' | null;

/** Options that a command takes after that. */
export interface OptionSet {
  readonly required: readonly ('mgmtdev' | 'name')[];
  readonly optional: readonly ('mac' | 'mtu' | 'max_vqp' | 'qidx')[];
}

export const NO_OPTIONS: OptionSet = { required: [], optional: [] };

interface Found {
  bus?: string;
  mgmtdev?: string;
  device?: string;
  mac?: Uint8Array;
  mtu?: number;
  pairs?: number;
  queue?: number;
}

/** Whether `word` abbreviates `full`. */
export const abbreviates = (word: string, full: string): boolean => word !== '' && full.startsWith(word);

/**
 * Parse what follows a command, and put it into a request in the order of the tool.
 * @throws ArgumentError
 */
export function putArguments(
  writer: AttributeWriter,
  words: readonly string[],
  leading: Leading,
  options: OptionSet = NO_OPTIONS,
): void {
  const found: Found = {};
  const rest = [...words];
  if (leading === 'mgmtdev') takeHandle(rest, found);
  else if (leading === 'device') found.device = text(rest);
  // As in the tool, a single word that is left over is not looked at.
  while (rest.length > 1) takeOption(rest, options, found);
  if (options.required.includes('mgmtdev') && found.mgmtdev === undefined)
    throw new ArgumentError('management device handle not set.');
  if (options.required.includes('name') && found.device === undefined)
    throw new ArgumentError('device name is not set.');
  if (found.bus !== undefined) writer.string(attributeId('mgmtdev-bus-name'), found.bus);
  if (found.mgmtdev !== undefined) writer.string(attributeId('mgmtdev-dev-name'), found.mgmtdev);
  if (found.device !== undefined) writer.string(attributeId('dev-name'), found.device);
  if (found.mac !== undefined) writer.put(attributeId('dev-net-cfg-macaddr'), found.mac);
  if (found.mtu !== undefined) writer.u16(attributeId('dev-net-cfg-mtu'), found.mtu);
  if (found.pairs !== undefined) writer.u16(attributeId('dev-net-cfg-max-vqp'), found.pairs);
  if (found.queue !== undefined) writer.u32(attributeId('dev-queue-index'), found.queue);
}

function takeOption(rest: string[], { required, optional }: OptionSet, found: Found): void {
  const word = rest.shift()!;
  if (abbreviates(word, 'name') && required.includes('name')) found.device = text(rest);
  else if (abbreviates(word, 'mgmtdev') && required.includes('mgmtdev')) takeHandle(rest, found);
  else if (word === 'mac' && optional.includes('mac')) found.mac = macAddress(text(rest));
  else if (word === 'mtu' && optional.includes('mtu')) found.mtu = number(rest, 0xffff);
  else if (abbreviates(word, 'max_vqp') && optional.includes('max_vqp')) found.pairs = number(rest, 0xffff);
  else if (abbreviates(word, 'qidx') && optional.includes('qidx')) found.queue = number(rest, 0xffff_ffff);
  else throw new ArgumentError(`Unknown option "${word}"`);
}

function takeHandle(rest: string[], found: Found): void {
  const handle = rest.shift();
  if (handle === undefined)
    throw new ArgumentError('vdpa identification ("mgmtdev_bus_name/mgmtdev_name") expected');
  const parts = handle.split('/');
  if (parts.length > 2) {
    throw new ArgumentError(
      'Wrong vdpa mgmtdev identification string format\n' +
        'Expected "mgmtdev_bus_name/mgmtdev_name"\nExpected "mgmtdev_name"',
    );
  }
  if (parts.length === 2) found.bus = parts[0];
  found.mgmtdev = parts.at(-1)!;
}

function text(rest: string[]): string {
  const word = rest.shift();
  if (word === undefined) throw new ArgumentError('String parameter expected');
  return word;
}

/** A decimal number up to `most`; what is none ends the tool without a word. */
function number(rest: string[], most: number): number {
  const word = rest.shift();
  if (word === undefined) throw new ArgumentError('number expected');
  const value = /^\s*[+-]?\d+$/.test(word) ? Number(word) : Number.NaN;
  if (!(value >= 0 && value <= most)) throw new ArgumentError('');
  return value;
}

/**
 * A hardware address: up to six numbers in hex between colons, or up to four in the form of an IPv4 address;
 * the missing ones are 0.
 */
function macAddress(word: string): Uint8Array {
  const bytes = new Uint8Array(6);
  if (word.includes('.')) {
    const parts = word.split('.').map(byteOf);
    if (parts.length > 4 || parts.some((part) => !(part <= 255)))
      throw new ArgumentError(`"${word}" is invalid lladdr.`);
    bytes.set(parts);
    return bytes;
  }
  for (const [i, part] of word.split(':').slice(0, 6).entries()) {
    const digits = /^\s*(?:0[xX])?([0-9a-fA-F]+)/.exec(part)?.[1];
    const value = digits === undefined ? 256 : Number.parseInt(digits, 16);
    if (value > 255) throw new ArgumentError(`"${part}" is invalid lladdr.`);
    bytes[i] = value;
  }
  return bytes;
}

/** A number in decimal, in hex after `0x`, in octal after `0`; NaN for what is none. */
function byteOf(text: string): number {
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  return /^(?:0|[1-9]\d*|0[xX][0-9a-fA-F]+)$/.test(text) ? Number(text) : Number.NaN;
}
