import type { DeviceType } from '../../specs/virtio-1.1/device-ids.ts';
import type { Session } from '../session/session.ts';
import { blkKit } from './blk.ts';
import { entropyKit } from './entropy.ts';
import type { DeviceKit } from './kit.ts';
import { netKit } from './net.ts';
import { kitWithout } from './without.ts';

/** Kits by device type. */
const KITS: ReadonlyMap<DeviceType, DeviceKit> = new Map(
  [netKit, blkKit, entropyKit].map((kit) => [kit.deviceType, kit]),
);

/** The kit of the session's device type. */
export function kitOf(session: Session): DeviceKit {
  return KITS.get(session.deviceType) ?? kitWithout;
}
