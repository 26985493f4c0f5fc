import { initialVqState, type VqState } from '../../../framework/device.ts';
import { needState } from '../queue-steps.ts';
import { DATA_QUEUE_ARG, queueIndex } from '../request/queue-arg.ts';
import { BOOL, defineStep, INT, list, obj, oneOf, TEXT } from '../step.ts';
import { ERROR, type ErrorArg, judgeError } from './op-error.ts';

/** `reset-op`: the bare reset op. */
export const resetOpStep = defineStep<
  { error?: ErrorArg; flags?: number },
  { error: number; status: number }
>({
  name: 'reset-op',
  summary:
    'Call reset once (with `flags`: compat_reset; 1 also removes all mappings), whatever the status is, and expect ' +
    'success. Queues and buffers of the session are forgotten.',
  example: '{reset-op: {error: ok}}',
  schema: obj({ error: ERROR, flags: INT }),
  run(session, args) {
    const { ops } = session;
    const { flags } = args;
    const compat = () => ops.compatReset?.(flags ?? 0) ?? session.lacks('the parent has no compatReset');
    const error = flags === undefined ? ops.reset() : compat();
    session.reset();
    return { error, status: ops.getStatus() };
  },
  judge: (args, { error }) => judgeError('reset', args.error ?? 'ok', error),
});

interface SetUpArgs {
  queue?: number | string;
  size?: number;
  start?: { index: number; wrap?: 0 | 1 };
  omit?: ('num' | 'address' | 'state')[];
  ready?: boolean;
  callback?: boolean;
}

/** `set-up`: one queue, with ops left out. */
export const setUpStep = defineStep<SetUpArgs, { error: number }>({
  name: 'set-up',
  summary: 'Set one queue up on fresh rings, leaving out ops of the usual sequence (`omit`).',
  example: '{set-up: {queue: 0, size: 8, omit: [state]}}',
  schema: obj({
    queue: DATA_QUEUE_ARG,
    size: INT,
    start: obj({ index: INT, wrap: INT }, ['index']),
    omit: { anyOf: [list(oneOf('num', 'address', 'state')), TEXT] },
    ready: BOOL,
    callback: BOOL,
  }),
  run(session, args) {
    const idx = queueIndex(session, args.queue);
    const { size: num = 8, start, omit, ready, callback } = args;
    return { error: session.queues.setUp(idx, { num, start, omit, ready, callback }) };
  },
  judge: (args, { error }) => (args.omit?.length ? [] : judgeError('queue set-up', 'ok', error)),
});

interface SettledSeen {
  error: number;
  index: number;
  wrap: number;
  packed: boolean;
  position: number;
}

/** `settled`: position of a queue against what is in memory. */
export const settledStep = defineStep<{ queue?: number | string }, SettledSeen>({
  name: 'settled',
  summary:
    'Collect used buffers; then get_vq_state tells the position at which the driver expects the next used one.',
  example: '{settled: {}}',
  schema: obj({ queue: DATA_QUEUE_ARG }),
  run(session, args) {
    const idx = queueIndex(session, args.queue);
    session.queues.collect(idx);
    const { ring, packed } = session.queues.must(idx);
    const state: VqState = initialVqState();
    const error = session.ops.getVqState(idx, state);
    needState(session, error);
    const index = packed ? state.packed.lastAvailIdx : state.split.availIndex;
    return { error, index, wrap: state.packed.lastAvailCounter, packed, position: ring.usedPosition };
  },
  judge(_, { error, index, wrap, packed, position }) {
    if (error < 0) return [{ expected: 'the queue state', actual: `error ${error}` }];
    const got = packed ? index | (wrap << 15) : index;
    const show = (at: number) => (packed ? `${at & 0x7fff} (wrap ${at >> 15})` : String(at));
    return got === position
      ? []
      : [{ expected: `position ${show(position)}, as used in memory`, actual: show(got) }];
  },
});

/** `stray-ops`: every queue op with an index that is of no use. */
export const strayOpsStep = defineStep<{ queue: number }, { ready: boolean; size?: number }>({
  name: 'stray-ops',
  summary:
    'Call every queue op with an index that does not exist or that the features leave unused. It must do no harm.',
  example: '{stray-ops: {queue: 40}}',
  schema: obj({ queue: INT }, ['queue']),
  run(session, { queue }) {
    const { ops } = session;
    ops.setVqCb(queue, { callback: null });
    ops.setVqNum(queue, 8);
    ops.setVqAddress(queue, 0x1000, 0x2000, 0x3000);
    ops.setVqState(queue, initialVqState());
    ops.kickVq(queue);
    if (queue < 0x1_0000) ops.kickVqWithData?.(queue);
    const ready = ops.getVqReady(queue);
    ops.getVqState(queue, initialVqState());
    ops.getVqGroup?.(queue);
    ops.getVendorVqStats?.(queue);
    ops.setVqReady(queue, false);
    return { ready, ...(ops.getVqSize ? { size: ops.getVqSize(queue) } : {}) };
  },
});
