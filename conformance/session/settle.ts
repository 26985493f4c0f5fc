import type { Session } from './session.ts';

/** Milliseconds of one wait, and how many in vain make a device idle that has nothing to do. */
const SHORT = { ms: 1, times: 3 };
/** The same for a device that holds buffers which it should use, or owes a notification. */
const PATIENT = { ms: 50, times: 20 };
/** Signs of a device that never comes to rest. */
const MOST_SIGNS = 20_000;

/** Queues on which buffers wait for something from outside: a device may hold them for ever. */
function waitsForOutside(session: Session, idx: number): boolean {
  const last = Math.max(...session.queues.all.map((queue) => queue.idx));
  switch (session.deviceType) {
    case 'net':
      return idx % 2 === 0 && !(idx === last && session.has('VIRTIO_NET_F_CTRL_VQ'));
    case 'blk':
    case 'entropy':
    case 'crypto':
      return false;
    default:
      return true;
  }
}

/** Whether a right device is going to do something more, as far as the driver can tell. */
function expects(session: Session): boolean {
  const { comparison } = session;
  if (comparison === null || !session.runs()) return false;
  return session.queues.all.some((queue) => {
    const { buffers, notification } = comparison.awaits(queue.idx);
    return notification || (buffers && queue.announced && !waitsForOutside(session, queue.idx));
  });
}

/**
 * Wait until a device with time of its own comes to rest: it has given no sign for a while, a long one when
 * there is something that it should still do. Every wait in vain is one in which the device was let run, so a
 * slow machine makes it longer. Returns the number of signs, and whether it came to rest.
 */
export function settle(session: Session, patient = true): { signs: number; idle: boolean } {
  let signs = 0;
  let vain = 0;
  while (signs < MOST_SIGNS) {
    const { ms, times } = patient && expects(session) ? PATIENT : SHORT;
    if (vain >= times) return { signs, idle: true };
    const sign = session.guarded('wait', () => session.instance.wait!(ms));
    const stores = session.comparison?.sync() ?? 0;
    if (sign || stores > 0) {
      signs += Math.max(1, stores);
      vain = 0;
    } else vain++;
  }
  return { signs, idle: false };
}
