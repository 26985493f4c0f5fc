import { type ConfigField, configFields } from '../../specs/virtio-1.1/config-space.ts';
import { bitMask } from '../../specs/virtio-1.1/features.ts';
import { statusNames } from '../../specs/virtio-1.1/status.ts';
import { toHex } from '../kits/hex.ts';
import type { Session } from '../session/session.ts';
import { defineStep, INT, obj, type Problem, TEXT } from './step.ts';

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
