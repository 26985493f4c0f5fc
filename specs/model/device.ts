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
  readonly queues: ReadonlyMap<number, QueueState>;
  readonly suspended: boolean;
  readonly config: ConfigState;
}

export const initialDevice = (type: DeviceType): DeviceState => ({
  type,
  status: initialStatus,
  features: initialFeatures,
  queues: new Map(),
  suspended: false,
  config: initialConfig,
});

/** State and what is wrong with the event: the reducer of the model. */
export type Step = readonly [DeviceState, readonly Breach[]];

const NOTHING: readonly Breach[] = [];
const fine = (state: DeviceState): Step => [state, NOTHING];
const maybe = (state: DeviceState, breach: Breach | null): Step => [
  state,
  breach === null ? NOTHING : [breach],
];

/** Events that the model of the device looks at; all others leave it as it is. */
const SEEN: ReadonlySet<HistoryEvent['k']> = new Set([
  'op',
  'backend',
  'config-irq',
  'pump',
  'breach',
  'reset-done',
]);

/** Features as they stand in a history; the same few texts come again and again. */
const parsed = new Map<string, bigint>();
function bits(text: unknown): bigint {
  let value = parsed.get(text as string);
  if (value === undefined) {
    value = BigInt(text as string);
    if (parsed.size > 10_000) parsed.clear();
    parsed.set(text as string, value);
  }
  return value;
}

/** One event of a history: the state after it, and every rule it breaks. Pure. */
export function reduce(state: DeviceState, event: HistoryEvent): Step {
  if (event.k === 'op') return reduceOp(state, event);
  if (event.k === 'breach') return fine({ ...state, status: { ...state.status, free: true } });
  // What loses power forgets its status as a reset does.
  if (event.k === 'backend' && event.what === 'power-cut')
    return fine({ ...state, status: askReset(state.status) });
  // A suspended device puts changes of its own off.
  if (event.k === 'backend' && !state.suspended)
    return fine({ ...state, config: backendActed(state.config, event.what) });
  if (event.k === 'config-irq') return fine({ ...state, config: notified(state.config) });
  if (event.k === 'pump' && event.idle) return idle(state);
  if (event.k === 'reset-done') {
    return fine({
      ...state,
      status: initialStatus,
      features: resetFeatures(state.features),
      queues: new Map(),
      suspended: false,
      config: resetConfig(state.config),
    });
  }
  return fine(state);
}

function reduceOp(state: DeviceState, { op, a, r }: OpEvent): Step {
  switch (op) {
    case 'setStatus': {
      const value = a[0] as number;
      const fixed = state.features.fixed || (value & STATUS.FEATURES_OK) !== 0;
      return fine({
        ...state,
        status: writeStatus(state.status, value),
        features: { ...state.features, fixed },
      });
    }
    case 'reset':
    case 'compatReset':
      return fine({ ...state, status: askReset(state.status) });
    case 'getStatus':
      return r === undefined ? fine(state) : status(state, r as number);
    case 'getDeviceFeatures': {
      const [features, breach] = readOffer(state.features, bits(r), state.type);
      return maybe({ ...state, features }, breach);
    }
    case 'setDriverFeatures':
      return fine({ ...state, features: writeFeatures(state.features, bits(a[0]), (r as number) ?? 0) });
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
      const known = state.queues.get(idx) ?? initialQueue;
      return maybe(state, readReady(known, idx, r as boolean, state.queues.has(idx)));
    }
    case 'getVqState': {
      const idx = a[0] as number;
      if (r !== 0 || !state.suspended || state.status.free) return fine(state);
      const known = state.queues.get(idx) ?? initialQueue;
      const answer = String(a[1]);
      return maybe(queue(state, idx, { position: answer }), readPosition(known, idx, answer));
    }
    case 'setConfigCb':
      return fine({ ...state, config: listen(state.config, a[0] === true) });
    case 'getGeneration': {
      const [config, breach] = readGeneration(state.config, r as number);
      return maybe({ ...state, config }, breach);
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
  return maybe({ ...state, config: notified(state.config) }, owedChange(state.config));
}

const withoutPositions = (queues: DeviceState['queues']): DeviceState['queues'] =>
  new Map([...queues].map(([idx, known]) => [idx, { ...known, position: null }]));

function queue(state: DeviceState, idx: number, change: Partial<QueueState>): DeviceState {
  const queues = new Map(state.queues);
  queues.set(idx, { ...(queues.get(idx) ?? initialQueue), ...change });
  return { ...state, queues };
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
  return [{ ...state, status: next }, breaches];
}

/** Follow a whole history; every violation with its place. */
export function followDevice(events: readonly HistoryEvent[], type: DeviceType): Violation[] {
  const violations: Violation[] = [];
  let state = initialDevice(type);
  let step = 0;
  for (let at = 0; at < events.length; at++) {
    const event = events[at];
    if (event.k === 'step') step = event.i;
    if (!SEEN.has(event.k)) continue;
    const [next, breaches] = reduce(state, event);
    state = next;
    for (const breach of breaches) violations.push({ ...breach, step, event: at });
  }
  return violations;
}
