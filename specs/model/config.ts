import type { Breach } from './violation.ts';

/** Configuration changes as a driver may know them (sections 2.4 and 3.2.1). */
export interface ConfigState {
  /** Generation as it was read last; null when it was not, or a change since is not certain. */
  readonly generation: number | null;
  /** The device changed its configuration since then. */
  readonly changed: boolean;
  /** A configuration callback is registered. */
  readonly listening: boolean;
  /** A change of the device has not been told. */
  readonly owed: boolean;
}

export const initialConfig: ConfigState = { generation: null, changed: false, listening: false, owed: false };

/** A reset drops the callback; the generation may have moved or not. */
export const resetConfig = (state: ConfigState): ConfigState => ({
  ...initialConfig,
  changed: state.changed,
});

export const listen = (state: ConfigState, listening: boolean): ConfigState =>
  listening === state.listening && !state.owed ? state : { ...state, listening, owed: false };

/** Something happened behind the device. */
export const backendActed = (state: ConfigState, what: string): ConfigState =>
  what === 'change-config' ? { ...state, changed: true, owed: state.listening } : state;

/** A configuration change notification came. */
export const notified = (state: ConfigState): ConfigState => (state.owed ? { ...state, owed: false } : state);

/** The device is idle in a running session. */
export const owedChange = (state: ConfigState): Breach | null =>
  state.owed
    ? {
        requirement: 'P1.1-019c',
        expected: 'a configuration change notification after the change',
        actual: 'none came',
      }
    : null;

/** The generation is read. */
export function readGeneration(state: ConfigState, answer: number): [ConfigState, Breach | null] {
  if (!state.changed && state.generation === answer) return [state, null];
  const same = state.changed && state.generation === answer;
  const next = { ...state, generation: answer, changed: false };
  if (!same) return [next, null];
  return [
    next,
    {
      requirement: 'V1.1-4.1.4.3.1-D6',
      expected: 'another generation after the change',
      actual: `still ${answer}`,
    },
  ];
}
