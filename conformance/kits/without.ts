import type { Session } from '../session/session.ts';
import type { DeviceKit } from './kit.ts';

const lack = (session: Session): string =>
  `the suite knows no request of ${session.deviceType === 'other' ? 'this type of device' : `${session.deviceType} devices`}`;

/** For device types without a request of their own here: only what needs no request runs. */
export const kitWithout: DeviceKit = {
  deviceType: 'other',
  sizes: { min: 1, typical: 64 },
  queue: () => 0,
  lacks: lack,
  plan: (session) => session.lacks(lack(session)),
};
