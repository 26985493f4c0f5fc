import type { Defect } from '../../defect.ts';
import { NET_CONTROL_BREACH_FILTER } from './filter.ts';
import { NET_CONTROL_BREACH_FRAMING } from './framing.ts';
import { NET_CONTROL_BREACH_STATE } from './state.ts';

/** Network devices that a driver can harm with the control queue (section 5.1.6.5). */
export const NET_CONTROL_BREACH_DEFECTS: readonly Defect[] = [
  ...NET_CONTROL_BREACH_FILTER,
  ...NET_CONTROL_BREACH_FRAMING,
  ...NET_CONTROL_BREACH_STATE,
];
