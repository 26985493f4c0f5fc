import type { Defect } from '../defect.ts';
import { MIGRATION_GOING_ON } from './going-on.ts';
import { MIGRATION_POSITIONS } from './positions.ts';
import { MIGRATION_STOPPING } from './stopping.ts';

/** Devices that lose, double or disturb something when another one takes over. */
export const MIGRATION_DEFECTS: readonly Defect[] = [
  ...MIGRATION_POSITIONS,
  ...MIGRATION_STOPPING,
  ...MIGRATION_GOING_ON,
];
