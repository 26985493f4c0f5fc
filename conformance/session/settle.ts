import type { Session } from './session.ts';

/** Milliseconds of one wait, and how many in vain make a device idle that has nothing to do. */
const SHORT = { ms: 1, times: 3 };
/** The same for a device that holds buffers, and nobody can tell whether it should use them. */
const MIDDLE = { ms: 5, times: 8 };
/** The same for a device that holds buffers which it should use, or owes a notification. */
const PATIENT = { ms: 50, times: 20 };
/** Waits in vain that do not count because the device was at work. */
const MOST_BUSY = 80;
/** Signs of a device that never comes to rest. */
const MOST_SIGNS = 20_000;
/** The same where an index may have jumped: 65,535 stale entries, with a few signs each, come to an end as well. */
const MOST_SIGNS_AFTER_BREACH = 300_000;

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

/** How long to wait, by what the device has to do as far as the driver can tell. */
function patience(session: Session): typeof SHORT {
  const { comparison } = session;
  if (comparison === null) return SHORT;
  const runs = session.runs();
  let most = SHORT;
  for (const queue of session.queues.all) {
    const { buffers, notification } = comparison.awaits(queue.idx);
    if (!buffers && !notification) continue;
    if (!notification && waitsForOutside(session, queue.idx)) continue;
    if (runs && (notification || queue.announced)) return PATIENT;
    most = MIDDLE;
  }
  return most;
}

/**
 * Wait until a device with time of its own comes to rest: it has given no sign for a while, a long one when
 * there is something that it should still do. Every wait in vain is one in which the device was let run, so a
 * slow machine makes it longer. Returns the number of signs, and whether it came to rest.
 */
export function settle(session: Session, patient = true): { signs: number; idle: boolean } {
  const { instance } = session;
  let signs = 0;
  let vain = 0;
  let busy = 0;
  while (signs < (session.breached ? MOST_SIGNS_AFTER_BREACH : MOST_SIGNS)) {
    const expected = patience(session);
    const { ms, times } = patient ? expected : SHORT;
    if (vain >= times) return { signs, idle: true };
    const calm = expected === SHORT && !session.breached;
    const sign = session.guarded('wait', () => instance.wait!(ms, calm));
    const stores = session.comparison?.sync() ?? 0;
    if (sign || stores > 0) {
      signs += Math.max(1, stores);
      vain = 0;
    } else if (patient && busy < MOST_BUSY && session.guarded('busy', () => instance.busy?.() ?? false))
      busy++;
    else vain++;
  }
  return { signs, idle: false };
}
