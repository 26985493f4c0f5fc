import { BUS_DRIVERS, type BusDriverName } from '../../framework/bound-device.ts';
import type { GuestMemory } from '../../framework/memory/guest-memory.ts';
import type { ParentDefinition } from '../../framework/parent.ts';
import { bitMask, featureByName } from '../../specs/virtio-1.1/features.ts';
import { type Figures, figuresOf } from '../figures.ts';
import { HISTORY_VERSION, type History } from '../history/history.ts';
import { type Judgement, judge } from '../judge.ts';
import { type CaseInstance, flatSteps } from '../loader/expand.ts';
import { InputError } from '../loader/problems.ts';
import type { Destinations } from '../session/destinations.ts';
import type { FlatStep } from '../steps/step.ts';
import type { DeviceFacts } from './device-facts.ts';
import { skipReason, wantedFeatures } from './needs.ts';
import { commonTo, runSteps } from './run-case.ts';

/** A target: a parent and the options to create its devices with. */
export interface Target {
  /** As named on the command line. */
  name: string;
  definition: ParentDefinition;
  options: Record<string, string>;
  /** Bus driver between driver and device (default virtio-vdpa); a case's parameter `driver` comes first. */
  driver?: BusDriverName;
  /** Where steps may migrate to, and how the command line said so. */
  destinations?: Destinations;
  migrateTo?: readonly string[];
}

/** A case instance's outcome, before it is put into results. */
export interface InstanceOutcome extends Judgement {
  /** Why it was skipped or could not be run. */
  reason?: string;
  history?: History;
  /** What its steps measured. */
  figures?: Figures;
}

/** The same case and suite seed always give the same device behaviour and data. */
export function seedOf(id: string, suiteSeed: number): number {
  let hash = 0x811c9dc5 ^ suiteSeed;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Run one instance against a target and judge it. Errors of the suite become the verdict `error`. */
export function runInstance(
  instance: CaseInstance,
  target: Target,
  facts: DeviceFacts,
  guest: GuestMemory,
  suiteSeed = 1,
): InstanceOutcome {
  const skipped = skipReason(instance, facts);
  if (skipped !== null) return { verdict: 'skip', findings: [], reason: skipped };
  return runApplicable(instance, target, facts, guest, suiteSeed);
}

/** The same for an instance that is known to apply to the target. */
export function runApplicable(
  instance: CaseInstance,
  target: Target,
  facts: DeviceFacts,
  guest: GuestMemory,
  suiteSeed = 1,
): InstanceOutcome {
  const { definition, params } = instance;
  try {
    const settings = {
      seed: seedOf(instance.id, suiteSeed),
      poison: params.poison === undefined ? 0xa5 : Number(params.poison),
      features: wantedFeatures(instance, facts),
      size: typeof params.size === 'number' ? params.size : undefined,
      start: params.start as History['start'],
      traceReads: definition.trace === 'reads',
      ...driverOf(params.driver ?? target.driver),
    };
    const steps = flatSteps(instance, facts.values);
    const missing = missingThere(settings.features, steps, target);
    if (missing !== undefined) {
      const reason = `${featureByName(missing).name} is not offered by every target of --migrate-to`;
      return { verdict: 'skip', findings: [], reason };
    }
    const events = runSteps(steps, {
      ...settings,
      definition: target.definition,
      options: target.options,
      guest,
      destinations: target.destinations,
    });
    const history: History = {
      version: HISTORY_VERSION,
      case: { id: instance.id, requirements: definition.requirements, class: definition.class },
      target: { name: target.name, type: facts.type, options: target.options },
      ...settings,
      ...(target.migrateTo?.length ? { migrateTo: [...target.migrateTo] } : {}),
      steps,
      events,
    };
    const figures = figuresOf(history);
    return { ...judge(history), history, ...(figures ? { figures } : {}) };
  } catch (error) {
    // A mistake in the catalogue is told with its place and ends the run.
    if (error instanceof InputError) throw error;
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const at = error instanceof Error ? (error.stack?.split('\n')[1]?.trim() ?? '') : '';
    return { verdict: 'error', findings: [], reason: `${text} ${at}` };
  }
}

/** A feature that the instance accepts and that a target which the command line names to migrate to lacks. */
function missingThere(
  features: readonly string[],
  steps: readonly FlatStep[],
  target: Target,
): string | undefined {
  if (!target.migrateTo?.length) return undefined;
  const common = commonTo(steps, target);
  return features.find((name) => (common & bitMask([name])) === 0n);
}

/** The bus driver, unless it is the usual one. @throws RangeError for a name that is none */
export function driverOf(name: unknown): { driver?: BusDriverName } {
  if (name === undefined || name === 'virtio-vdpa') return {};
  const driver = BUS_DRIVERS.find((known) => known === name);
  if (driver === undefined)
    throw new RangeError(`no bus driver ${name}; there are ${BUS_DRIVERS.join(', ')}`);
  return { driver };
}
