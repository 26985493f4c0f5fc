import type { Strategy } from '../strategy.ts';
import * as blk from './blk.ts';
import * as config from './config.ts';
import * as corruption from './corruption.ts';
import * as lifecycle from './lifecycle.ts';
import * as negotiation from './negotiation.ts';
import * as rings from './rings.ts';
import * as scenes from './scenes.ts';

const isStrategy = (value: unknown): value is Strategy =>
  typeof value === 'object' && value !== null && 'weight' in value && 'draw' in value;

/** Every strategy, by name: the same order however the modules were bundled. A module is one more entry. */
export const STRATEGIES: readonly Strategy[] = [
  lifecycle,
  negotiation,
  rings,
  corruption,
  config,
  blk,
  scenes,
]
  .flatMap((module) => Object.values(module))
  .filter(isStrategy)
  .sort((a, b) => (a.name < b.name ? -1 : 1));
