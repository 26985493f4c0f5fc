import type { VdpaCallback } from '../../../framework/device.ts';
import { DATA_QUEUE_ARG, queueIndex } from '../request/queue-arg.ts';
import { BOOL, COUNT, type Count, defineStep, judgeCount, obj, type Problem } from '../step.ts';

interface Calls {
  callback: number;
  trigger: number;
  stale: number;
}

interface VqCallbackArgs {
  queue?: number | string;
  trigger?: boolean;
  reuse?: boolean;
  expect?: { any?: Count; both?: boolean; stale?: Count };
}

const CALLS = 'vq-callback-calls';

/** `vq-callback`: the callback structure of a queue. */
export const vqCallbackStep = defineStep<VqCallbackArgs, Calls>({
  name: 'vq-callback',
  summary:
    'Register a callback, with a `trigger` beside it, or in a structure that the caller overwrites at once (`reuse`). ' +
    'Later `expect`: how many calls in all (`any`), `both: false` (not callback and trigger), calls of what the caller ' +
    'wrote over it (`stale`).',
  example: '{vq-callback: {trigger: true}}',
  schema: obj({
    queue: DATA_QUEUE_ARG,
    trigger: BOOL,
    reuse: BOOL,
    expect: obj({ any: COUNT, both: BOOL, stale: COUNT }),
  }),
  run(session, args) {
    if (args.expect !== undefined)
      return session.saved.get(CALLS) ?? session.stop('no such callback was registered');
    const calls: Calls = { callback: 0, trigger: 0, stale: 0 };
    session.saved.set(CALLS, calls);
    const idx = queueIndex(session, args.queue);
    const seen = session.queues.callback(idx);
    const count = (what: keyof Calls) => () => {
      calls[what]++;
      if (what !== 'stale') seen();
    };
    const given: VdpaCallback = { callback: count('callback') };
    if (args.trigger) given.trigger = count('trigger');
    session.ops.setVqCb(idx, given);
    if (args.reuse) given.callback = count('stale');
    return undefined;
  },
  judge(args, { callback, trigger, stale }) {
    const { expect = {} } = args;
    const problems = [
      ...judgeCount('calls', expect.any, callback + trigger),
      ...judgeCount('calls through the overwritten structure', expect.stale, stale),
    ];
    if (expect.both === false && callback > 0 && trigger > 0)
      problems.push({
        expected: 'callback or trigger',
        actual: `${callback} calls of one and ${trigger} of the other`,
      });
    return problems;
  },
});

/** `told-after-publication`: callbacks come after the used entries they announce. */
export const toldAfterPublicationStep = defineStep<
  { queue?: number | string },
  { stores: number[]; callbacks: number[]; eventIdx: boolean }
>({
  name: 'told-after-publication',
  summary:
    'Each callback of the queue since `activity: {begin: true}` had something to announce, and without EVENT_IDX the last ' +
    'publication of used entries is followed by one.',
  example: '{told-after-publication: {}}',
  schema: obj({ queue: DATA_QUEUE_ARG }),
  run(session, args) {
    const idx = queueIndex(session, args.queue);
    const { areas, packed } = session.queues.must(idx);
    const { events } = session.recorder;
    const since = (session.saved.get('activity-mark') as number | undefined) ?? 0;
    const stores: number[] = [];
    const callbacks: number[] = [];
    for (let i = since; i < events.length; i++) {
      const event = events[i];
      if (event.k === 'irq' && event.q === idx && !event.old) callbacks.push(i - since);
      if (event.k !== 'store') continue;
      const { desc, device } = areas;
      const publishes = packed
        ? event.pa >= desc.pa && event.pa < desc.pa + desc.size
        : event.pa <= device.pa + 2 && event.pa + event.n > device.pa + 2;
      if (publishes) stores.push(i - since);
    }
    return { stores, callbacks, eventIdx: session.has('VIRTIO_F_EVENT_IDX') };
  },
  judge(_, { stores, callbacks, eventIdx }) {
    if (stores.length === 0) return [{ expected: 'used entries', actual: 'none', blocked: true }];
    if (callbacks.length === 0) return [{ expected: 'a used buffer notification', actual: 'none' }];
    const problems: Problem[] = [];
    if (callbacks[0] < stores[0])
      problems.push({
        expected: 'used entries in memory before the callback',
        actual: 'the callback came first',
      });
    if (!eventIdx && callbacks.at(-1)! < stores.at(-1)!)
      problems.push({
        expected: 'a callback after the last used entry',
        actual: 'the last callback came before it',
      });
    return problems;
  },
});
