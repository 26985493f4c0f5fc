import type { Defect } from '../defect.ts';
import { VDPA_CALLBACKS } from './callbacks.ts';
import { VDPA_FEATURES } from './features.ts';
import { VDPA_GROUPS } from './groups.ts';
import { VDPA_LIFE } from './life.ts';
import { VDPA_MAPPINGS } from './mappings.ts';
import { VDPA_QUEUES } from './queues.ts';
import { VDPA_RESETS } from './resets.ts';
import { VDPA_SPACES } from './spaces.ts';
import { VDPA_SUSPENDS } from './suspends.ts';

/** Parents that break the vDPA contract. */
export const VDPA_DEFECTS: readonly Defect[] = [
  ...VDPA_RESETS,
  ...VDPA_QUEUES,
  ...VDPA_FEATURES,
  ...VDPA_MAPPINGS,
  ...VDPA_GROUPS,
  ...VDPA_SUSPENDS,
  ...VDPA_CALLBACKS,
  ...VDPA_LIFE,
  ...VDPA_SPACES,
];
