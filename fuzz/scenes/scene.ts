import type { DeviceFacts } from '../../conformance/runner/device-facts.ts';
import { bitMask } from '../../specs/virtio-1.1/features.ts';
import { chance, type Draw, pick } from '../draw.ts';
import { type DrawnStep, step } from '../strategy.ts';
import type { View } from '../view.ts';

/**
 * A few steps that look at one side of the device from a fresh session on. They begin with a reset and stay
 * together, so that what they expect is right whatever went before.
 */
export interface Scene {
  readonly name: string;
  /** It breaks a rule of the driver on purpose. */
  readonly breach?: boolean;
  /** How much more likely it is than others (default 1): what it draws from may be large, or take long. */
  readonly weight?: number;
  /** Whether the device has what the scene needs. */
  fits(facts: DeviceFacts): boolean;
  draw(view: View, draw: Draw): DrawnStep[];
}

export const offers = (facts: DeviceFacts, ...names: string[]): boolean =>
  names.every((name) => (BigInt(facts.offered) & bitMask([name])) !== 0n);

export const can = (facts: DeviceFacts, ...abilities: DeviceFacts['abilities']): boolean =>
  abilities.every((ability) => facts.abilities.includes(ability));

/** Ring formats and features of rings, as offered. */
const RINGS = ['RING_PACKED', 'EVENT_IDX', 'INDIRECT_DESC'];

/** How a scene brings the device up. */
export interface UpOptions {
  to?: string;
  /** Accepted, beside a random choice of ring features. */
  features?: readonly string[];
  without?: readonly string[];
  size?: number;
  ready?: boolean;
  start?: { index: number };
  /** Queues that are set up; otherwise all usable ones. */
  queues?: readonly number[];
}

/** Bring the device up with `features` and some ring features. */
export function up(view: View, draw: Draw, options: UpOptions = {}): DrawnStep {
  const { features = [], without = [], size = pick(draw, [8, 16, 64]), ...rest } = options;
  const rings = RINGS.filter(
    (name) => !without.includes(name) && offers(view.facts, name) && chance(draw, 50),
  );
  const num = Math.min(size, view.facts.values.num_max as number);
  return step('bring-up', { ...rest, features: [...new Set([...rings, ...features])], size: num });
}

/** A direction in which the device can do requests. */
export const direction = ({ facts }: View, draw: Draw): 'in' | 'out' => {
  if (facts.type === 'net') return facts.peer?.send && chance(draw, 50) ? 'in' : 'out';
  return offers(facts, 'blk.RO') || chance(draw, 50) ? 'in' : 'out';
};

/** The queue of requests in that direction. */
export const queueFor = (dir: 'in' | 'out'): 'rx' | 'tx' => (dir === 'in' ? 'rx' : 'tx');

/** A name that nothing else in the sequence has. Scenes of other sequences come in: each use has its `tag`. */
export const fresh = (view: View, tag: string): string => `${tag}${view.serial++}`;

/** A valid request in the direction that the device can do. */
export const anyRequest = (as: string, more: Record<string, unknown> = {}): DrawnStep =>
  step('request', { dir: 'any', as, kick: 'yes', ...more });
