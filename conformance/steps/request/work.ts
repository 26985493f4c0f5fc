import { BOOL, defineStep, INT, obj } from '../step.ts';
import { QUEUE_ARG, queueIndex } from './queue-arg.ts';
import { KICK, type KickMode, release } from './release.ts';

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
