import type { Session } from '../../session/session.ts';

/** The device gave up until the next reset, which it may after a breach. */
export const needsReset = (session: Session): boolean => (session.ops.getStatus() & 0x40) !== 0;
