import type { Iova } from '../device.ts';

/** A queue of a posted session: its size and its areas in IOVA (descriptors, driver, device). */
export interface PostedQueue {
  readonly index: number;
  readonly num: number;
  readonly areas: readonly [Iova, Iova, Iova];
}

/** A whole session of a driver, from reset to the kicks, in which nothing waits for an answer (section 3.1.1). */
export interface PostedSession {
  /** What the driver accepts; a subset of what the device offers. */
  readonly features: bigint;
  readonly queues: readonly PostedQueue[];
  /** Queues to kick once after DRIVER_OK. */
  readonly kicks: readonly number[];
}

/** What the device answered, once it was waited for; -1 until then. */
export interface PostedAnswers {
  /** Status behind the reset: 0. */
  reset: number;
  /** Status behind FEATURES_OK. */
  accepted: number;
}

/**
 * A driver that sends sessions ahead, one behind the other, and looks at the answers afterwards: for devices to
 * which each trip costs more than what it asks for. Memory has to be ready before a session is posted, and must be
 * left alone until it was waited for. A session ends with the reset of the next one, the last one when all are sent.
 */
export interface PostedDriver {
  post(session: PostedSession): PostedAnswers;
  /** Reset the device and send what was posted. The function returned waits until it was carried out. @throws DeviceFailure */
  dispatch(): () => void;
}
