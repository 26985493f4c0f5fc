import type { DeviceType } from '../../specs/virtio-1.1/device-ids.ts';
import { bitMask, namesOf, unmetDependencies } from '../../specs/virtio-1.1/features.ts';
import { STATUS, statusNames } from '../../specs/virtio-1.1/status.ts';
import { BASELINE, type BringUpOptions, bringUp } from '../session/bring-up.ts';
import type { Session } from '../session/session.ts';
import { BOOL, defineStep, INT, list, obj, oneOf, type Problem, TEXT } from './step.ts';

const STATUS_VALUE = { anyOf: [{ type: 'integer', minimum: 0, maximum: 255 }, TEXT] } as const;

/** `15`, `"ACKNOWLEDGE|DRIVER"` or `"0"` as a status byte. @throws RangeError on an unknown name */
export function statusValue(value: number | string): number {
  if (typeof value === 'number') return value;
  return value.split('|').reduce((bits, part) => {
    const name = part.trim() === 'NEEDS_RESET' ? 'DEVICE_NEEDS_RESET' : part.trim();
    if (/^(0x[0-9a-f]+|\d+)$/i.test(name)) return bits | Number(name);
    if (!(name in STATUS))
      throw new RangeError(`unknown status bit ${name}; known: ${Object.keys(STATUS).join(', ')}`);
    return bits | STATUS[name as keyof typeof STATUS];
  }, 0);
}

const START = obj({ index: INT, wrap: INT }, ['index']);

type BringUpArgs = BringUpOptions & { 'refused-ok'?: boolean };

/** `bring-up`: the initialisation of 3.1.1, done right. */
export const bringUpStep = defineStep<
  BringUpArgs,
  { to: string; status: number; featuresOk: boolean; queueErrors: Record<string, number> }
>({
  name: 'bring-up',
  summary:
    'Reset the device and initialise it as section 3.1.1 says, up to `to` (default DRIVER_OK). Accepts the ' +
    'features that the case needs plus the baseline. When the device refuses, the case is blocked.',
  example: '{bring-up: {to: DRIVER_OK, size: 8}}',
  schema: obj({
    to: oneOf('RESET', 'ACKNOWLEDGE', 'DRIVER', 'FEATURES_OK', 'QUEUES', 'DRIVER_OK'),
    only: list(TEXT),
    features: list(TEXT),
    without: list(TEXT),
    size: INT,
    start: START,
    queues: list(INT),
    ready: BOOL,
    'refused-ok': { ...BOOL, description: 'Go on when FEATURES_OK is refused.' },
  }),
  run(session, args) {
    const result = bringUp(session, args);
    const to = args.to ?? 'DRIVER_OK';
    session.observe({ to, ...result });
    const needsFeatures = ['FEATURES_OK', 'QUEUES', 'DRIVER_OK'].includes(to);
    if (needsFeatures && !result.featuresOk && !args['refused-ok'])
      session.stop('the device refused FEATURES_OK');
    if (Object.keys(result.queueErrors).length > 0)
      session.stop(`queue set-up was refused: ${JSON.stringify(result.queueErrors)}`);
  },
  judge: (args, seen) =>
    seen.to === 'DRIVER_OK' && seen.featuresOk && (seen.status & 0xf) !== 0xf && !args['refused-ok']
      ? [{ expected: 'status 0xf after initialisation', actual: `status ${statusNames(seen.status)}` }]
      : [],
});

/** `reset`: the reset op, then the status until it reads 0. */
export const resetStep = defineStep<{ again?: boolean }, { reads: number[] }>({
  name: 'reset',
  summary: 'Reset the device and read the status until it is 0, 64 times at most.',
  example: '{reset: {}}',
  schema: obj({}),
  run: (session) => ({ reads: session.reset() }),
  judge(_, { reads }) {
    if (reads.at(-1) === 0) return [];
    return [
      {
        expected: 'status reads 0 after reset (at once, or after some non-zero reads)',
        actual: `still ${statusNames(reads.at(-1)!)} after ${reads.length} reads`,
        requirement: 'V1.1-2.1.2-D1',
      },
    ];
  },
});

/** Bits that a driver has set, and the last of which it has read back, by the time it sets DRIVER_OK (section 3.1.1). */
const BEFORE_DRIVER_OK = STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK;

const EARLY = 'DRIVER_OK without the bits before it';

/** Whether writing `value`, with `kept` of what is set already, starts a device that was not ready for it. */
const startsEarly = (session: Session, value: number, kept: number): boolean =>
  (value & STATUS.DRIVER_OK) !== 0 && (kept & session.status() & BEFORE_DRIVER_OK) !== BEFORE_DRIVER_OK;

interface StatusArgs {
  write?: number | string;
  set?: number | string;
  expect?: number | string;
  has?: number | string;
  lacks?: number | string;
  'one-of'?: (number | string)[];
}

/** `status`: write or read the device status. */
export const statusStep = defineStep<StatusArgs, { status: number }>({
  name: 'status',
  summary:
    'Write the device status as it stands (`write`), OR bits into it (`set`), or read it and compare: `expect` ' +
    'the exact value, `has` and `lacks` bits, `one-of` several values. Values are numbers or names joined by |.',
  example: '{status: {has: "ACKNOWLEDGE|DRIVER", lacks: FAILED}}',
  schema: obj({
    write: STATUS_VALUE,
    set: STATUS_VALUE,
    expect: STATUS_VALUE,
    has: STATUS_VALUE,
    lacks: STATUS_VALUE,
    'one-of': list(STATUS_VALUE, 1),
  }),
  run(session, args) {
    if (args.write !== undefined) {
      const value = statusValue(args.write);
      const early = startsEarly(session, value, value);
      if (value === 0) session.reset();
      else session.ops.setStatus(value);
      if (early) session.breach(EARLY);
    }
    if (args.set !== undefined) {
      const value = statusValue(args.set);
      const early = startsEarly(session, value, 0xff);
      session.virtio.addStatus(value);
      if (early) session.breach(EARLY);
    }
    const reads = args.expect ?? args.has ?? args.lacks ?? args['one-of'];
    return reads === undefined ? undefined : { status: session.ops.getStatus() };
  },
  judge(args, { status }) {
    const actual = `status ${statusNames(status)} (0x${status.toString(16)})`;
    const problems: Problem[] = [];
    const want = (ok: boolean, expected: string) => ok || problems.push({ expected, actual });
    if (args.expect !== undefined)
      want(status === statusValue(args.expect), `status ${statusNames(statusValue(args.expect))}`);
    if (args.has !== undefined) {
      const bits = statusValue(args.has);
      want((status & bits) === bits, `status with ${statusNames(bits)}`);
    }
    if (args.lacks !== undefined) {
      const bits = statusValue(args.lacks);
      want((status & bits) === 0, `status without ${statusNames(bits)}`);
    }
    if (args['one-of'] !== undefined) {
      const values = args['one-of'].map(statusValue);
      want(values.includes(status), `status ${values.map(statusNames).join(' or ')}`);
    }
    return problems;
  },
});

interface FeaturesArgs {
  write?: { names?: string[]; bits?: number[]; baseline?: boolean; all?: boolean; 'same-again'?: boolean };
  'offered-has'?: string[];
  'offered-lacks'?: string[];
  closed?: boolean;
  'driver-has'?: string[];
  'driver-lacks'?: string[];
  'same-offer'?: boolean;
  error?: 'any' | 'ok' | 'refused';
}

const hexOf = (mask: bigint) => `0x${mask.toString(16)}`;

/** `features`: read the offer, write the driver's features. */
export const featuresStep = defineStep<
  FeaturesArgs,
  { offered: string; first?: string; driver?: string; error?: number; scope: DeviceType }
>({
  name: 'features',
  summary:
    'Look at the offered features (`offered-has`, `offered-lacks`, `closed`: dependencies are offered too, ' +
    '`same-offer`: as at the first look), or write driver features (`write`: names, bit numbers, the baseline, ' +
    'all offered ones, or `same-again`) and look at the outcome (`error`) and at what is in force (`driver-has`, `driver-lacks`).',
  example: '{features: {write: {baseline: true, bits: [50]}, error: any}}',
  schema: obj({
    write: obj({ names: list(TEXT), bits: list(INT), baseline: BOOL, all: BOOL, 'same-again': BOOL }),
    'offered-has': list(TEXT),
    'offered-lacks': list(TEXT),
    closed: BOOL,
    'driver-has': list(TEXT),
    'driver-lacks': list(TEXT),
    'same-offer': BOOL,
    error: oneOf('any', 'ok', 'refused'),
  }),
  run(session, args) {
    const { ops } = session;
    const offered = ops.getDeviceFeatures();
    const first = (session.saved.get('offered') as bigint | undefined) ?? offered;
    session.saved.set('offered', first);
    let error: number | undefined;
    if (args.write) {
      const { names = [], bits = [], baseline = true, all = false } = args.write;
      let mask = bitMask(names) | bits.reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n);
      if (baseline) mask |= (BASELINE | session.wanted) & offered;
      if (all) mask |= offered;
      if (args.write['same-again']) mask = (session.saved.get('written') as bigint | undefined) ?? mask;
      session.saved.set('written', mask);
      const fixed = (session.status() & STATUS.FEATURES_OK) !== 0;
      error = ops.setDriverFeatures(mask);
      // Later the set is fixed, whatever a device makes of the write.
      if (error === 0 && !fixed) session.features = mask & offered;
    }
    return {
      offered: hexOf(offered),
      first: hexOf(first),
      scope: session.deviceType,
      ...(error === undefined ? {} : { error }),
      ...(args['driver-has'] || args['driver-lacks'] ? { driver: hexOf(ops.getDriverFeatures()) } : {}),
    };
  },
  judge(args, seen) {
    const problems: Problem[] = [];
    const offered = BigInt(seen.offered);
    const show = (mask: bigint) => namesOf(mask, seen.scope).join(', ') || 'none';
    const missing = (names: string[] | undefined, mask: bigint, what: string) => {
      const gap = bitMask(names ?? []) & ~mask;
      if (gap) problems.push({ expected: `${what} ${show(gap)}`, actual: `${what} ${show(mask)}` });
    };
    const present = (names: string[] | undefined, mask: bigint, what: string) => {
      const extra = bitMask(names ?? []) & mask;
      if (extra) problems.push({ expected: `not ${what} ${show(extra)}`, actual: `${what} ${show(mask)}` });
    };
    missing(args['offered-has'], offered, 'offered:');
    present(args['offered-lacks'], offered, 'offered:');
    if (args['driver-has'] || args['driver-lacks']) {
      const driver = BigInt(seen.driver!);
      missing(args['driver-has'], driver, 'in force:');
      present(args['driver-lacks'], driver, 'in force:');
    }
    if (args.closed) {
      for (const { feature, needs } of unmetDependencies(offered, seen.scope))
        problems.push({
          expected: `with ${feature} also ${needs.join(' or ')} offered`,
          actual: `offered: ${show(offered)}`,
        });
    }
    if (args['same-offer'] && seen.first !== seen.offered)
      problems.push({ expected: `the offer of the first look, ${seen.first}`, actual: seen.offered });
    if (args.error === 'ok' && seen.error !== 0)
      problems.push({ expected: 'the features are accepted', actual: `error ${seen.error}` });
    if (args.error === 'refused' && seen.error === 0)
      problems.push({ expected: 'the features are refused', actual: 'accepted' });
    return problems;
  },
});
