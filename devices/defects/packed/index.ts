import type { Defect } from '../defect.ts';
import { PACKED_BATCHES } from './batches.ts';
import { PACKED_BREACHES } from './breaches.ts';
import { PACKED_INDIRECT } from './indirect.ts';
import { PACKED_LISTS } from './lists.ts';
import { PACKED_NOTIFICATIONS } from './notifications.ts';
import { PACKED_STORES } from './stores.ts';
import { PACKED_TAKING } from './taking.ts';
import { PACKED_USED } from './used-descriptors.ts';

/** Seeded defects of packed virtqueues (section 2.7). */
export const PACKED_DEFECTS: readonly Defect[] = [
  ...PACKED_USED,
  ...PACKED_LISTS,
  ...PACKED_INDIRECT,
  ...PACKED_TAKING,
  ...PACKED_STORES,
  ...PACKED_NOTIFICATIONS,
  ...PACKED_BATCHES,
  ...PACKED_BREACHES,
];
