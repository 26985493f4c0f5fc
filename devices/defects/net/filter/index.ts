import type { Defect } from '../../defect.ts';
import { NET_FILTER_ADDRESS } from './address.ts';
import { NET_FILTER_COMMANDS } from './mode-commands.ts';
import { NET_FILTER_MODES } from './modes.ts';
import { NET_FILTER_TABLES } from './tables.ts';
import { NET_FILTER_VLAN } from './vlan.ts';

/** Wrong receive filters (sections 5.1.6.5.1 to 5.1.6.5.3). */
export const NET_FILTER_DEFECTS: readonly Defect[] = [
  ...NET_FILTER_COMMANDS,
  ...NET_FILTER_MODES,
  ...NET_FILTER_TABLES,
  ...NET_FILTER_ADDRESS,
  ...NET_FILTER_VLAN,
];
