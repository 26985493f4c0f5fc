import type { Defect } from '../defect.ts';
import { BLK_BREACHES } from './breaches.ts';
import { BLK_CONFIG } from './config.ts';
import { BLK_FLUSH } from './flush.ts';
import { BLK_READ_ONLY } from './read-only.ts';
import { BLK_SEGMENTS } from './segments.ts';
import { BLK_STATUS } from './status.ts';
import { BLK_TRANSFERS } from './transfers.ts';

/** Wrong block devices. */
export const BLK_DEFECTS: readonly Defect[] = [
  ...BLK_CONFIG,
  ...BLK_READ_ONLY,
  ...BLK_TRANSFERS,
  ...BLK_STATUS,
  ...BLK_FLUSH,
  ...BLK_SEGMENTS,
  ...BLK_BREACHES,
];
