import { remembering } from '../remember.ts';
import type { DeviceType } from '../virtio-1.1/device-ids.ts';
import { STATUS } from '../virtio-1.1/status.ts';
import {
  backendActed,
  type ConfigState,
  initialConfig,
  listen,
  notified,
  owedChange,
  readGeneration,
  resetConfig,
} from './config.ts';
import type { HistoryEvent, OpEvent } from './events.ts';
import {
  type FeatureState,
  initialFeatures,
  judgeFeaturesOk,
  readDriverFeatures,
  readOffer,
  resetFeatures,
  writeFeatures,
} from './features.ts';
import { initialQueue, type QueueState, readPosition, readReady } from './queues.ts';
import { askReset, initialStatus, readStatus, type StatusState, writeStatus } from './status.ts';
import type { Breach, Violation } from './violation.ts';

/** Everything the model knows about a device outside its rings. Plain data; a new one for each change. */
export interface DeviceState {
  readonly type: DeviceType;
  readonly status: StatusState;
  readonly features: FeatureState;
  /** By index; those of which nothing was asked since the reset are not in it. */
  readonly queues: ReadonlyMap<number, QueueState>;
  readonly suspended: boolean;
  readonly config: ConfigState;
}

const NO_QUEUES: DeviceState['queues'] = new Map();

export const initialDevice = (type: DeviceType): DeviceState => ({
  type,
  status: initialStatus,
  features: initialFeatures,
  queues: NO_QUEUES,
  suspended: false,
  config: initialConfig,
});

/** State and what is wrong with the event: the reducer of the model. */
export type Step = readonly [DeviceState, readonly Breach[]];

/** A device has fewer virtqueues than this (section 4.1.4.3: queue_select has 16 bits). */
const MOST_QUEUES = 0x10000;

const NOTHING: readonly Breach[] = [];
const fine = (state: DeviceState): Step => [state, NOTHING];
const maybe = (state: DeviceState, breach: Breach | null): Step => [
  state,
  breach === null ? NOTHING : [breach],
];

/** Features as they stand in a history; the same few texts come again and again. */
const parsed = remembering<string, bigint>(10_001);
const bits = (text: unknown): bigint => parsed(text as string, BigInt);

const unknownStatus = (state: DeviceState): DeviceState =>
  state.status.free ? state : withStatus(state, { ...state.status, free: true });

/** One event of a history: the state after it, and every rule it breaks. Pure. */
export function reduce(state: DeviceState, event: HistoryEvent): Step {
  switch (event.k) {
    case 'op':
      return reduceOp(state, event);
    case 'breach':
      return fine(unknownStatus(state));
    case 'by-hand':
      return fine(event.q === undefined ? unknownStatus(state) : state);
    case 'backend':
      // What loses power forgets its status as a reset does.
      if (event.what === 'power-cut') return fine(withStatus(state, askReset(state.status)));
      // A suspended device puts changes of its own off.
      return fine(state.suspended ? state : withConfig(state, backendActed(state.config, event.what)));
    case 'config-irq':
      return fine(withConfig(state, notified(state.config)));
    case 'pump':
      return event.idle ? idle(state) : fine(state);
    case 'migrate':
      return fine(event.phase === 'starting' ? inOtherPlace(state) : state);
    case 'reset-done':
      return fine({
        ...initialDevice(state.type),
        features: resetFeatures(state.features),
        config: resetConfig(state.config),
      });
    default:
      return fine(state);
  }
}

/** Another device goes on: what is in force stays, its offer and its count of changes are its own. */
const inOtherPlace = (state: DeviceState): DeviceState => ({
  ...state,
  features: { ...state.features, offered: null },
  queues: withoutPositions(state.queues),
  suspended: false,
  config: { ...state.config, generation: null, changed: false },
});

// What most events change is written out: a spread costs many times as much.
const withStatus = (
  { type, features, queues, suspended, config }: DeviceState,
  status: StatusState,
): DeviceState => ({ type, status, features, queues, suspended, config });

const withFeatures = (
  { type, status, queues, suspended, config }: DeviceState,
  features: FeatureState,
): DeviceState => ({ type, status, features, queues, suspended, config });

const withQueues = (
  { type, status, features, suspended, config }: DeviceState,
  queues: DeviceState['queues'],
): DeviceState => ({ type, status, features, queues, suspended, config });

function withConfig(state: DeviceState, config: ConfigState): DeviceState {
  if (config === state.config) return state;
  const { type, status, features, queues, suspended } = state;
  return { type, status, features, queues, suspended, config };
}

function reduceOp(state: DeviceState, { op, a, r }: OpEvent): Step {
  switch (op) {
    case 'setStatus': {
      const value = a[0] as number;
      const fixes = !state.features.fixed && (value & STATUS.FEATURES_OK) !== 0;
      const asked = withStatus(state, writeStatus(state.status, value));
      return fine(fixes ? withFeatures(asked, { ...state.features, fixed: true }) : asked);
    }
    case 'reset':
    case 'compatReset':
      return fine(withStatus(state, askReset(state.status)));
    case 'getStatus':
      return r === undefined ? fine(state) : status(state, r as number);
    case 'getDeviceFeatures': {
      const [features, breach] = readOffer(state.features, bits(r), state.type);
      return maybe(features === state.features ? state : withFeatures(state, features), breach);
    }
    case 'setDriverFeatures':
      return fine(withFeatures(state, writeFeatures(state.features, bits(a[0]), (r as number) ?? 0)));
    case 'getDriverFeatures': {
      if (state.status.free) return fine(state);
      const ok = state.status.featuresOk === true;
      return maybe(state, readDriverFeatures(state.features, bits(r), ok, state.type));
    }
    case 'setVqReady':
      return fine(queue(state, a[0] as number, { ready: a[1] as boolean }));
    case 'setVqState':
      return fine(r === 0 ? queue(state, a[0] as number, { position: a[1] as string }) : state);
    case 'getVqReady': {
      if (state.status.free || state.status.resetting !== null) return fine(state);
      const idx = a[0] as number;
      const known = state.queues.get(idx);
      return maybe(state, readReady(known ?? initialQueue, idx, r as boolean, known !== undefined));
    }
    case 'getVqState': {
      const idx = a[0] as number;
      if (r !== 0 || !state.suspended || state.status.free) return fine(state);
      const known = state.queues.get(idx) ?? initialQueue;
      const answer = String(a[1]);
      return maybe(queue(state, idx, { position: answer }), readPosition(known, idx, answer));
    }
    case 'setConfigCb':
      return fine(withConfig(state, listen(state.config, a[0] === true)));
    case 'getGeneration': {
      const [config, breach] = readGeneration(state.config, r as number);
      return maybe(withConfig(state, config), breach);
    }
    case 'suspend':
      return fine(r === 0 ? { ...state, suspended: true, queues: withoutPositions(state.queues) } : state);
    case 'resume':
      return fine(r === 0 ? { ...state, suspended: false } : state);
    default:
      return fine(state);
  }
}

/** The device is idle: a change of its configuration has been told by now. */
function idle(state: DeviceState): Step {
  const running = (state.status.written & STATUS.DRIVER_OK) !== 0 && !state.status.free && !state.suspended;
  if (!running) return fine(state);
  return maybe(withConfig(state, notified(state.config)), owedChange(state.config));
}

const withoutPositions = (queues: DeviceState['queues']): DeviceState['queues'] =>
  new Map([...queues].map(([idx, known]) => [idx, { ...known, position: null }]));

function queue(state: DeviceState, idx: number, change: Partial<QueueState>): DeviceState {
  // A driver may ask for queues that no device has.
  if (!(idx >= 0 && idx < MOST_QUEUES)) return state;
  const { ready, position } = state.queues.get(idx) ?? initialQueue;
  const queues = new Map(state.queues).set(idx, {
    ready: change.ready ?? ready,
    position: change.position === undefined ? position : change.position,
  });
  return withQueues(state, queues);
}

/** The status is read: its own rules, and what it says about the features. */
function status(state: DeviceState, answer: number): Step {
  const [next, breach] = readStatus(state.status, answer);
  if (next === state.status && breach === null) return fine(state);
  const breaches = breach === null ? [] : [breach];
  if (!next.free && state.status.featuresOk === null && next.featuresOk !== null) {
    const judged = judgeFeaturesOk(state.features, next.featuresOk, state.type);
    if (judged) breaches.push(judged);
  }
  return [withStatus(state, next), breaches];
}

/** Follow a whole history; every violation with its place. */
export function followDevice(events: readonly HistoryEvent[], type: DeviceType): Violation[] {
  const violations: Violation[] = [];
  let state = initialDevice(type);
  let step = 0;
  for (let at = 0; at < events.length; at++) {
    const event = events[at];
    if (event.k === 'step') step = event.i;
    const [next, breaches] = reduce(state, event);
    state = next;
    for (const breach of breaches) violations.push({ ...breach, step, event: at });
  }
  return violations;
}
