import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { Finding, Oracle } from './finding.ts';

/**
 * A device that sets DEVICE_NEEDS_RESET while DRIVER_OK is set sends a configuration change notification, and
 * the bit is readable when it comes (2.1.2). Judged at the end of the session or history, only while a configuration
 * callback is registered, and only where the device was let run until it was idle: an interrupt may take its time.
 */
export const needsReset: Oracle = (history) => {
  const findings: Finding[] = [];
  let listening = false;
  let seenAt = -1;
  let told = false;
  let rested = false;
  let early = false;
  let step = 0;
  const close = () => {
    if (seenAt >= 0 && !told && rested) {
      findings.push({
        oracle: 'invariant',
        requirement: 'V1.1-2.1.2-D4',
        step,
        expected: 'a configuration change notification during which the status shows DEVICE_NEEDS_RESET',
        actual: 'DEVICE_NEEDS_RESET was set without one',
        kind: 'broken',
        event: seenAt,
      });
    }
    seenAt = -1;
    told = false;
    rested = false;
    early = false;
  };
  history.events.forEach((event, at) => {
    if (event.k === 'step') step = event.i;
    else if (event.k === 'pump' && event.idle) rested ||= seenAt >= 0;
    else if (event.k === 'config-irq') told ||= (event.status & STATUS.DEVICE_NEEDS_RESET) !== 0;
    else if (event.k === 'reset-done') close();
    else if (event.k === 'op') {
      if (event.op === 'reset') {
        close();
        listening = false;
      } else if (event.op === 'setStatus') {
        // A driver that writes the bit itself breaks 2.1.1, and may read it back.
        if ((Number(event.a[0]) & STATUS.DEVICE_NEEDS_RESET) !== 0) early = true;
      } else if (event.op === 'setConfigCb') listening = event.a[0] === true;
      else if (event.op === 'getStatus' && seenAt < 0) {
        const status = Number(event.r ?? 0);
        if ((status & STATUS.DEVICE_NEEDS_RESET) === 0) return;

        // Set before DRIVER_OK: whether a notification is owed later can be read both ways.
        if ((status & STATUS.DRIVER_OK) === 0) early = true;
        else if (!early && listening) seenAt = at;
      }
    }
  });
  close();
  return findings;
};
