import { STATUS, statusNames } from '../../specs/virtio-1.1/status.ts';
import { queueIndex } from './request/queue-arg.ts';
import { BOOL, defineStep, INT, obj, TEXT } from './step.ts';

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
