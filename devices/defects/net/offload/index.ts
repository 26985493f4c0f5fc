import type { Defect } from '../../defect.ts';
import { NET_OFFLOAD_DATA_VALID } from './data-valid.ts';
import { NET_OFFLOAD_GRANTED } from './granted.ts';
import { NET_OFFLOAD_PARTIAL } from './partial.ts';
import { NET_OFFLOAD_SUPER_FRAMES } from './super-frames.ts';

/** Wrong receive offloads (section 5.1.6.4.1). */
export const NET_OFFLOAD_DEFECTS: readonly Defect[] = [
  ...NET_OFFLOAD_GRANTED,
  ...NET_OFFLOAD_PARTIAL,
  ...NET_OFFLOAD_SUPER_FRAMES,
  ...NET_OFFLOAD_DATA_VALID,
];
