import type { Defect } from '../../defect.ts';
import { NET_CONTROL_ACK } from './ack.ts';
import { NET_CONTROL_ANNOUNCE } from './announce.ts';
import { NET_CONTROL_CONFIG } from './config.ts';
import { NET_CONTROL_OFFLOADS } from './guest-offloads.ts';
import { NET_CONTROL_LIFE } from './life.ts';
import { NET_CONTROL_PLACE } from './place.ts';

/** Wrong control queues, configuration spaces and what hangs on them (sections 5.1.2 to 5.1.5, 5.1.6.5). */
export const NET_CONTROL_DEFECTS: readonly Defect[] = [
  ...NET_CONTROL_ACK,
  ...NET_CONTROL_PLACE,
  ...NET_CONTROL_CONFIG,
  ...NET_CONTROL_ANNOUNCE,
  ...NET_CONTROL_OFFLOADS,
  ...NET_CONTROL_LIFE,
];
