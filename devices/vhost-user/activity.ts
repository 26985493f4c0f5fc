import { waitReadable } from '../../framework/native/fd.ts';
import { isWorking } from '../../framework/native/process-state.ts';

/** Looks at a new process, and the milliseconds between them, that tell a busy poller. */
const LOOKS = { count: 5, ms: 2 };

const pollers = new Map<number, boolean>();

/** Whether process `pid` runs all the time, as a busy poller does: then its running means nothing. */
export function isPoller(pid: number): boolean {
  let polls = pollers.get(pid);
  if (polls === undefined) {
    polls = true;
    for (let i = 0; i < LOOKS.count && polls; i++) {
      polls = isWorking(pid);
      waitReadable(-1, LOOKS.ms);
    }
    pollers.set(pid, polls);
  }
  return polls;
}
