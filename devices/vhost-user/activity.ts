import { readdirSync, readFileSync } from 'node:fs';
import { waitReadable } from '../../framework/native/fd.ts';

/** Looks at a new process, and the milliseconds between them, that tell a busy poller. */
const LOOKS = { count: 5, ms: 2 };

/** Whether a thread of process `pid` runs or waits for a disk. False when it cannot be seen. */
export function isWorking(pid: number): boolean {
  try {
    const tasks = `/proc/${pid}/task`;
    return readdirSync(tasks).some((task) => {
      const stat = readFileSync(`${tasks}/${task}/stat`, 'latin1');
      return /^[RD]/.test(stat.slice(stat.lastIndexOf(')') + 2));
    });
  } catch {
    return false;
  }
}

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
