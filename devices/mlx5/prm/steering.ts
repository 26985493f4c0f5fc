import type { Field } from './fields.ts';

export const TISC = { transport_domain: [0x24, 23, 0] } as const satisfies Record<string, Field>;

export const TIRC = {
  disp_type: [0x04, 31, 28],
  rx_hash_symmetric: [0x20, 31, 31],
  indirect_table: [0x20, 23, 0],
  rx_hash_fn: [0x24, 31, 28],
  transport_domain: [0x24, 23, 0],
  l3_prot_type: [0x50, 31, 31],
  l4_prot_type: [0x50, 30, 30],
  selected_fields: [0x50, 29, 0],
} as const satisfies Record<string, Field>;
export const TOEPLITZ_KEY_AT = 0x28;
export const TOEPLITZ_KEY_SIZE = 40;
export const DISP_TYPE = { DIRECT: 0, INDIRECT: 1 } as const;
export const HASH_FN = { TOEPLITZ: 2 } as const;
/** `selected_fields`: source and destination address, source and destination port. */
export const HASH_FIELDS = { SRC_IP: 1, DST_IP: 2, L4_SPORT: 4, L4_DPORT: 8 } as const;

export const RQTC = {
  list_q_type: [0x14, 26, 24],
  rqt_max_size: [0x14, 15, 0],
  rqt_actual_size: [0x18, 15, 0],
} as const satisfies Record<string, Field>;
/** The list holds virtio net queues. */
export const RQT_VIRTIO_NET_Q = 1;

/** CREATE_FLOW_TABLE. */
export const FLOW_TABLE = {
  table_type: [0x10, 31, 24],
  level: [0x18, 23, 16],
  log_size: [0x18, 7, 0],
} as const satisfies Record<string, Field>;

/** Flow groups. */
export const FLOW_GROUP = {
  table_id: [0x14, 23, 0],
  group_id: [0x18, 23, 0],
  start_flow_index: [0x1c, 31, 0],
  end_flow_index: [0x24, 31, 0],
  match_criteria_enable: [0x3c, 7, 0],
} as const satisfies Record<string, Field>;
export const FLOW_GROUP_SIZE = 0x240;

/** SET_FLOW_TABLE_ENTRY and DELETE_FLOW_TABLE_ENTRY. */
export const FLOW_ENTRY = {
  table_id: [0x14, 23, 0],
  flow_index: [0x20, 31, 0],
  group_id: [0x44, 31, 0],
  action: [0x4c, 15, 0],
  destination_list_size: [0x50, 23, 0],
  destination_type: [0x340, 31, 24],
  destination_id: [0x340, 23, 0],
} as const satisfies Record<string, Field>;
export const FLOW_ENTRY_SIZE = 0x348;
export const FLOW_ACTION_FORWARD = 4;
export const DESTINATION_TIR = 2;

/** Where match criteria of a group and match values of an entry begin; outer headers come first in both. */
export const MATCH_AT = { group: 0x40, entry: 0x80 } as const;
export const CRITERIA_OUTER_HEADERS = 1;
/** Outer headers of layers 2 to 4. */
export const OUTER = {
  dmac_47_16: [0x08, 31, 0],
  dmac_15_0: [0x0c, 31, 16],
  first_vid: [0x0c, 11, 0],
  cvlan_tag: [0x10, 15, 15],
} as const satisfies Record<string, Field>;

/** SET_L2_TABLE_ENTRY and DELETE_L2_TABLE_ENTRY; the address is 2 bytes nothing, 6 bytes MAC. */
export const L2_ENTRY = { table_index: [0x14, 23, 0] } as const satisfies Record<string, Field>;
export const L2_MAC_AT = 0x22;
export const L2_ENTRY_SIZE = 0x40;
