import { STATUS, statusNames } from '../virtio-1.1/status.ts';
import type { Breach } from './violation.ts';

/** Device status as a driver may know it (section 2.1). */
export interface StatusState {
  /** Bits that the driver has written since the reset. */
  readonly written: number;
  /** What the device answered last; null when it has not been asked since the last write. */
  readonly answered: number | null;
  /** A reset was asked for and the status has not read 0 since; then the old status may still show. */
  readonly resetting: number | null;
  /** FEATURES_OK as the device decided it: null before it was written or looked at. */
  readonly featuresOk: boolean | null;
  /** The driver did something to the status that section 2.1.1 forbids; anything may be read until a reset. */
  readonly free: boolean;
}

export const initialStatus: StatusState = {
  written: 0,
  answered: null,
  resetting: null,
  featuresOk: null,
  free: false,
};

/** The driver writes the status. Clearing bits, or writing 64, is the driver's breach. */
export function writeStatus(state: StatusState, value: number): StatusState {
  const cleared = state.written & ~value;
  const free =
    state.free || cleared !== 0 || (value & STATUS.DEVICE_NEEDS_RESET) !== 0 || state.resetting !== null;
  const featuresOk = (value & ~state.written & STATUS.FEATURES_OK) !== 0 ? null : state.featuresOk;
  return { written: value, answered: null, resetting: state.resetting, featuresOk, free };
}

/** The driver asks for a reset. */
export function askReset(state: StatusState): StatusState {
  const resetting = state.resetting ?? state.answered ?? state.written;
  return { written: 0, answered: null, resetting, featuresOk: null, free: false };
}

/** The status is read: the new state, and what is wrong with the answer. */
export function readStatus(state: StatusState, answer: number): [StatusState, Breach | null] {
  if (state.resetting !== null) {
    if (answer === 0) return [initialStatus, null];
    return [state, null];
  }
  const featuresOk = (state.written & STATUS.FEATURES_OK) === 0 ? null : (answer & STATUS.FEATURES_OK) !== 0;
  const news = answer !== state.answered || featuresOk !== state.featuresOk;
  const { written, free } = state;
  const next = news ? { written, answered: answer, resetting: null, featuresOk, free } : state;
  if (state.free) return [next, null];
  const own = answer & ~STATUS.DEVICE_NEEDS_RESET;
  // FEATURES_OK may be refused; DRIVER_OK may stay clear when the device cannot start (VDPA-017).
  const firm = state.written & ~(STATUS.FEATURES_OK | STATUS.DRIVER_OK);
  const extra = own & ~state.written & ~(state.written & STATUS.DRIVER_OK ? STATUS.FAILED : 0);
  const breach = (requirement: string, expected: string): Breach => ({
    requirement,
    expected,
    actual: `status ${statusNames(answer)}`,
  });
  if (extra !== 0) {
    const rule = state.written === 0 ? 'V1.1-2.1.2-D1' : 'P1.1-019b';
    return [
      next,
      breach(rule, `only bits that the driver set (${statusNames(state.written)}), and DEVICE_NEEDS_RESET`),
    ];
  }
  if ((own & firm) !== firm)
    return [next, breach('P1.1-019b', `the bits that the driver set, ${statusNames(firm)}`)];
  if (state.featuresOk === true && (answer & STATUS.FEATURES_OK) === 0)
    return [next, breach('P1.1-019b', 'FEATURES_OK stays set once it was read back')];
  const wasUp = state.answered !== null && (state.answered & STATUS.DRIVER_OK) !== 0;
  if (wasUp && (answer & STATUS.DRIVER_OK) === 0)
    return [next, breach('P1.1-019b', 'DRIVER_OK stays set once it was read back')];
  return [next, null];
}
