import { type ConfigField, configField, configFields } from '../../specs/virtio-1.1/config-space.ts';
import { bitMask, FEATURES, namesOf, withDependencies } from '../../specs/virtio-1.1/features.ts';
import { STATUS, statusNames } from '../../specs/virtio-1.1/status.ts';
import { BASELINE } from '../session/bring-up.ts';
import type { Session } from '../session/session.ts';
import { toHex } from './buffer-steps.ts';
import { queueIndex } from './request-steps.ts';
import { BOOL, defineStep, INT, list, obj, type Problem, TEXT } from './step.ts';

/** Fields of this device type whose feature is offered, as far as the configuration space is required to reach. */
function offeredFields(session: Session): ConfigField[] {
  const offered = session.ops.getDeviceFeatures();
  return configFields(session.deviceType).filter(
    ({ condition }) => condition.length === 0 || condition.some((name) => (offered & bitMask([name])) !== 0n),
  );
}

interface SweepSeen {
  /** Field name → [bytes in one read, bytes one by one]. */
  fields: Record<string, [string, string]>;
  generation: number;
  status: [number, number];
  saved?: Pick<SweepSeen, 'fields' | 'generation'>;
}

/** `config-sweep`: every field of the configuration space that exists. */
export const configSweepStep = defineStep<{ save?: string; same?: string }, SweepSeen>({
  name: 'config-sweep',
  summary:
    'Read every configuration field whose feature is offered, whole and byte by byte: both reads agree and the status ' +
    'stays as it is. With `same` the values are those of an earlier `save`, unless the generation moved; `writeback` ' +
    'may differ, as negotiation may set it.',
  example: '{config-sweep: {save: early}}',
  schema: obj({ save: TEXT, same: TEXT }),
  run(session, args) {
    const { ops } = session;
    const before = ops.getStatus();
    const generation = ops.getGeneration?.() ?? 0;
    const fields: SweepSeen['fields'] = {};
    for (const { field, offset, width } of offeredFields(session)) {
      const whole = new Uint8Array(width);
      ops.getConfig(offset, whole);
      const pieces = new Uint8Array(width);
      for (let at = 0; at < width; at++) ops.getConfig(offset + at, pieces.subarray(at, at + 1));
      fields[field] = [toHex(whole), toHex(pieces)];
    }
    const seen: SweepSeen = { fields, generation, status: [before, ops.getStatus()] };
    if (args.save !== undefined) session.saved.set(`sweep:${args.save}`, { fields, generation });
    const saved =
      args.same === undefined ? undefined : (session.saved.get(`sweep:${args.same}`) as SweepSeen);
    return saved === undefined ? seen : { ...seen, saved };
  },
  judge(_, { fields, generation, status, saved }) {
    const problems: Problem[] = [];
    for (const [name, [whole, pieces]] of Object.entries(fields)) {
      if (whole !== pieces)
        problems.push({ expected: `${name} read byte by byte as in one read: ${whole}`, actual: pieces });
      const earlier = saved?.fields[name]?.[0];
      if (
        earlier !== undefined &&
        saved?.generation === generation &&
        name !== 'writeback' &&
        earlier !== whole
      )
        problems.push({
          expected: `${name} as in the earlier read of this generation: ${earlier}`,
          actual: whole,
        });
    }
    if (status[0] !== status[1])
      problems.push({
        expected: `status ${statusNames(status[0])} as before the reads`,
        actual: statusNames(status[1]),
      });
    return problems;
  },
});

/** `config-extent`: the size of the configuration space. */
export const configExtentStep = defineStep<
  Record<string, never>,
  { size: number; first: number; need: number; field: string }
>({
  name: 'config-extent',
  summary:
    'The configuration space covers every field whose feature is offered, and its size is that of the first look.',
  example: '{config-extent: {}}',
  schema: obj({}),
  run(session) {
    const size = session.ops.getConfigSize();
    const first = (session.saved.get('config-extent') as number | undefined) ?? size;
    session.saved.set('config-extent', first);
    const fields = offeredFields(session);
    if (fields.length === 0) session.lacks('the device has no configuration fields');
    const last = fields.reduce((a, b) => (a.offset + a.width > b.offset + b.width ? a : b));
    return { size, first, need: last.offset + last.width, field: last.field };
  },
  judge(_, { size, first, need, field }) {
    const problems: Problem[] = [];
    if (size < need)
      problems.push({
        expected: `at least ${need} bytes, up to the end of ${field}`,
        actual: `${size} bytes`,
      });
    if (size !== first)
      problems.push({ expected: `${first} bytes as at the first look`, actual: `${size} bytes` });
    return problems;
  },
});

interface BeyondSeen {
  size: number;
  inside: string;
  outside: string;
  known: string;
}

/** `config-beyond`: a read that begins inside the configuration space and ends outside. */
export const configBeyondStep = defineStep<{ at: number; size: number }, BeyondSeen>({
  name: 'config-beyond',
  summary:
    'Read `size` bytes from `at` bytes before the end of the configuration space (negative: behind it) into a zeroed ' +
    'buffer: what exists is right, what lies beyond stays zero.',
  example: '{config-beyond: {at: 1, size: 64}}',
  schema: obj({ at: INT, size: INT }, ['at', 'size']),
  run(session, args) {
    const size = session.ops.getConfigSize();
    const offset = size - args.at;
    const inside = Math.max(0, Math.min(args.at, args.size));
    const known = new Uint8Array(inside);
    if (inside > 0) session.ops.getConfig(offset, known);
    const bytes = new Uint8Array(args.size);
    session.ops.getConfig(offset, bytes);
    return {
      size,
      inside: toHex(bytes.subarray(0, inside)),
      outside: toHex(bytes.subarray(inside)),
      known: toHex(known),
    };
  },
  judge(_, { inside, outside, known }) {
    const problems: Problem[] = [];
    if (inside !== known)
      problems.push({ expected: `the last bytes of the space: ${known}`, actual: inside });
    if (/[^0]/.test(outside))
      problems.push({ expected: 'zeroes behind the end of the space', actual: outside.slice(0, 64) });
    return problems;
  },
});

const CONFIG_VALUES = 'config-told';

/** `config-listen`: a configuration callback that reads a field. */
export const configListenStep = defineStep<{ field: string }, never>({
  name: 'config-listen',
  summary:
    'Register a configuration callback that reads `field` each time it is called; `config-told` judges.',
  example: '{config-listen: {field: capacity}}',
  schema: obj({ field: TEXT }, ['field']),
  run(session, args) {
    const { offset, width } = configField(session.deviceType, args.field);
    const values: string[] = [];
    session.saved.set(CONFIG_VALUES, values);
    session.virtio.onConfigChange(() => {
      session.configIrqs++;
      session.recorded.quiet++;
      const status = session.ops.getStatus();
      const bytes = new Uint8Array(width);
      session.ops.getConfig(offset, bytes);
      session.recorded.quiet--;
      values.push(toHex(bytes));
      session.recorder.push({ k: 'config-irq', status });
    });
  },
});

/** `config-told`: the callback came, and the new value was readable when it did. */
export const configToldStep = defineStep<{ field: string }, { values: string[]; now: string }>({
  name: 'config-told',
  summary:
    'Since `config-listen` the configuration callback came, and its last call could read the value of now.',
  example: '{config-told: {field: capacity}}',
  schema: obj({ field: TEXT }, ['field']),
  run(session, args) {
    const { offset, width } = configField(session.deviceType, args.field);
    const values =
      (session.saved.get(CONFIG_VALUES) as string[] | undefined) ?? session.stop('nobody listens');
    const bytes = new Uint8Array(width);
    session.ops.getConfig(offset, bytes);
    const seen = { values: [...values], now: toHex(bytes) };
    values.length = 0;
    return seen;
  },
  judge({ field }, { values, now }) {
    if (values.length === 0) return [{ expected: 'a configuration change notification', actual: 'none' }];
    return values.at(-1) === now
      ? []
      : [
          {
            expected: `${field} ${now} readable in the callback`,
            actual: `the callback read ${values.join(', ')}`,
          },
        ];
  },
});

interface OverreachSeen {
  bits: { bit: number; featuresOk: boolean; inForce?: boolean }[];
}

/** `overreach`: accept features that the device does not offer. */
export const overreachStep = defineStep<{ bits: number[] }, OverreachSeen>({
  name: 'overreach',
  summary:
    'For each of the bits that the device does not offer: a session of its own that accepts the baseline and this bit. The ' +
    'device has to leave FEATURES_OK clear, or not to have the bit in force. Bits that are offered are passed over.',
  example: '{overreach: {bits: [39, 50]}}',
  schema: obj({ bits: { anyOf: [list(INT, 1), TEXT] } }, ['bits']),
  run(session, args) {
    const { ops, virtio } = session;
    const bits: OverreachSeen['bits'] = [];
    for (const bit of args.bits) {
      const mask = 1n << BigInt(bit);
      const offered = ops.getDeviceFeatures();
      if ((offered & mask) !== 0n) continue;
      session.reset();
      virtio.addStatus(STATUS.ACKNOWLEDGE);
      virtio.addStatus(STATUS.DRIVER);
      ops.setDriverFeatures(((BASELINE | session.wanted) & offered) | mask);
      virtio.addStatus(STATUS.FEATURES_OK);
      const featuresOk = (ops.getStatus() & STATUS.FEATURES_OK) !== 0;
      const known = session.instance.abilities.includes('drvfeat');
      bits.push({ bit, featuresOk, ...(known ? { inForce: (ops.getDriverFeatures() & mask) !== 0n } : {}) });
    }
    return { bits };
  },
  judge: (_, { bits }) =>
    bits
      .filter(({ featuresOk, inForce }) => featuresOk && inForce !== false)
      .slice(0, 3)
      .map(({ bit, inForce }) => ({
        expected: `FEATURES_OK stays clear when bit ${bit}, which is not offered, is accepted`,
        actual: inForce ? 'FEATURES_OK is set and the bit is in force' : 'FEATURES_OK is set',
      })),
});

/** `broken-dependencies`: accept features without what they need. */
export const brokenDependenciesStep = defineStep<{ only?: string[] }, { set: string; featuresOk: boolean }[]>(
  {
    name: 'broken-dependencies',
    summary:
      'For each offered feature that depends on others: a session of its own that accepts it without them. The device has ' +
      'to leave FEATURES_OK clear. `only` limits it to some features.',
    example: '{broken-dependencies: {}}',
    schema: obj({ only: list(TEXT) }),
    run(session, args) {
      const { ops, virtio, deviceType: scope } = session;
      const offered = ops.getDeviceFeatures();
      const base = (BASELINE | session.wanted) & offered;
      const only = args.only === undefined ? ~0n : bitMask(args.only);
      const seen: { set: string; featuresOk: boolean }[] = [];
      for (const { bit, scope: own, requires } of FEATURES) {
        const mask = 1n << BigInt(bit);
        if (own !== scope || requires.length === 0 || (offered & only & mask) === 0n) continue;
        if ((withDependencies(mask, scope) & ~(base | mask)) === 0n) continue;
        session.reset();
        virtio.addStatus(STATUS.ACKNOWLEDGE);
        virtio.addStatus(STATUS.DRIVER);
        ops.setDriverFeatures(base | mask);
        virtio.addStatus(STATUS.FEATURES_OK);
        seen.push({
          set: namesOf(base | mask, scope).join(', '),
          featuresOk: (ops.getStatus() & STATUS.FEATURES_OK) !== 0,
        });
      }
      return seen;
    },
    judge: (_, seen) =>
      seen
        .filter(({ featuresOk }) => featuresOk)
        .slice(0, 3)
        .map(({ set }) => ({ expected: `FEATURES_OK stays clear for ${set}`, actual: 'FEATURES_OK is set' })),
  },
);

interface ServedSeen {
  served: boolean;
  status: number;
}

/** `served-or-needs-reset`: after trouble the device goes on, or says that it cannot. */
export const servedStep = defineStep<{ as: string }, ServedSeen>({
  name: 'served-or-needs-reset',
  summary: 'Collect used buffers: the named request came back, or the status shows DEVICE_NEEDS_RESET.',
  example: '{served-or-needs-reset: {as: next}}',
  schema: obj({ as: TEXT }, ['as']),
  run(session, args) {
    for (const queue of session.queues.all) session.queues.collect(queue.idx);
    const buffer = session.buffers.named(args.as) ?? session.stop(`no buffer is called ${args.as}`);
    return { served: buffer.used !== undefined, status: session.ops.getStatus() };
  },
  judge: (args, { served, status }) =>
    served || (status & STATUS.DEVICE_NEEDS_RESET) !== 0
      ? []
      : [
          {
            expected: `${args.as} is served, or DEVICE_NEEDS_RESET is set`,
            actual: `neither; status ${statusNames(status)}`,
          },
        ],
});

interface ToldSeen {
  status: number;
  /** Statuses that the configuration callbacks of this session read. */
  inCallbacks: number[];
}

/** `needs-reset-told`: DEVICE_NEEDS_RESET came with a notification. */
export const needsResetToldStep = defineStep<{ required?: boolean }, ToldSeen>({
  name: 'needs-reset-told',
  summary:
    'If the status shows DEVICE_NEEDS_RESET beside DRIVER_OK (with `required` it has to), a configuration change notification came in ' +
    'this session and the bit was readable during it.',
  example: '{needs-reset-told: {required: true}}',
  schema: obj({
    required: { ...BOOL, description: 'Without DEVICE_NEEDS_RESET nothing was learnt: blocked.' },
  }),
  run(session) {
    const { events } = session.recorder;
    const start = events.findLastIndex((event) => event.k === 'reset-done');
    const inCallbacks = events
      .slice(start + 1)
      .flatMap((event) => (event.k === 'config-irq' ? [event.status] : []));
    return { status: session.ops.getStatus(), inCallbacks };
  },
  judge(args, { status, inCallbacks }) {
    if ((status & STATUS.DRIVER_OK) === 0 && !args.required) return [];
    if ((status & STATUS.DEVICE_NEEDS_RESET) === 0)
      return args.required
        ? [{ expected: 'DEVICE_NEEDS_RESET', actual: `status ${statusNames(status)}`, blocked: true }]
        : [];
    if (inCallbacks.some((seen) => (seen & STATUS.DEVICE_NEEDS_RESET) !== 0)) return [];
    const actual = inCallbacks.length === 0 ? 'none came' : 'in none of those that came';
    return [
      { expected: 'a configuration change notification during which DEVICE_NEEDS_RESET is readable', actual },
    ];
  },
});

/** `callbacks-or-needs-reset`: a notification came, unless the device gave up. */
export const callbacksOrNeedsResetStep = defineStep<{ min?: number }, { count: number; status: number }>({
  name: 'callbacks-or-needs-reset',
  summary:
    'At least `min` (default 1) notifications of the data queue came, or the status shows DEVICE_NEEDS_RESET.',
  example: '{callbacks-or-needs-reset: {}}',
  schema: obj({ min: INT }),
  run(session) {
    const queue = session.queues.must(queueIndex(session, undefined));
    const count = queue.irqs;
    queue.irqs = 0;
    return { count, status: session.ops.getStatus() };
  },
  judge({ min = 1 }, { count, status }) {
    if (count >= min || (status & STATUS.DEVICE_NEEDS_RESET) !== 0) return [];
    return [{ expected: `at least ${min} used buffer notifications`, actual: `${count}` }];
  },
});
