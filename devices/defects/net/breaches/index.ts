import type { Defect } from '../../defect.ts';
import { NET_BREACH_OFFLOADS } from './offloads.ts';
import { NET_BREACH_RECEIVE } from './receive.ts';
import { NET_BREACH_TRANSMIT } from './transmit.ts';

/** Devices that a driver's breach in the data path brings down, or makes leak (section 5.1.6). */
export const NET_BREACH_DEFECTS: readonly Defect[] = [
  ...NET_BREACH_OFFLOADS,
  ...NET_BREACH_TRANSMIT,
  ...NET_BREACH_RECEIVE,
];
