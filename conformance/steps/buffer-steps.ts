import { fromHex, toHex } from '../kits/hex.ts';
import { pattern } from '../kits/kit.ts';
import type { Part } from '../session/buffers.ts';
import { addOptions } from '../session/requests.ts';
import { FRAMING, type FramingArgs, framingOf } from './request/framing.ts';
import { queueIndex } from './request/queue-arg.ts';
import { KICK, type KickMode, release } from './request/release.ts';
import {
  BOOL,
  COUNT,
  type Count,
  defineStep,
  INT,
  judgeCount,
  list,
  obj,
  oneOf,
  type Problem,
  TEXT,
} from './step.ts';

/** Bytes as a YAML author writes them: hex text, a filled or a patterned stretch, or several joined. */
export type BytesArg =
  | string
  | { fill: number; size: number }
  | { pattern: number; size: number }
  | BytesArg[];

export const BYTES = {
  description: 'Hex text ("00 ff"), {fill, size}, {pattern, size}, or a list of these.',
  anyOf: [
    { type: 'string' },
    obj({ fill: INT, size: INT }, ['fill', 'size']),
    obj({ pattern: INT, size: INT }, ['pattern', 'size']),
    { type: 'array', items: {} },
  ],
};

/** @throws RangeError on text that is not an even number of hex digits */
export function bytesOf(arg: BytesArg): Uint8Array {
  if (typeof arg === 'string') {
    const digits = arg.replace(/\s+/g, '');
    if (!/^([0-9a-fA-F]{2})*$/.test(digits)) throw new RangeError(`not hex bytes: ${JSON.stringify(arg)}`);
    return fromHex(digits);
  }
  if (Array.isArray(arg)) return concat(arg.map(bytesOf));
  return 'fill' in arg ? new Uint8Array(arg.size).fill(arg.fill) : pattern(arg.pattern, arg.size);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

interface SubmitArgs extends FramingArgs {
  queue?: number | string;
  as?: string;
  parts: ({ r: BytesArg } | { w: number } | { r: BytesArg; in: string } | { w: number; in: string })[];
  publish?: boolean;
  kick?: KickMode;
}

/** `submit`: a buffer of any shape. */
export const submitStep = defineStep<SubmitArgs, never>({
  name: 'submit',
  summary:
    'Submit a buffer part by part: `r` bytes for the device to read, `w` room to write. `in` places a part in ' +
    'memory that a `memory` step named. The driver rules about order and framing are the author’s business.',
  example: '{submit: {as: odd, parts: [{r: "00 01"}, {w: 1}]}}',
  schema: obj(
    {
      queue: { anyOf: [INT, oneOf('rx', 'tx', 'control')] },
      as: TEXT,
      parts: list(obj({ r: BYTES, w: INT, in: TEXT }), 1),
      publish: BOOL,
      kick: KICK,
      ...FRAMING,
    },
    ['parts'],
  ),
  run(session, args) {
    const queue = queueIndex(session, args.queue);
    const parts: Part[] = args.parts.map((part) =>
      'r' in part ? { read: bytesOf(part.r) } : { write: part.w },
    );
    const regions = args.parts.map((part) => {
      if (!('in' in part)) return undefined;
      return session.memory.named(part.in) ?? session.stop(`no memory is called ${part.in}`);
    });
    const buffer = session.buffers.create(queue, args.as ?? '', parts, regions as never);
    session.queues.add(buffer, addOptions(session, framingOf(args), parts.length));
    release(session, queue, args);
  },
});

interface UsedArgs {
  as: string;
  len?: Count;
  written?: { at?: number; bytes: BytesArg }[];
  'last-byte'?: number | number[];
  'write-flag'?: boolean;
  'may-be-missing'?: boolean;
}

interface UsedSeen {
  used: boolean;
  len?: number;
  total: number;
  writeFlag?: boolean;
  bytes: string;
}

/** `used`: one buffer came back, with this length and content. */
export const usedStep = defineStep<UsedArgs, UsedSeen>({
  name: 'used',
  summary:
    'Collect used buffers, then check that the named one came back: used length (`len`), bytes in its writable part ' +
    '(`written`: at offset, bytes), its last byte (`last-byte`, one of several), the packed WRITE flag.',
  example: '{used: {as: odd, len: {max: 1}, last-byte: [0, 1, 2]}}',
  schema: obj(
    {
      as: TEXT,
      len: COUNT,
      written: list(obj({ at: INT, bytes: BYTES }, ['bytes'])),
      'last-byte': { anyOf: [INT, list(INT)] },
      'write-flag': BOOL,
      'may-be-missing': { ...BOOL, description: 'Silence is accepted; if it came back the rest must hold.' },
    },
    ['as'],
  ),
  run(session, args) {
    for (const queue of session.queues.all) session.queues.collect(queue.idx);
    const buffer = session.buffers.named(args.as) ?? session.stop(`no buffer is called ${args.as}`);
    const bytes = session.buffers.written(buffer);
    return {
      used: buffer.used !== undefined,
      total: bytes.length,
      bytes: toHex(bytes),
      ...(buffer.used?.len === undefined ? {} : { len: buffer.used.len }),
      ...(buffer.used?.writeFlag === undefined ? {} : { writeFlag: buffer.used.writeFlag }),
    };
  },
  judge(args, seen) {
    if (!seen.used)
      return args['may-be-missing'] ? [] : [{ expected: `${args.as} is used`, actual: 'not used' }];
    const problems: Problem[] =
      seen.len === undefined ? [] : judgeCount(`used length of ${args.as}`, args.len, seen.len);
    for (const { at = 0, bytes } of args.written ?? []) {
      const want = toHex(bytesOf(bytes));
      const got = seen.bytes.slice(2 * at, 2 * at + want.length);
      if (want !== got)
        problems.push({ expected: `${args.as} from byte ${at}: ${shorten(want)}`, actual: shorten(got) });
    }
    const last = args['last-byte'];
    if (last !== undefined) {
      const got = Number.parseInt(seen.bytes.slice(-2), 16);
      const accepted = [last].flat();
      if (!accepted.includes(got))
        problems.push({ expected: `last byte of ${args.as}: ${accepted.join(' or ')}`, actual: String(got) });
    }
    if (
      args['write-flag'] !== undefined &&
      seen.writeFlag !== undefined &&
      seen.writeFlag !== args['write-flag']
    )
      problems.push({ expected: `WRITE flag ${args['write-flag']}`, actual: `${seen.writeFlag}` });
    return problems;
  },
});

const shorten = (hex: string) => (hex.length <= 64 ? hex : `${hex.slice(0, 64)}… (${hex.length / 2} bytes)`);

/** `content`: what is in the parts of a buffer, used or not. */
export const contentStep = defineStep<
  { as: string; untouched?: boolean; part?: number; equals?: BytesArg },
  { hex: string; poison: number }
>({
  name: 'content',
  summary:
    'Look at the writable bytes of a buffer (or at `part`, counted from 0) without regard to its completion.',
  example: '{content: {as: a, untouched: true}}',
  schema: obj({ as: TEXT, untouched: BOOL, part: INT, equals: BYTES }, ['as']),
  run(session, args) {
    const buffer = session.buffers.named(args.as) ?? session.stop(`no buffer is called ${args.as}`);
    const bytes =
      args.part === undefined
        ? session.buffers.written(buffer)
        : session.memory.bytes(
            buffer.regions[args.part] ?? session.stop(`${args.as} has no part ${args.part}`),
          );
    return { hex: toHex(bytes), poison: session.poison };
  },
  judge(args, { hex, poison }) {
    const problems: Problem[] = [];
    if (args.untouched && !hex.match(new RegExp(`^(${poison.toString(16)})*$`)))
      problems.push({
        expected: `${args.as} still holds poison 0x${poison.toString(16)}`,
        actual: shorten(hex),
      });
    if (args.equals !== undefined && toHex(bytesOf(args.equals)) !== hex)
      problems.push({
        expected: `${args.as}: ${shorten(toHex(bytesOf(args.equals)))}`,
        actual: shorten(hex),
      });
    return problems;
  },
});
