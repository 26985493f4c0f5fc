import { ERRNO, initialVqState, type VqState } from '../../framework/device.ts';
import { namesOf, withDependencies } from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import { BASELINE, setUpQueues } from '../session/bring-up.ts';
import type { Session } from '../session/session.ts';
import { QUEUE_ARG, queueIndex } from './request/queue-arg.ts';
import { BOOL, COUNT, type Count, defineStep, INT, judgeCount, obj, oneOf, type Problem } from './step.ts';

interface QueueArgs {
  queue?: number | string;
  num?: number;
  ready?: boolean;
  offset?: { desc?: number; driver?: number; device?: number };
  'expect-ready'?: boolean;
  'size-op'?: Count;
  'size-is-power-of-2'?: boolean;
  error?: 'any' | 'ok' | 'refused';
}

const isStarted = (session: Session): boolean => (session.status() & STATUS.DRIVER_OK) !== 0;

/** `queue`: ops of one queue, as they stand. */
export const queueStep = defineStep<QueueArgs, { ready?: boolean; size?: number; error?: number }>({
  name: 'queue',
  summary:
    'Call ops of one queue as they stand: `num`, `offset` (shifts the addresses of the areas by bytes), `ready`; and ' +
    'look: `expect-ready`, `size-op` (what getVqSize gives), `size-is-power-of-2` (0 passes too).',
  example: '{queue: {queue: 0, expect-ready: false}}',
  schema: obj({
    queue: QUEUE_ARG,
    num: INT,
    ready: BOOL,
    offset: obj({ desc: INT, driver: INT, device: INT }),
    'expect-ready': BOOL,
    'size-op': COUNT,
    'size-is-power-of-2': BOOL,
    error: oneOf('any', 'ok', 'refused'),
  }),
  run(session, args) {
    const idx = queueIndex(session, args.queue);
    const { ops } = session;
    let error: number | undefined;
    if (args.num !== undefined || args.offset !== undefined)
      session.queues.relocate(idx, args.num, args.offset);
    if (args.num !== undefined) ops.setVqNum(idx, args.num);
    if (args.offset !== undefined) {
      const { desc, driver, device } = session.queues.must(idx).areas;
      const { offset } = args;
      const at = (iova: number, plus = 0) => iova + plus;
      error = ops.setVqAddress(
        idx,
        at(desc.iova, offset.desc),
        at(driver.iova, offset.driver),
        at(device.iova, offset.device),
      );
    }
    if (args.ready === false) session.queues.disabled.add(idx);
    else if (args.ready) session.queues.disabled.delete(idx);
    if (args.ready === false && session.instance.abilities.includes('no-disable'))
      session.lacks('the parent cannot disable a queue');
    if (args.ready && session.instance.abilities.includes('early-ready') && isStarted(session))
      session.lacks('the parent does not say that queues may be made ready after DRIVER_OK');
    if (args.ready !== undefined) {
      session.queues.readied(idx, args.ready);
      ops.setVqReady(idx, args.ready);
    }
    const wantsSize = args['size-op'] !== undefined || args['size-is-power-of-2'];
    return {
      ...(args['expect-ready'] === undefined ? {} : { ready: ops.getVqReady(idx) }),
      ...(wantsSize ? { size: ops.getVqSize?.(idx) ?? ops.getVqNumMax() } : {}),
      ...(error === undefined ? {} : { error }),
    };
  },
  judge(args, seen) {
    const problems: Problem[] =
      seen.size === undefined ? [] : judgeCount('queue size', args['size-op'], seen.size);
    if (args['expect-ready'] !== undefined && seen.ready !== args['expect-ready'])
      problems.push({ expected: `queue ready: ${args['expect-ready']}`, actual: `${seen.ready}` });
    if (args['size-is-power-of-2'] && seen.size !== 0 && (seen.size! & (seen.size! - 1)) !== 0)
      problems.push({ expected: 'queue size 0 or a power of 2', actual: String(seen.size) });
    if (args.error === 'refused' && seen.error === 0)
      problems.push({ expected: 'an error', actual: 'accepted' });
    if (args.error === 'ok' && seen.error !== undefined && seen.error < 0)
      problems.push({ expected: 'no error', actual: `error ${seen.error}` });
    return problems;
  },
});

/** `queues`: all queues at once. */
export const queuesStep = defineStep<
  { ready?: boolean; 'set-up'?: { size?: number; ready?: boolean; start?: { index: number; wrap?: 0 | 1 } } },
  { ready: boolean[] }
>({
  name: 'queues',
  summary: 'Check getVqReady of every queue, or set all usable queues up (`set-up`) at any time.',
  example: '{queues: {ready: false}}',
  schema: obj({
    ready: BOOL,
    'set-up': obj({ size: INT, ready: BOOL, start: obj({ index: INT, wrap: INT }, ['index']) }),
  }),
  run(session, args) {
    if (args['set-up'] !== undefined) {
      setUpQueues(session, args['set-up'], { status: 0, featuresOk: true, queueErrors: {} });
    }
    if (args.ready === undefined) return undefined;
    const ready = Array.from({ length: session.instance.device.nvqs }, (_, i) => session.ops.getVqReady(i));
    return { ready };
  },
  judge: (args, { ready }) =>
    ready.every((r) => r === args.ready)
      ? []
      : [
          {
            expected: `every queue ready: ${args.ready}`,
            actual: ready.map((r, i) => `${i}: ${r}`).join(', '),
          },
        ],
});

interface VqStateArgs {
  queue?: number | string;
  set?: { index: number; wrap?: 0 | 1; 'used-index'?: number; 'used-wrap'?: 0 | 1 };
  index?: number;
  wrap?: 0 | 1;
  'used-index'?: number;
  'used-wrap'?: 0 | 1;
  error?: 'any' | 'ok' | 'refused';
  save?: string;
  same?: string;
}

/** `vq-state`: position of a queue. */
export const vqStateStep = defineStep<
  VqStateArgs,
  { error: number; state: VqState; saved?: VqState; packed: boolean }
>({
  name: 'vq-state',
  summary:
    'Set the position of a queue, or get it and compare (`index`, `wrap`, `same` as an earlier `save`).',
  example: '{vq-state: {index: 5}}',
  schema: obj({
    queue: QUEUE_ARG,
    set: obj({ index: INT, wrap: INT, 'used-index': INT, 'used-wrap': INT }, ['index']),
    index: INT,
    wrap: INT,
    'used-index': { ...INT, description: 'Packed: the used position.' },
    'used-wrap': { ...INT, description: 'Packed: the used wrap counter.' },
    error: oneOf('any', 'ok', 'refused'),
    save: { type: 'string' },
    same: { type: 'string' },
  }),
  run(session, args) {
    const idx = queueIndex(session, args.queue);
    const packed = session.queues.get(idx)?.packed ?? false;
    const state = initialVqState();
    if (args.set !== undefined) {
      const { index, wrap = 1 } = args.set;
      state.split.availIndex = index;
      state.packed = {
        lastAvailCounter: wrap,
        lastAvailIdx: index,
        lastUsedCounter: args.set['used-wrap'] ?? wrap,
        lastUsedIdx: args.set['used-index'] ?? index,
      };
      const error = session.ops.setVqState(idx, state);
      if (error === 0) session.queues.positioned(idx, state);
      return { error, state, packed };
    }
    const error = session.ops.getVqState(idx, state);
    if (args.error === undefined) needState(session, error);
    if (args.save !== undefined) session.saved.set(`vq-state:${args.save}`, state);
    const saved =
      args.same === undefined ? undefined : (session.saved.get(`vq-state:${args.same}`) as VqState);
    return { error, state, packed, ...(saved === undefined ? {} : { saved }) };
  },
  judge(args, { error, state, saved, packed }) {
    if (args.error === 'any') return [];
    if (args.error === 'refused') return error < 0 ? [] : [{ expected: 'an error', actual: 'accepted' }];
    if (error < 0) return [{ expected: 'the queue state', actual: `error ${error}` }];
    const problems: Problem[] = [];
    const index = packed ? state.packed.lastAvailIdx : state.split.availIndex;
    if (args.index !== undefined && index !== args.index)
      problems.push({ expected: `avail position ${args.index}`, actual: String(index) });
    if (args.wrap !== undefined && packed && state.packed.lastAvailCounter !== args.wrap)
      problems.push({
        expected: `avail wrap counter ${args.wrap}`,
        actual: String(state.packed.lastAvailCounter),
      });
    const { lastUsedIdx, lastUsedCounter } = state.packed;
    if (args['used-index'] !== undefined && packed && lastUsedIdx !== args['used-index'])
      problems.push({ expected: `used position ${args['used-index']}`, actual: String(lastUsedIdx) });
    if (args['used-wrap'] !== undefined && packed && lastUsedCounter !== args['used-wrap'])
      problems.push({ expected: `used wrap counter ${args['used-wrap']}`, actual: String(lastUsedCounter) });
    if (saved !== undefined && JSON.stringify(saved) !== JSON.stringify(state))
      problems.push({ expected: `state ${JSON.stringify(saved)}`, actual: JSON.stringify(state) });
    return problems;
  },
});

/** `suspend`: the suspend op. */
export const suspendStep = defineStep<Record<string, never>, { error: number }>({
  name: 'suspend',
  summary: 'Suspend the device (vDPA); stops the case when the parent has no such op.',
  example: '{suspend: {}}',
  schema: obj({}),
  run(session) {
    const error = session.ops.suspend?.() ?? session.lacks('the parent has no suspend');
    if (error === 0) session.suspended = true;
    return { error };
  },
  judge: (_, { error }) => (error < 0 ? [{ expected: 'suspend succeeds', actual: `error ${error}` }] : []),
});

/** `resume`: the resume op. */
export const resumeStep = defineStep<Record<string, never>, { error: number }>({
  name: 'resume',
  summary: 'Resume a suspended device (vDPA); stops the case when the parent has no such op.',
  example: '{resume: {}}',
  schema: obj({}),
  run(session) {
    const error = session.ops.resume?.() ?? session.lacks('the parent has no resume');
    if (error === 0) session.suspended = false;
    return { error };
  },
  judge: (_, { error }) => (error < 0 ? [{ expected: 'resume succeeds', actual: `error ${error}` }] : []),
});

interface NegotiateArgs {
  subsets: 'baseline' | 'each-alone' | 'each-left-out' | 'all' | 'random';
  count?: number;
}

/** `negotiate`: offer valid subsets to the device, one session each. */
export const negotiateStep = defineStep<NegotiateArgs, { subset: string; accepted: boolean }[]>({
  name: 'negotiate',
  summary:
    'Negotiate valid subsets of the offer, each after a reset: the baseline alone, the baseline with each other feature ' +
    '(and its dependencies), all without each feature (and its dependants), all, or `count` seeded random ones. ' +
    'Each must be accepted.',
  example: '{negotiate: {subsets: each-alone}}',
  schema: obj({ subsets: oneOf('baseline', 'each-alone', 'each-left-out', 'all', 'random'), count: INT }, [
    'subsets',
  ]),
  run(session, args) {
    const { ops, virtio } = session;
    const scope = session.deviceType;
    const offered = ops.getDeviceFeatures();
    const base = (BASELINE | session.wanted) & offered;
    const bits = Array.from({ length: 64 }, (_, i) => 1n << BigInt(i)).filter((bit) => offered & bit & ~base);
    const closed = (mask: bigint) => withDependencies(mask, scope) & offered;
    const without = (gone: bigint) => {
      let mask = offered & ~gone;
      for (const bit of bits)
        if ((mask & bit) !== 0n && (withDependencies(base | bit, scope) & gone) !== 0n) mask &= ~bit;
      return mask;
    };
    let x = session.seed | 1;
    const random = () => {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      return bits.reduce((mask, bit, i) => ((x >>> (i % 32)) & 1 ? mask | bit : mask), base);
    };
    const subsets: Record<NegotiateArgs['subsets'], () => bigint[]> = {
      baseline: () => [base],
      'each-alone': () => bits.map((bit) => closed(base | bit)),
      'each-left-out': () => bits.map(without),
      all: () => [offered],
      random: () => Array.from({ length: args.count ?? 16 }, () => closed(random())),
    };
    return subsets[args.subsets]().map((mask) => {
      session.reset();
      virtio.addStatus(STATUS.ACKNOWLEDGE);
      virtio.addStatus(STATUS.DRIVER);
      return {
        subset: `0x${mask.toString(16)} (${namesOf(mask, scope).join(', ')})`,
        accepted: virtio.negotiate(mask),
      };
    });
  },
  judge: (_, seen) =>
    seen
      .filter(({ accepted }) => !accepted)
      .slice(0, 3)
      .map(({ subset }) => ({ expected: `accepted: ${subset}`, actual: 'refused' })),
});

/** End the steps where the parent has no queue state to tell: the contract lets it say so. */
export function needState(session: Session, error: number): void {
  if (error === -ERRNO.EOPNOTSUPP && !session.instance.abilities.includes('vq-state'))
    session.lacks('the parent tells no queue state');
}
