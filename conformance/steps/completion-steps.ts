import { SPLIT_USED } from '../../specs/virtio-1.1/ring-layout.ts';
import type { SessionQueue } from '../session/queues.ts';
import type { Session } from '../session/session.ts';
import { DATA_QUEUE_ARG, queueIndex } from './request/queue-arg.ts';
import { defineStep, obj, TEXT } from './step.ts';

interface Notified {
  /** Places in the history of the last store that hands a buffer over, and of the last notification; -1: none. */
  store: number;
  irq: number;
}

/** Where the device's last publication and the last notification of `queue` are in the history. */
function lastOf(session: Session, queue: SessionQueue): Notified {
  const { events } = session.recorder;
  const { desc, device } = queue.areas;
  const start = queue.packed ? desc.pa : device.pa + SPLIT_USED.idx;
  const end = queue.packed ? desc.pa + desc.size : start + 2;
  const seen: Notified = { store: -1, irq: -1 };
  for (let at = events.length - 1; at >= 0 && (seen.store < 0 || seen.irq < 0); at--) {
    const event = events[at];
    if (event.k === 'reset-done') break;
    if (event.k === 'store' && seen.store < 0 && event.pa < end && event.pa + event.n > start)
      seen.store = at;
    if (event.k === 'irq' && seen.irq < 0 && event.q === queue.idx && !event.old) seen.irq = at;
  }
  return seen;
}

/** `notified`: no used buffer lies about unannounced. */
export const notifiedStep = defineStep<{ queue?: number | string }, Notified>({
  name: 'notified',
  summary:
    'A used buffer notification came after the last store that handed a buffer over (used index, or a used descriptor). ' +
    'One notification may stand for several buffers. Passes where no store was seen.',
  example: '{notified: {}}',
  schema: obj({ queue: DATA_QUEUE_ARG }),
  run: (session, args) => lastOf(session, session.queues.must(queueIndex(session, args.queue))),
  judge: (_, { store, irq }) =>
    store < 0 || irq > store
      ? []
      : [
          {
            expected: 'a used buffer notification after the last used buffer was published',
            actual: irq < 0 ? 'no notification at all' : 'the last notification came before it',
          },
        ],
});

/** `refill`: the driver's own use of a buffer it got back. */
export const refillStep = defineStep<{ as: string }, never>({
  name: 'refill',
  summary:
    'Fill the writable parts of a buffer that came back with poison again, as a driver that uses its memory anew. ' +
    'Stops the case while the device holds the buffer.',
  example: '{refill: {as: a}}',
  schema: obj({ as: TEXT }, ['as']),
  run(session, args) {
    const buffer = session.buffers.named(args.as) ?? session.stop(`no buffer is called ${args.as}`);
    if (buffer.used === undefined) session.stop(`${args.as} is still with the device`);
    for (const [, pa, size] of buffer.writable) session.memory.bytes({ pa, size }).fill(session.poison);
  },
});

/** Bytes by which the device asks for kicks: [place, size, whether the value asks for them]. */
function eventField(
  session: Session,
  queue: SessionQueue,
): { pa: number; size: number; asks: () => boolean } {
  const { view } = session.memory.host;
  const { pa } = queue.areas.device;
  if (queue.packed) return { pa, size: 4, asks: () => (view.getUint16(pa + 2, true) & 3) !== 1 };
  if (!session.has('VIRTIO_F_EVENT_IDX'))
    return { pa, size: 2, asks: () => (view.getUint16(pa, true) & 1) === 0 };
  return { pa: pa + SPLIT_USED.ring + SPLIT_USED.entrySize * queue.num, size: 2, asks: () => true };
}

/** `race`: buffers that come in just before the device asks for kicks again. */
export const raceStep = defineStep<{ queue?: number | string }, never>({
  name: 'race',
  summary:
    'Let the device work until it is idle, and publish what was submitted with `publish: false` right before it asks ' +
    'for kicks again: the driver decides about the kick by what stood there until then. A device that never asks gets ' +
    'the buffers afterwards.',
  example: '{race: {}}',
  schema: obj({ queue: DATA_QUEUE_ARG }),
  run(session, args) {
    const queue = session.queues.must(queueIndex(session, args.queue));
    const { recorder, memory } = session;
    const field = eventField(session, queue);
    const bytes = memory.bytes(field);
    let before = bytes.slice();
    let kick = false;
    let done = false;
    const publish = () => {
      done = true;
      session.queues.publish(queue.idx);
      kick = queue.ring.kickNeeded();
    };
    const { wrote } = recorder;
    recorder.wrote = (pa, n) => {
      wrote.call(recorder, pa, n);
      if (pa >= field.pa + field.size || pa + n <= field.pa) return;
      const now = bytes.slice();
      if (!done && field.asks()) {
        bytes.set(before);
        publish();
        bytes.set(now);
      }
      before = now;
    };
    try {
      session.quiet();
    } finally {
      recorder.wrote = wrote;
    }
    if (!done) publish();
    if (kick) session.queues.kick(queue.idx);
    session.quiet();
  },
});
