import type { Defect } from '../defect.ts';
import { ADDING, REMOVING } from './devices.ts';
import { EXCHANGES } from './exchanges.ts';
import { MANAGEMENT_DEVICES } from './management-devices.ts';
import { QUERIES } from './queries.ts';
import { STATISTICS } from './statistics.ts';

/** Management servers that are wrong in one place each. */
export const MANAGEMENT_DEFECTS: readonly Defect[] = [
  ...EXCHANGES,
  ...MANAGEMENT_DEVICES,
  ...ADDING,
  ...REMOVING,
  ...QUERIES,
  ...STATISTICS,
];
