import type { Defect } from '../defect.ts';
import { CORE_CONFIG } from './config.ts';
import { CORE_FEATURES } from './features.ts';
import { CORE_QUEUES } from './queues.ts';
import { CORE_RESET } from './reset.ts';
import { CORE_STATUS } from './status.ts';
import { CORE_SURVIVAL } from './survival.ts';

/** Wrong devices for status, features, configuration, reset and the start-up. */
export const CORE_DEFECTS: readonly Defect[] = [
  ...CORE_STATUS,
  ...CORE_FEATURES,
  ...CORE_CONFIG,
  ...CORE_QUEUES,
  ...CORE_RESET,
  ...CORE_SURVIVAL,
];
