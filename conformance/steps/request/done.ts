import { outcomeOf, type RequestOutcome } from '../../session/requests.ts';
import type { Session } from '../../session/session.ts';
import { BOOL, COUNT, type Count, defineStep, judgeCount, list, obj, oneOf, TEXT } from '../step.ts';
import { judgeOutcome } from './judge-outcome.ts';
import { QUEUE_ARG, queueIndex } from './queue-arg.ts';

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
