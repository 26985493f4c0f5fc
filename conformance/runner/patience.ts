import { availableParallelism, loadavg } from 'node:os';

/**
 * How long to wait, in milliseconds, for what may take `limit` on a machine that has nothing else to do: where
 * more threads want to run than there are processors, a slow one is not yet a hung one.
 */
export const patience = (limit: number): number => limit * Math.max(1, loadavg()[0] / availableParallelism());
