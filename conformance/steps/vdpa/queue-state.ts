import { initialVqState } from '../../../framework/device.ts';
import { queueIndex } from '../request/queue-arg.ts';
import { defineStep, INT, obj, oneOf } from '../step.ts';

/** `position-or-error`: what get_vq_state says about a queue that runs. */
export const positionOrErrorStep = defineStep<
  { queue?: number | string },
  { error: number; got: number; position: number }
>({
  name: 'position-or-error',
  summary:
    'Collect used buffers; then get_vq_state of the idle queue fails, or tells the position at which the next buffer is used.',
  example: '{position-or-error: {}}',
  schema: obj({ queue: { anyOf: [INT, oneOf('rx', 'tx')] } }),
  run(session, args) {
    const idx = queueIndex(session, args.queue);
    session.queues.collect(idx);
    const { ring, packed } = session.queues.must(idx);
    const state = initialVqState();
    state.split.availIndex = 0xdead;
    const error = session.ops.getVqState(idx, state);
    const { lastAvailIdx, lastAvailCounter } = state.packed;
    const got = packed ? lastAvailIdx | (lastAvailCounter << 15) : state.split.availIndex;
    return { error, got, position: ring.usedPosition };
  },
  judge: (_, { error, got, position }) =>
    error < 0 || got === position
      ? []
      : [{ expected: `an error, or position ${position}`, actual: `position ${got}` }],
});

/** `state-or-refusal`: a position that is taken is kept. */
export const stateOrRefusalStep = defineStep<
  { queue?: number | string; index: number },
  { error: number; got: number; read: number }
>({
  name: 'state-or-refusal',
  summary:
    'set_vq_state of a queue that is not ready to `index`: it is refused, or get_vq_state (where it answers) gives it back.',
  example: '{state-or-refusal: {index: 5}}',
  schema: obj({ queue: { anyOf: [INT, oneOf('rx', 'tx')] }, index: INT }, ['index']),
  run(session, args) {
    const idx = queueIndex(session, args.queue);
    const state = initialVqState();
    state.split.availIndex = args.index;
    state.packed.lastAvailIdx = args.index;
    state.packed.lastUsedIdx = args.index;
    const error = session.ops.setVqState(idx, state);
    if (error === 0) session.queues.positioned(idx, state);
    const after = initialVqState();
    const read = session.ops.getVqState(idx, after);
    const packed = session.has('VIRTIO_F_RING_PACKED');
    return { error, read, got: packed ? after.packed.lastAvailIdx : after.split.availIndex };
  },
  judge: ({ index }, { error, read, got }) =>
    error < 0 || read < 0 || got === index
      ? []
      : [{ expected: `refused, or position ${index}`, actual: `accepted, and position ${got}` }],
});
