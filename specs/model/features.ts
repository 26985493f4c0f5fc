import {
  type DeviceScope,
  F_ACCESS_PLATFORM,
  F_ORDER_PLATFORM,
  F_RING_PACKED,
  F_VERSION_1,
  namesOf,
  unmetDependencies,
} from '../virtio-1.1/features.ts';
import type { Breach } from './violation.ts';

/** Feature negotiation as a driver may know it (section 2.2). */
export interface FeatureState {
  /** The offer, once it was read. */
  readonly offered: bigint | null;
  /** What the driver wrote and the device did not refuse; null before. */
  readonly written: bigint | null;
  /** FEATURES_OK was written: the set may not change any more. */
  readonly fixed: boolean;
  /** What the driver wrote all the same after that, breaking 3.1.1; a device may show this or what was fixed. */
  readonly late: bigint | null;
}

export const initialFeatures: FeatureState = { offered: null, written: null, fixed: false, late: null };

/** After a reset the offer is still the same; what the driver wrote is gone. */
export const resetFeatures = (state: FeatureState): FeatureState => ({
  ...initialFeatures,
  offered: state.offered,
});

/** Bits that a device may insist on (section 6.2), and the ring format where it knows only one (section 2.5). */
const INSISTED = F_VERSION_1 | F_ACCESS_PLATFORM | F_ORDER_PLATFORM | F_RING_PACKED;

const show = (mask: bigint, scope: DeviceScope) => namesOf(mask, scope).join(', ') || 'nothing';

/** The offer is read. */
export function readOffer(
  state: FeatureState,
  offered: bigint,
  scope: DeviceScope,
): [FeatureState, Breach | null] {
  if (state.offered === offered) return [state, null];
  const next = { ...state, offered };
  if (state.offered !== null && state.offered !== offered) {
    const actual = `${show(offered, scope)}; before: ${show(state.offered, scope)}`;
    return [next, { requirement: 'V1.1-4.1.4.3.1-D3', expected: 'the same offer on every read', actual }];
  }
  const [unmet] = unmetDependencies(offered, scope);
  if (unmet === undefined) return [next, null];
  const expected = `with ${unmet.feature} also ${unmet.needs.join(' or ')} offered`;
  return [next, { requirement: 'V1.1-2.2.2-D1', expected, actual: `offered: ${show(offered, scope)}` }];
}

/** What a device may do with a set that the driver writes. */
export type SetAnswer = 'must-refuse' | 'should-accept' | 'may-do-either';

/** How section 2.2.2 sees a set of driver features. */
export function classify(offered: bigint, set: bigint, scope: DeviceScope): SetAnswer {
  if ((set & ~offered) !== 0n || unmetDependencies(set, scope).length > 0) return 'must-refuse';
  return (set & INSISTED & offered) === (INSISTED & offered & ~F_RING_PACKED) ||
    (set & INSISTED & offered) === (INSISTED & offered)
    ? 'should-accept'
    : 'may-do-either';
}

/** The driver writes its set; `error` is what the op returned. */
export function writeFeatures(state: FeatureState, set: bigint, error: number): FeatureState {
  if (error < 0) return state;
  const { offered, written, fixed, late } = state;
  return fixed ? { offered, written, fixed, late: set } : { offered, written: set, fixed, late };
}

/** FEATURES_OK was written and the status read back. */
export function judgeFeaturesOk(state: FeatureState, ok: boolean, scope: DeviceScope): Breach | null {
  if (state.offered === null || state.written === null) return null;
  const [unmet] = unmetDependencies(state.written, scope);
  if (unmet !== undefined && ok) {
    const expected = `FEATURES_OK stays clear: ${unmet.feature} needs ${unmet.needs.join(' or ')}`;
    return { requirement: 'V1.1-2.2.2-D2b', expected, actual: 'FEATURES_OK is set' };
  }
  const answer = classify(state.offered, state.written, scope);
  if (answer === 'should-accept' && !ok) {
    const expected = `FEATURES_OK for a valid set: ${show(state.written, scope)}`;
    return { requirement: 'V1.1-2.2.2-D2a', expected, actual: 'FEATURES_OK stays clear' };
  }
  return null;
}

/** Whether `answer` has the valid ones among the bits that were written. */
const shows = (answer: bigint, written: bigint, offered: bigint) =>
  (answer & written & offered) === (written & offered);

/** The features in force are read. `ok`: FEATURES_OK was read back as set. */
export function readDriverFeatures(
  state: FeatureState,
  answer: bigint,
  ok: boolean,
  scope: DeviceScope,
): Breach | null {
  if (state.written === null || state.offered === null) return null;
  if (state.late !== null && shows(answer, state.late, state.offered)) return null;
  const wanted = state.written & state.offered;
  if (!shows(answer, state.written, state.offered)) {
    const expected = `at least what the driver wrote: ${show(wanted, scope)}`;
    return { requirement: 'V1.1-4.1.4.3.1-D4', expected, actual: show(answer, scope) };
  }
  const foreign = answer & ~state.offered;
  if (foreign !== 0n && ok) {
    const expected = 'FEATURES_OK only without bits that were not offered';
    return { requirement: 'V1.1-2.2.2-D2b', expected, actual: `in force: ${show(answer, scope)}` };
  }
  return null;
}
