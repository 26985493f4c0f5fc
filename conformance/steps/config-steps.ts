import { configField, configFields } from '../../specs/virtio-1.1/config-space.ts';
import { toHex } from '../kits/hex.ts';
import { mediumOf } from '../kits/medium.ts';
import type { Session } from '../session/session.ts';
import { BYTES, type BytesArg, bytesOf } from './buffer-steps.ts';
import { queueIndex } from './request/queue-arg.ts';
import { BOOL, defineStep, INT, list, obj, oneOf, type Problem, TEXT } from './step.ts';

interface ConfigArgs {
  field?: string;
  at?: number;
  size?: number;
  pieces?: number;
  equals?: number | BytesArg;
  'one-of'?: number[];
  min?: number;
  max?: number;
  mask?: number;
  save?: string;
  same?: string;
  apart?: string[];
  differs?: string;
}

interface ConfigSeen {
  hex: string;
  whole?: string;
  saved?: string;
}

function placeOf(session: Session, args: { field?: string; at?: number; size?: number }) {
  if (args.field === undefined)
    return { offset: args.at ?? 0, length: args.size ?? session.ops.getConfigSize() };
  const field = configField(session.deviceType, args.field);
  return { offset: field.offset, length: field.width };
}

/** `saved` with the fields of `apart` as they read now, where the device has them. */
function apartFrom(session: Session, { apart = [] }: ConfigArgs, saved: string, now: string): string {
  const fields = configFields(session.deviceType).filter(({ field }) => apart.includes(field));
  return fields.reduce((text, { offset, width }) => {
    const [from, to] = [2 * offset, 2 * (offset + width)];
    return text.slice(0, from) + now.slice(from, to) + text.slice(to);
  }, saved);
}

const little = (hex: string) => Number.parseInt(hex.match(/../g)?.reverse().join('') ?? '0', 16);

/** `config`: read the configuration space. */
export const configStep = defineStep<ConfigArgs, ConfigSeen>({
  name: 'config',
  summary:
    'Read a field by name (or `size` bytes at `at`) and compare: `equals` (number or hex), `one-of`, `min`, `max` (after ' +
    '`mask`), `same`/`differs` from what an earlier `save` kept (`apart` from named fields, of a whole reading). With `pieces: n` it is also read n bytes at a time, ' +
    'last piece first, and must come out equal.',
  example: '{config: {field: mtu, min: 68}}',
  schema: obj({
    field: TEXT,
    at: INT,
    size: INT,
    pieces: INT,
    equals: { anyOf: [INT, BYTES] },
    'one-of': list(INT),
    min: INT,
    max: INT,
    mask: INT,
    save: TEXT,
    same: TEXT,
    apart: list(TEXT),
    differs: TEXT,
  }),
  run(session, args) {
    const { offset, length } = placeOf(session, args);
    const bytes = new Uint8Array(length);
    if (args.pieces) {
      for (let at = length - args.pieces; at >= 0; at -= args.pieces) {
        const piece = new Uint8Array(args.pieces);
        session.ops.getConfig(offset + at, piece);
        bytes.set(piece, at);
      }
    } else session.ops.getConfig(offset, bytes);
    const hex = toHex(bytes);
    if (args.save !== undefined) session.saved.set(`config:${args.save}`, hex);
    const other = args.same ?? args.differs;
    return {
      hex,
      ...(args.pieces ? { whole: toHex(session.virtio.readConfig(offset, length)) } : {}),
      ...(other === undefined
        ? {}
        : { saved: apartFrom(session, args, session.saved.get(`config:${other}`) as string, hex) }),
    };
  },
  judge(args, { hex, whole, saved }) {
    const what = args.field ?? `config +${args.at ?? 0}`;
    const value = args.mask === undefined ? little(hex) : little(hex) & args.mask;
    const problems: Problem[] = [];
    const want = (
      ok: boolean,
      expected: string,
      actual = hex.length <= 16 ? `${value} (bytes ${hex})` : hex,
    ) => ok || problems.push({ expected: `${what}: ${expected}`, actual });
    if (typeof args.equals === 'number') want(value === args.equals, String(args.equals));
    else if (args.equals !== undefined)
      want(toHex(bytesOf(args.equals)) === hex, toHex(bytesOf(args.equals)), hex);
    if (args['one-of']) want(args['one-of'].includes(value), args['one-of'].join(' or '));
    if (args.min !== undefined) want(value >= args.min, `at least ${args.min}`);
    if (args.max !== undefined) want(value <= args.max, `at most ${args.max}`);
    if (whole !== undefined) want(whole === hex, `the same bytes as in one read, ${whole}`, hex);
    if (args.same !== undefined) want(saved === hex, `as before, ${saved}`, hex);
    if (args.differs !== undefined) want(saved !== hex, `not as before, ${saved}`, hex);
    return problems;
  },
});

/** `config-write`: write the configuration space. */
export const configWriteStep = defineStep<{ field?: string; at?: number; bytes: BytesArg }, never>({
  name: 'config-write',
  summary: 'Write bytes to a configuration field, or at offset `at`.',
  example: '{config-write: {field: writeback, bytes: "01"}}',
  schema: obj({ field: TEXT, at: INT, bytes: BYTES }, ['bytes']),
  run(session, args) {
    const { offset } = placeOf(session, { field: args.field, at: args.at, size: 0 });
    session.ops.setConfig(offset, bytesOf(args.bytes));
  },
});

/** `config-size`: size of the configuration space. */
export const configSizeStep = defineStep<{ min?: number; 'same-as-first'?: boolean }, { size: number }>({
  name: 'config-size',
  summary: 'The configuration space has at least `min` bytes.',
  example: '{config-size: {min: 6}}',
  schema: obj({ min: INT, 'same-as-first': BOOL }),
  run: (session) => ({ size: session.ops.getConfigSize() }),
  judge: (args, { size }) =>
    args.min !== undefined && size < args.min
      ? [{ expected: `a configuration space of at least ${args.min} bytes`, actual: `${size} bytes` }]
      : [],
});

/** `generation`: the configuration generation. */
export const generationStep = defineStep<
  { save?: string; same?: string; differs?: string },
  { value: number; saved?: number }
>({
  name: 'generation',
  summary:
    'Read the configuration generation; `save` it, or compare it with a saved one (`same`, `differs`).',
  example: '{generation: {differs: before}}',
  schema: obj({ save: TEXT, same: TEXT, differs: TEXT }),
  run(session, args) {
    const value = session.ops.getGeneration?.() ?? session.lacks('the parent has no getGeneration');
    if (args.save !== undefined) session.saved.set(`generation:${args.save}`, value);
    const other = args.same ?? args.differs;
    return {
      value,
      ...(other === undefined ? {} : { saved: session.saved.get(`generation:${other}`) as number }),
    };
  },
  judge(args, { value, saved }) {
    if (args.same !== undefined && value !== saved)
      return [{ expected: `generation ${saved} as before`, actual: `${value}` }];
    if (args.differs !== undefined && value === saved)
      return [{ expected: 'another generation than before the change', actual: `still ${value}` }];
    return [];
  },
});

interface BackendArgs {
  'change-config'?: { field?: string; at?: number; bytes?: BytesArg; add?: number; times?: number };
  queue?: number | string;
  hold?: number;
  release?: boolean;
  fail?: boolean;
  'power-cut'?: boolean;
}

/** `backend`: what happens behind the device. */
export const backendStep = defineStep<BackendArgs, never>({
  name: 'backend',
  summary:
    'Act behind the device: change a configuration field (to `bytes`, or `add` to its value, `times` over), hold back the ' +
    'next n requests and release them, force an error, cut the power. Needs the ability of that name.',
  example: '{backend: {change-config: {field: capacity, add: 8}}}',
  schema: obj({
    'change-config': obj({ field: TEXT, at: INT, bytes: BYTES, add: INT, times: INT }),
    queue: { anyOf: [INT, oneOf('rx', 'tx')], description: 'Queue for `hold` (default: the data queue).' },
    hold: INT,
    release: BOOL,
    fail: BOOL,
    'power-cut': BOOL,
  }),
  run(session, args) {
    const backend = session.instance.backend ?? session.lacks('the parent offers no back-end control');
    const act = (what: string, action: (() => void) | undefined) => {
      session.guarded(`backend.${what}`, action ?? session.lacks(`the parent offers no ${what}`));
    };
    const changes = (what: string) => what === 'queue' || what === 'change-config';
    for (const what of Object.keys(args)) if (!changes(what)) session.recorder.push({ k: 'backend', what });
    const change = args['change-config'];
    if (change !== undefined) {
      const { offset, length } = placeOf(session, change);
      // Read once only: between two readings of a driver a narrow generation must not come round.
      const bytes =
        change.bytes === undefined ? session.virtio.readConfig(offset, length) : bytesOf(change.bytes);
      for (let i = 0; i < (change.times ?? 1); i++) {
        if (change.add !== undefined) addLittle(bytes, change.add);
        session.recorder.push({ k: 'backend', what: 'change-config' });
        act('changeConfig', backend.changeConfig && (() => backend.changeConfig!(offset, bytes)));
      }
    }
    if (args.hold !== undefined) {
      const queue = queueIndex(session, args.queue);
      act('hold', backend.hold && (() => backend.hold!(queue, args.hold!)));
    }
    if (args.release) act('release', backend.release && (() => backend.release!()));
    if (args.fail) act('fail', backend.fail && (() => backend.fail!()));
    if (args['power-cut']) {
      act('powerCut', backend.powerCut && (() => backend.powerCut!()));
      mediumOf(session).powerCut();
    }
  },
});

function addLittle(bytes: Uint8Array, amount: number): void {
  let carry = amount;
  for (let i = 0; i < bytes.length && carry !== 0; i++) {
    carry += bytes[i];
    bytes[i] = carry & 0xff;
    carry >>= 8;
  }
}

/** `declared`: a configuration field has the value that the parent declared. */
export const declaredStep = defineStep<
  { fact: 'capacity' | 'mtu' | 'mac' | 'maxVirtqueuePairs' },
  { declared?: string; hex: string }
>({
  name: 'declared',
  summary: 'A configuration field equals what the parent says the device was made with (little-endian).',
  example: '{declared: {fact: capacity}}',
  schema: obj({ fact: oneOf('capacity', 'mtu', 'mac', 'maxVirtqueuePairs') }, ['fact']),
  run(session, args) {
    const fact =
      session.instance.facts?.[args.fact] ?? session.lacks(`the parent does not declare ${args.fact}`);
    const field = args.fact === 'maxVirtqueuePairs' ? 'max_virtqueue_pairs' : args.fact;
    const { offset, length } = placeOf(session, { field });
    return { declared: String(fact), hex: toHex(session.virtio.readConfig(offset, length)) };
  },
  judge(args, { declared, hex }) {
    const got = args.fact === 'mac' ? hex : String(little(hex));
    return got === declared
      ? []
      : [{ expected: `${args.fact} ${declared}`, actual: `${got} (bytes ${hex})` }];
  },
});
