import { QUEUE_ARG, queueIndex } from './request/queue-arg.ts';
import { BOOL, COUNT, type Count, defineStep, INT, judgeCount, obj, oneOf, type Problem } from './step.ts';

interface InterruptsArgs {
  queue?: number | string;
  mode: 'enable' | 'disable' | 'event' | 'arm';
  at?: number;
  wrap?: 0 | 1;
}

/** `interrupts`: which used buffer notifications the driver asks for. */
export const interruptsStep = defineStep<InterruptsArgs, never>({
  name: 'interrupts',
  summary:
    'Ask for used buffer notifications: `enable` (flags 0), `disable` (flags 1), `event` with EVENT_IDX at `at` ' +
    '(split: used_event; packed: ring offset with `wrap`), or `arm`: for the next used buffer.',
  example: '{interrupts: {mode: event, at: 5}}',
  schema: obj({ queue: QUEUE_ARG, mode: oneOf('enable', 'disable', 'event', 'arm'), at: INT, wrap: INT }, [
    'mode',
  ]),
  run(session, args) {
    const idx = queueIndex(session, args.queue);
    if (args.mode === 'event')
      session.queues.interrupts(idx, { mode: 'event', at: args.at ?? 0, wrap: args.wrap });
    else session.queues.interrupts(idx, { mode: args.mode });
  },
});

/** `callbacks`: how many used buffer notifications came since the last look. */
export const callbacksStep = defineStep<{ queue?: number | string; count?: Count }, { count: number }>({
  name: 'callbacks',
  summary: 'Count the used buffer notifications of a queue since the last `callbacks` step (or its set-up).',
  example: '{callbacks: {count: {min: 1}}}',
  schema: obj({ queue: QUEUE_ARG, count: COUNT }),
  run(session, args) {
    const queue = session.queues.must(queueIndex(session, args.queue));
    const count = queue.irqs;
    queue.irqs = 0;
    return { count };
  },
  judge: (args, { count }) => judgeCount('used buffer notifications', args.count, count),
});

/** `config-callbacks`: how many configuration change notifications came. */
export const configCallbacksStep = defineStep<{ count?: Count }, { count: number }>({
  name: 'config-callbacks',
  summary: 'Count the configuration change notifications since the last such step.',
  example: '{config-callbacks: {count: {min: 1}}}',
  schema: obj({ count: COUNT }),
  run(session) {
    const count = session.configIrqs;
    session.configIrqs = 0;
    return { count };
  },
  judge: (args, { count }) => judgeCount('configuration change notifications', args.count, count),
});

interface ListenArgs {
  queue?: number | string;
  config?: boolean;
  on: boolean;
}

/** `listen`: register or clear a callback. */
export const listenStep = defineStep<ListenArgs, never>({
  name: 'listen',
  summary:
    'Register a new callback for a queue (or, with `config: true`, for configuration changes), or clear it.',
  example: '{listen: {queue: 0, on: false}}',
  schema: obj({ queue: QUEUE_ARG, config: BOOL, on: BOOL }, ['on']),
  run(session, args) {
    if (args.config) session.listenConfig(args.on);
    else session.queues.listen(queueIndex(session, args.queue), args.on);
  },
});

/** `kick-asked`: whether the device asks for a kick right now. */
export const kickAskedStep = defineStep<{ queue?: number | string; asked: boolean }, { asked: boolean }>({
  name: 'kick-asked',
  summary: 'Whether a conforming driver has to kick for what it made available last.',
  example: '{kick-asked: {asked: true}}',
  schema: obj({ queue: QUEUE_ARG, asked: BOOL }, ['asked']),
  run: (session, args) => ({ asked: session.queues.must(queueIndex(session, args.queue)).ring.kickNeeded() }),
  judge(args, seen): Problem[] {
    if (args.asked === seen.asked) return [];
    return [
      { expected: args.asked ? 'a kick is asked for' : 'no kick is asked for', actual: 'the opposite' },
    ];
  },
});
