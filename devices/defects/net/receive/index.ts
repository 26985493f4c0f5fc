import type { Defect } from '../../defect.ts';
import { NET_RECEIVE_FRAMES } from './frames.ts';
import { NET_RECEIVE_HEADER } from './header.ts';
import { NET_RECEIVE_MERGED } from './merged.ts';
import { NET_RECEIVE_SHORTAGE } from './shortage.ts';

/** Wrong use of receive buffers and wrong num_buffers (sections 5.1.6.3 and 5.1.6.4). */
export const NET_RECEIVE_DEFECTS: readonly Defect[] = [
  ...NET_RECEIVE_HEADER,
  ...NET_RECEIVE_MERGED,
  ...NET_RECEIVE_SHORTAGE,
  ...NET_RECEIVE_FRAMES,
];
