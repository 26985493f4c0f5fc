import type { HistoryEvent } from '../history/events.ts';
import type { History } from '../history/history.ts';
import { guestTarget } from './devices.ts';
import { runJob } from './job.ts';
import { LabError } from './lab-error.ts';
import type { MachineOptions } from './machine.ts';

/**
 * Boot a guest, run the steps of `history` against its device, and return what happened. A kernel that dies
 * or hangs shows as the exception of an op that is called `kernel`.
 */
export async function replayInGuest(history: History, options: MachineOptions): Promise<HistoryEvent[]> {
  const { messages, death } = await runJob({ target: guestTarget(options.device), history }, options);
  for (const message of messages) if (message.kind === 'replayed') return message.events;
  if (death === null) throw new LabError('the guest told nothing of the replay', 'try again');
  return [{ k: 'throw', op: 'kernel', error: death }];
}
