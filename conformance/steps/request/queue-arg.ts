import { kitOf } from '../../kits/index.ts';
import { controlQueue } from '../../session/bring-up.ts';
import type { Session } from '../../session/session.ts';
import { INT, oneOf, QUEUE } from '../step.ts';

/** Queue index from `rx`, `tx`, `control` or a number; default: queue of outgoing data. */
export function queueIndex(session: Session, queue: number | string | undefined): number {
  if (typeof queue === 'number') return queue;
  if (queue === 'rx') return kitOf(session).queue(session, 'in');
  if (queue === 'control') return controlQueue(session);
  return kitOf(session).queue(session, 'out');
}

/** A queue by index or by what it is for. */
export const QUEUE_ARG = { anyOf: [INT, oneOf('rx', 'tx', 'control')], description: QUEUE.description };

/** A queue of data by index or by what it is for. */
export const DATA_QUEUE_ARG = { anyOf: [INT, oneOf('rx', 'tx')], description: QUEUE.description };
