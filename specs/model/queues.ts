import type { Breach } from './violation.ts';

/** A queue's configuration as a driver may know it (section 4.1.4.3.1 by analogy, vDPA contract). */
export interface QueueState {
  /** What the driver asked for last; false after a reset. */
  readonly ready: boolean;
  /** Position that was set, as JSON text, while it has not run since. */
  readonly position: string | null;
}

export const initialQueue: QueueState = { ready: false, position: null };

/** `getVqReady` answers. `afterReset`: nothing has been enabled since the last reset. */
export function readReady(queue: QueueState, idx: number, answer: boolean, started: boolean): Breach | null {
  if (answer === queue.ready) return null;
  // Enabling may fail; then the queue reads as not ready (VDPA-024).
  if (queue.ready && !answer) return null;
  const requirement = started ? 'VDPA-024' : 'V1.1-4.1.4.3.1-D8';
  return { requirement, expected: `queue ${idx} ready: ${queue.ready}`, actual: `${answer}` };
}

/** The position of a queue is read while the device is suspended: it cannot move (VDPA-033). */
export function readPosition(queue: QueueState, idx: number, answer: string): Breach | null {
  if (queue.position === null || queue.position === answer) return null;
  return {
    requirement: 'VDPA-033',
    expected: `queue ${idx} stands still while suspended: ${queue.position}`,
    actual: answer,
  };
}
