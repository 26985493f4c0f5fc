import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second in /proc are fixed on Linux (USER_HZ): milliseconds of one. */
const TICK_MS = 10;

/** Processor time that process `pid` has used so far, in milliseconds; 0 when it cannot be seen. */
export function processorMs(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return 0;
  }
}

/**
 * Counts what process `pid` has done so far that the kernel saw without being asked for time: pages touched for the
 * first time, and calls that read or write (proc(5): minflt and majflt of stat, syscr and syscw of io). A process
 * whose count stands still while it uses the processor computes without any effect outside. 0 when it cannot be seen.
 */
export function traces(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const calls = [...readFileSync(`/proc/${pid}/io`, 'latin1').matchAll(/^sysc[rw]: (\d+)$/gm)];
    return calls.reduce((sum, [, count]) => sum + Number(count), Number(fields[7]) + Number(fields[9]));
  } catch {
    return 0;
  }
}

/** Whether a thread of process `pid` runs, wants to, or waits for a disk. False when it cannot be seen. */
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
