import type { AccessSize } from '../../../framework/transport/access.ts';
import { registerPlace, selectQueue, structure } from '../../transport/reach.ts';
import { QUEUE_ARG, queueIndex } from '../request/queue-arg.ts';
import { BOOL, defineStep, EXPRESSION, INT, obj, oneOf } from '../step.ts';

interface DoorbellArgs {
  queue?: number | string;
  value?: number;
  size?: AccessSize;
  data?: boolean;
  via?: 'bar' | 'window' | number;
}

/** `doorbell`: a notification as a register write. */
export const doorbellStep = defineStep<DoorbellArgs, never>({
  name: 'doorbell',
  summary:
    "Write to a queue's notification address (4.1.5.2): its index as 16 bits, notification data (2.7.23) with " +
    '`data`, or `value` with `size`; through the BAR, the configuration window, or the n-th notification capability.',
  example: '{doorbell: {queue: tx, via: window}}',
  schema: obj({
    queue: QUEUE_ARG,
    value: INT,
    size: oneOf(2, 4),
    data: BOOL,
    via: { anyOf: [{ enum: ['bar', 'window'] }, INT, EXPRESSION] },
  }),
  run(session, args) {
    const idx = queueIndex(session, args.queue);
    selectQueue(session, idx);
    const { space, at, size } = registerPlace(session, 'queue_notify_off', undefined, undefined);
    const off = space.read(at, size);
    const notify = structure(session, 'notify', args.via);
    const data = args.data ? (session.queues.must(idx).ring.notificationData() | idx) >>> 0 : undefined;
    notify.write(off * notify.multiplier, args.data ? 4 : (args.size ?? 2), args.value ?? data ?? idx);
  },
});
