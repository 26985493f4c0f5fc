import { kitOf } from '../kits/index.ts';
import { bringUp, controlQueue } from '../session/bring-up.ts';
import {
  addRequest,
  exchange,
  outcomeOf,
  planOf,
  publish,
  type RequestOptions,
  type RequestOutcome,
} from '../session/requests.ts';
import type { Session } from '../session/session.ts';
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
  orExpression,
  type Problem,
  QUEUE,
  TEXT,
} from './step.ts';

/** Framing arguments that `request` and `exchange` share. */
export const FRAMING = {
  cut: {
    ...orExpression(obj({ r: orExpression(list(INT)), w: orExpression(list(INT)) })),
    description: 'Sizes of the device-readable and device-writable parts; what is left is one more part.',
  },
  list: { ...INT, description: 'Cut into exactly this many descriptors (header, data, status …).' },
  indirect: {
    anyOf: [BOOL, obj({ direct: INT, in: TEXT })],
    description:
      'Through a table, after `direct` descriptors in the ring (split); `in`: named memory for the table.',
  },
  slots: { ...orExpression(list(INT)), description: 'Split: descriptor table slots in chain order.' },
  id: { ...INT, description: 'Packed: Buffer ID.' },
  'other-ids': { ...INT, description: 'Packed: id in the descriptors of a list that are not the last.' },
  'table-write-flag': BOOL,
  breach: {
    ...BOOL,
    description: 'Break a framing rule on purpose; the device may do what resilience permits.',
  },
};

export interface FramingArgs {
  cut?: { r?: number[]; w?: number[] };
  list?: number;
  indirect?: boolean | { direct?: number; in?: string };
  slots?: number[];
  id?: number;
  'other-ids'?: number;
  'table-write-flag'?: boolean;
  breach?: boolean;
}

export const framingOf = (args: FramingArgs) => ({
  cut: args.cut,
  list: args.list,
  indirect: args.indirect,
  slots: args.slots,
  id: args.id,
  otherIds: args['other-ids'],
  tableWriteFlag: args['table-write-flag'],
  breach: args.breach,
});

/** Queue index from `rx`, `tx`, `control` or a number; default: queue of outgoing data. */
export function queueIndex(session: Session, queue: number | string | undefined): number {
  if (typeof queue === 'number') return queue;
  if (queue === 'rx') return kitOf(session).queue(session, 'in');
  if (queue === 'control') return controlQueue(session);
  return kitOf(session).queue(session, 'out');
}

export type KickMode = 'yes' | 'no' | 'obey';
export const KICK = {
  ...oneOf('yes', 'no', 'obey'),
  description: 'obey (default): kick when the device asks for it.',
};

/** Publish what is pending on a queue and kick as asked. */
export function release(session: Session, idx: number, args: { publish?: boolean; kick?: KickMode }): void {
  if (args.publish === false) return;
  publish(session, idx);
  if (args.kick === 'yes') session.queues.kick(idx);
  else if (args.kick !== 'no') session.queues.kickIfNeeded(idx);
}

interface RequestArgs extends FramingArgs {
  dir?: 'out' | 'in' | 'any';
  size?: number;
  seed?: number;
  as?: string;
  count?: number;
  publish?: boolean;
  kick?: KickMode;
}

/** `request`: valid requests of the device type. */
export const requestStep = defineStep<RequestArgs, never>({
  name: 'request',
  summary:
    'Submit a valid request of the device type: blk writes (`out`) or reads (`in`) sectors, net transmits or ' +
    'receives a frame. `count` makes several (named as-0, as-1, …). Does not wait.',
  example: '{request: {dir: out, as: a, cut: {r: [15, 1]}}}',
  schema: obj({
    dir: { ...oneOf('out', 'in', 'any'), description: 'any: `out` where the device can do that, else `in`.' },
    size: INT,
    seed: INT,
    as: TEXT,
    count: INT,
    publish: { ...BOOL, description: 'Make it available now (default true).' },
    kick: KICK,
    ...FRAMING,
  }),
  run(session, args) {
    const { dir: wanted = 'out' } = args;
    const dir = wanted !== 'any' ? wanted : kitOf(session).lacks(session, 'out') === null ? 'out' : 'in';
    const count = args.count ?? 1;
    for (let i = 0; i < count; i++) {
      const options: RequestOptions = {
        dir,
        size: args.size,
        seed: args.seed === undefined ? undefined : args.seed + i,
        name: args.as === undefined ? undefined : count === 1 ? args.as : `${args.as}-${i}`,
        ...framingOf(args),
      };
      addRequest(session, options);
    }
    release(session, kitOf(session).queue(session, dir), args);
  },
});

interface DoneArgs {
  as?: string | string[];
  all?: boolean;
  len?: 'bounded' | 'exact' | 'any';
}

/** `done`: requests have come back, and rightly. */
export const doneStep = defineStep<DoneArgs, { outcomes: RequestOutcome[]; expected: number }>({
  name: 'done',
  summary:
    'Collect used buffers, then check that the named requests (default: all so far) came back with the right status ' +
    'and data and a used length within bounds (`len: exact` also rejects underestimates).',
  example: '{done: {as: a}}',
  schema: obj({ as: { anyOf: [TEXT, list(TEXT)] }, all: BOOL, len: oneOf('bounded', 'exact', 'any') }),
  run(session, args) {
    for (const queue of session.queues.all) session.queues.collect(queue.idx);
    const buffers =
      args.as === undefined
        ? session.buffers.all.filter((buffer) => buffer.published)
        : [args.as].flat().flatMap((name) => namedBuffers(session, name));
    return { outcomes: buffers.map((buffer) => outcomeOf(session, buffer)), expected: buffers.length };
  },
  judge: (args, { outcomes }) => outcomes.flatMap((outcome) => judgeOutcome(outcome, args.len ?? 'bounded')),
});

/** What is wrong with the outcome of a request. */
export function judgeOutcome(
  outcome: RequestOutcome,
  len: 'bounded' | 'exact' | 'any' = 'bounded',
): Problem[] {
  const { name } = outcome;
  if (!outcome.used) return [{ expected: `${name} comes back`, actual: `${name} was not used` }];
  if (outcome.problem) return [{ expected: `${name} completes rightly`, actual: outcome.problem }];
  if (outcome.len === undefined || len === 'any') return [];
  if (outcome.len > outcome.maxLen) {
    return [{ expected: `used length of ${name} at most ${outcome.maxLen}`, actual: `${outcome.len}` }];
  }
  if (len === 'exact' && outcome.len !== outcome.exactLen) {
    return [{ expected: `used length of ${name}: ${outcome.exactLen}`, actual: `${outcome.len}` }];
  }
  return [];
}

function namedBuffers(session: Session, name: string) {
  const one = session.buffers.named(name);
  if (one) return [one];
  // A name that is used anew stands for its latest buffer.
  const many = session.buffers.all.filter(
    (buffer) => buffer.name.startsWith(`${name}-`) && session.buffers.named(buffer.name) === buffer,
  );
  return many.length > 0 ? many : session.stop(`no buffer is called ${name}`);
}

/** `not-used`: the device has not given the named buffers back. */
export const notUsedStep = defineStep<{ as: string | string[] }, { used: string[] }>({
  name: 'not-used',
  summary: 'Collect used buffers, then check that none of the named ones came back.',
  example: '{not-used: {as: a}}',
  schema: obj({ as: { anyOf: [TEXT, list(TEXT)] } }, ['as']),
  run(session, args) {
    for (const queue of session.queues.all) session.queues.collect(queue.idx);
    const names = [args.as].flat().flatMap((name) => namedBuffers(session, name));
    return { used: names.filter((buffer) => buffer.used !== undefined).map((buffer) => buffer.name) };
  },
  judge: (_, { used }) =>
    used.length === 0 ? [] : [{ expected: 'not used', actual: `used: ${used.join(', ')}` }],
});

interface ExchangeArgs extends FramingArgs {
  rounds?: number;
}

/** `exchange`: the standard control of the device type. */
export const exchangeStep = defineStep<ExchangeArgs, RequestOutcome[]>({
  name: 'exchange',
  summary:
    'The standard exchange: one request in each direction the device can do, waited for and checked. The usual ' +
    'control before a stimulus and the proof of recovery after it.',
  example: '{exchange: {rounds: 2}}',
  schema: obj({ rounds: INT, ...FRAMING }),
  run(session, args) {
    const outcomes = exchange(session, args.rounds ?? 1, framingOf(args));
    if (outcomes.length > 0) return outcomes;
    const reasons = (['out', 'in'] as const).map((dir) => kitOf(session).lacks(session, dir));
    return reasons.every((reason) => reason !== null) ? session.lacks(reasons.join(', ')) : outcomes;
  },
  judge: (_, outcomes) =>
    outcomes.length === 0
      ? [
          {
            expected: 'an exchange',
            actual: 'the session can exchange nothing (no peer, read-only …)',
            blocked: true,
          },
        ]
      : outcomes.flatMap((outcome) => judgeOutcome(outcome)),
});

/** A queue by index or by what it is for. */
export const QUEUE_ARG = { anyOf: [INT, oneOf('rx', 'tx', 'control')], description: QUEUE.description };

/** `publish`: make pending buffers available. */
export const publishStep = defineStep<{ queue?: number | string; kick?: KickMode }, never>({
  name: 'publish',
  summary: 'Make buffers that were submitted with `publish: false` available, all at once.',
  example: '{publish: {kick: no}}',
  schema: obj({ queue: QUEUE_ARG, kick: KICK }),
  run: (session, args) => release(session, queueIndex(session, args.queue), { kick: args.kick ?? 'no' }),
});

/** `kick`: an available buffer notification, needed or not. */
export const kickStep = defineStep<
  { queue?: number | string; times?: number; data?: number; obey?: boolean },
  never
>({
  name: 'kick',
  summary: 'Kick a queue `times` times, whether or not the device asked (with `obey`: only if it did).',
  example: '{kick: {times: 100}}',
  schema: obj({ queue: QUEUE_ARG, times: INT, data: INT, obey: BOOL }),
  run(session, args) {
    const idx = queueIndex(session, args.queue);
    for (let i = 0; i < (args.times ?? 1); i++) {
      if (args.obey) session.queues.kickIfNeeded(idx);
      else session.queues.kick(idx, args.data);
    }
  },
});

/** `pump`: let the device do a few units of work. */
export const pumpStep = defineStep<{ units?: number }, never>({
  name: 'pump',
  summary: 'Let the device do at most `units` units of work (default 1).',
  example: '{pump: {units: 1}}',
  schema: obj({ units: INT }),
  run: (session, args) => session.pump(args.units ?? 1),
});

/** `quiet`: let the device work until it is idle. */
export const quietStep = defineStep<Record<string, never>, never>({
  name: 'quiet',
  summary: 'Let the device work until it has nothing left to do.',
  example: '{quiet: {}}',
  schema: obj({}),
  run(session) {
    session.quiet();
  },
});

/** `collect`: consume used buffers and count them. */
export const collectStep = defineStep<
  { queue?: number | string; count?: Count; order?: string[] },
  { count: number; names: string[] }
>({
  name: 'collect',
  summary: 'Consume what came back on a queue; `count` how many, `order` which ones in which order.',
  example: '{collect: {count: 3}}',
  schema: obj({ queue: QUEUE_ARG, count: COUNT, order: list(TEXT) }),
  run(session, args) {
    const got = session.queues.collect(queueIndex(session, args.queue));
    return { count: got.length, names: got.map((buffer) => buffer.name) };
  },
  judge(args, seen) {
    const problems = judgeCount('used buffers', args.count, seen.count);
    if (args.order && args.order.join() !== seen.names.join())
      problems.push({
        expected: `used in this order: ${args.order.join(', ')}`,
        actual: seen.names.join(', ') || 'none',
      });
    return problems;
  },
});

/** `recover`: a whole session after whatever happened. */
export const recoverStep = defineStep<
  Record<string, never>,
  { featuresOk: boolean; outcomes: RequestOutcome[] }
>({
  name: 'recover',
  summary:
    'Reset the device, initialise it with the baseline features and do the standard exchange: proves that it comes back, ' +
    'whatever the driver did before.',
  example: '{recover: {}}',
  schema: obj({}),
  run(session) {
    const { featuresOk } = bringUp(session, { only: [] });
    return { featuresOk, outcomes: featuresOk ? exchange(session) : [] };
  },
  judge(_, { featuresOk, outcomes }) {
    const problems = featuresOk
      ? outcomes.flatMap((outcome) => judgeOutcome(outcome))
      : [{ expected: 'the device initialises again', actual: 'FEATURES_OK was refused' }];
    return problems.map((problem) => ({ ...problem, requirement: 'INV-ALIVE' }));
  },
});

/** `settle`: let the device finish, and check whatever came back. */
export const settleStep = defineStep<Record<string, never>, RequestOutcome[]>({
  name: 'settle',
  summary:
    'Let the device work until it is idle, consume used buffers, and check status and data of the requests among them. ' +
    'What did not come back is left to the model. After a breach nothing is checked until the next reset.',
  example: '{settle: {}}',
  schema: obj({}),
  run(session) {
    session.quiet();
    const back = session.queues.all.flatMap((queue) => session.queues.collect(queue.idx));
    if (session.breached) return undefined;
    return back.filter((buffer) => planOf(session, buffer)).map((buffer) => outcomeOf(session, buffer));
  },
  judge: (_, outcomes) =>
    outcomes.flatMap((outcome) =>
      judgeOutcome(outcome).map((problem) => ({ requirement: outcome.about, ...problem })),
    ),
});
