import type { HistoryEvent } from '../history/events.ts';
import type { Session } from '../session/session.ts';
import { queueIndex } from './request/queue-arg.ts';
import { BOOL, COUNT, type Count, defineStep, INT, judgeCount, obj, oneOf, type Problem } from './step.ts';

interface ActivityArgs {
  begin?: boolean;
  queue?: number | string;
  stores?: Count;
  loads?: Count;
  callbacks?: Count;
  'late-callbacks'?: Count;
  'config-callbacks'?: Count;
}

interface ActivitySeen {
  stores: number;
  loads: number;
  callbacks: number;
  late: number;
  config: number;
}

const MARK = 'activity-mark';

/** Whether the access lies in a ring area of queue `idx`. */
function inAreas(session: Session, idx: number, { pa, n }: { pa: number; n: number }): boolean {
  const areas = session.queues.get(idx)?.areas;
  if (areas === undefined) return false;
  return [areas.desc, areas.driver, areas.device].some(
    (area) => pa < area.pa + area.size && pa + n > area.pa,
  );
}

/** `activity`: what the device did of itself since a mark. */
export const activityStep = defineStep<ActivityArgs, ActivitySeen>({
  name: 'activity',
  summary:
    'Count what the device has done since the last `activity: {begin: true}` (or the start): stores into and loads from ' +
    'guest memory (with `queue`: only in the ring areas of that queue), queue callbacks, callbacks that had been ' +
    'replaced or cleared (`late-callbacks`), configuration callbacks. Loads need `trace: reads`.',
  example: '{activity: {stores: 0, callbacks: 0}}',
  schema: obj({
    begin: { ...BOOL, description: 'Start counting here.' },
    queue: { anyOf: [INT, oneOf('rx', 'tx')] },
    stores: COUNT,
    loads: COUNT,
    callbacks: COUNT,
    'late-callbacks': COUNT,
    'config-callbacks': COUNT,
  }),
  run(session, args) {
    const { events } = session.recorder;
    if (args.begin) {
      session.saved.set(MARK, events.length);
      return undefined;
    }
    const idx = args.queue === undefined ? undefined : queueIndex(session, args.queue);
    const seen: ActivitySeen = { stores: 0, loads: 0, callbacks: 0, late: 0, config: 0 };
    const counts = (event: { pa: number; n: number }) => idx === undefined || inAreas(session, idx, event);
    const since = (session.saved.get(MARK) as number | undefined) ?? 0;
    for (const event of events.slice(since) as HistoryEvent[]) {
      if (event.k === 'store' && counts(event)) seen.stores++;
      else if (event.k === 'load' && counts(event)) seen.loads++;
      else if (event.k === 'config-irq') seen.config++;
      else if (event.k === 'irq' && event.old) seen.late++;
      else if (event.k === 'irq' && (idx === undefined || event.q === idx)) seen.callbacks++;
    }
    return seen;
  },
  judge(args, seen): Problem[] {
    return [
      ...judgeCount('stores of the device', args.stores, seen.stores),
      ...judgeCount('loads of the device', args.loads, seen.loads),
      ...judgeCount('used buffer notifications', args.callbacks, seen.callbacks),
      ...judgeCount(
        'calls of callbacks that were replaced, cleared or reset',
        args['late-callbacks'],
        seen.late,
      ),
      ...judgeCount('configuration change notifications', args['config-callbacks'], seen.config),
    ];
  },
});
