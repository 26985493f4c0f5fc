import type { Defect } from '../../defect.ts';
import { NET_TRANSMIT_BUFFERS } from './buffers.ts';
import { NET_TRANSMIT_CHECKSUMS } from './checksums.ts';
import { NET_TRANSMIT_SEGMENTATION } from './segmentation.ts';

/** Wrong transmission (section 5.1.6.2). */
export const NET_TRANSMIT_DEFECTS: readonly Defect[] = [
  ...NET_TRANSMIT_CHECKSUMS,
  ...NET_TRANSMIT_SEGMENTATION,
  ...NET_TRANSMIT_BUFFERS,
];
