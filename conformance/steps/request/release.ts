import { publish } from '../../session/requests.ts';
import type { Session } from '../../session/session.ts';
import { oneOf } from '../step.ts';

export type KickMode = 'yes' | 'no' | 'obey';

export const KICK = {
  ...oneOf('yes', 'no', 'obey'),
  description: 'obey (default): kick when the device asks for it.',
};

/** Publish what is pending on a queue and kick as asked. */
export function release(session: Session, idx: number, args: { publish?: boolean; kick?: KickMode }): void {
  if (args.publish === false) return;
  publish(session, idx);
  if (args.kick === 'yes') session.queues.kick(idx);
  else if (args.kick !== 'no') session.queues.kickIfNeeded(idx);
}
