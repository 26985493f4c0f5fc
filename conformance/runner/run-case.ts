import type { BusDriverName } from '../../framework/bound-device.ts';
import { DeviceAbsent } from '../../framework/device-failure.ts';
import type { GuestMemory } from '../../framework/memory/guest-memory.ts';
import { NoMeans, type ParentDefinition } from '../../framework/parent.ts';
import { bitMask } from '../../specs/virtio-1.1/features.ts';
import type { HistoryEvent } from '../history/events.ts';
import { errorText, ParentCrash, thrown } from '../history/parent-throw.ts';
import { HistoryOverflow } from '../history/recorder.ts';
import { BASELINE } from '../session/bring-up.ts';
import { commonOffer, type Destinations } from '../session/destinations.ts';
import { Session, type SessionOptions } from '../session/session.ts';
import { ParentLacks, StopSteps } from '../session/stop-steps.ts';
import { STEPS } from '../steps/index.ts';
import type { FlatStep } from '../steps/step.ts';

/** What a run of steps needs to know besides the steps. */
export interface RunSettings {
  definition: ParentDefinition;
  options: Readonly<Record<string, string>>;
  seed: number;
  guest: GuestMemory;
  /** Feature names that `bring-up` accepts when offered. */
  features: readonly string[];
  /** Queue size and starting position that `bring-up` uses by default. */
  size?: number;
  start?: { index: number; wrap?: 0 | 1 };
  traceReads?: boolean;
  poison?: number;
  /** Bus driver between driver and device (default virtio-vdpa). */
  driver?: BusDriverName;
  /** The device works behind shadow virtqueues. */
  shadow?: boolean;
  /** Where steps may migrate to. */
  destinations?: Destinations;
}

/**
 * Carry out `steps` on a fresh device and return the history. Whatever the parent does (throw, loop within
 * its pump budget, lie), the result is a history; only a defect of the suite itself throws.
 */
export function runSteps(steps: readonly FlatStep[], settings: RunSettings): HistoryEvent[] {
  let session = open(settings);
  if (Array.isArray(session)) return session;
  if (needsShadow(session, steps)) {
    session.dispose();
    session = open({ ...settings, shadow: true });
    if (Array.isArray(session)) return session;
  }
  const { recorder } = session;
  session.wanted = bitMask(settings.features) | BASELINE;
  session.common = commonTo(steps, settings);
  if (settings.size !== undefined) session.saved.set('queue-size', settings.size);
  if (settings.start !== undefined) session.saved.set('queue-start', settings.start);
  let i = 0;
  try {
    for (; i < steps.length; i++) {
      const { name, args } = steps[i];
      session.step = i;
      recorder.push({ k: 'step', i });
      session.comparison?.sync();
      const seen = STEPS.get(name)!.run(session, args);
      if (seen !== undefined) session.observe(seen);
    }
  } catch (error) {
    if (error instanceof StopSteps) {
      const lacks = error instanceof ParentLacks ? { lacks: true as const } : {};
      recorder.events.push({ k: 'stop', i, why: error.message, ...lacks });
    } else if (error instanceof NoMeans)
      recorder.events.push({ k: 'stop', i, why: error.message, lacks: true });
    else if (error instanceof HistoryOverflow) recorder.events.push({ k: 'pump', n: 0, busy: true });
    else if (!(error instanceof ParentCrash)) throw error;
  } finally {
    dispose(session);
  }
  return recorder.events;
}

/** Let go of the device, also when the suite itself failed. */
function dispose(session: Session): void {
  try {
    session.dispose();
  } catch (error) {
    session.recorder.events.push(thrown('dispose', error));
  }
}

/** Whether `steps` migrate a device that tells no positions: its rings have to be relayed from the start. */
function needsShadow({ instance, comparison }: Session, steps: readonly FlatStep[]): boolean {
  if (instance.abilities.includes('vq-state') || comparison !== null || instance.pump === undefined)
    return false;
  return steps.some(({ name }) => name === 'migrate');
}

/** Features that every device offers to which `steps` migrate; all there are when they do not. */
export function commonTo(
  steps: readonly FlatStep[],
  { destinations }: Pick<RunSettings, 'destinations'>,
): bigint {
  const names = steps
    .filter(({ name }) => name === 'migrate')
    .map(({ args }) => (args as { to?: string }).to);
  if (names.length === 0 || destinations === undefined) return 2n ** 64n - 1n;
  const { inTurn } = destinations;
  const all = [...new Set(names)].flatMap((name) =>
    name === undefined || name === 'next' ? inTurn : (destinations.find(name) ?? []),
  );
  return commonOffer(all);
}

/** The session, or the history of a parent that could not even be created. */
function open(settings: RunSettings): Session | HistoryEvent[] {
  const options: SessionOptions = settings;
  try {
    return new Session(settings.definition, options);
  } catch (error) {
    if (error instanceof DeviceAbsent) return [{ k: 'stop', i: 0, why: error.message }];
    if (error instanceof ParentCrash) {
      const { at: _, ...event } = thrown('create', error.cause);
      return [event];
    }
    return [{ k: 'throw', op: 'register', error: errorText(error) }];
  }
}
