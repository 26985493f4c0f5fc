import type { Session } from '../session/session.ts';
import { blkKit } from './blk.ts';
import type { DeviceKit } from './kit.ts';
import { netKit } from './net.ts';

/** The kit of the session's device type. */
export function kitOf(session: Session): DeviceKit {
  return session.deviceType === 'net' ? netKit : blkKit;
}
