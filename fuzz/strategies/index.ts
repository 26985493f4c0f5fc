import type { Strategy } from '../strategy.ts';
import * as blk from './blk.ts';
import * as config from './config.ts';
import * as corruption from './corruption.ts';
import * as lifecycle from './lifecycle.ts';
import * as negotiation from './negotiation.ts';
import * as rings from './rings.ts';

const isStrategy = (value: unknown): value is Strategy =>
  typeof value === 'object' && value !== null && 'weight' in value && 'draw' in value;

/** Every strategy. A module of strategies is one more entry. */
export const STRATEGIES: readonly Strategy[] = [lifecycle, negotiation, rings, corruption, config, blk]
  .flatMap((module) => Object.values(module))
  .filter(isStrategy);
