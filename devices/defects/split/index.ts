import type { Defect } from '../defect.ts';
import { SPLIT_AVAILABLE } from './available.ts';
import { SPLIT_DESCRIPTORS } from './descriptors.ts';
import { SPLIT_FRAMING } from './framing.ts';
import { SPLIT_IN_ORDER } from './in-order.ts';
import { SPLIT_KICKS } from './kicks.ts';
import { SPLIT_LAYOUT } from './layout.ts';
import { SPLIT_NOTIFICATIONS } from './notifications.ts';
import { SPLIT_SURVIVAL } from './survival.ts';
import { SPLIT_USED_ELEMENTS } from './used-elements.ts';
import { SPLIT_USED_INDEX } from './used-index.ts';

/** Wrong devices behind split virtqueues (section 2.6) and in-order use (section 6.2). */
export const SPLIT_DEFECTS: readonly Defect[] = [
  ...SPLIT_LAYOUT,
  ...SPLIT_FRAMING,
  ...SPLIT_DESCRIPTORS,
  ...SPLIT_NOTIFICATIONS,
  ...SPLIT_USED_ELEMENTS,
  ...SPLIT_USED_INDEX,
  ...SPLIT_KICKS,
  ...SPLIT_AVAILABLE,
  ...SPLIT_IN_ORDER,
  ...SPLIT_SURVIVAL,
];
