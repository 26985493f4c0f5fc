import type { Field } from './fields.ts';

/** Command opcodes (`include/linux/mlx5/mlx5_ifc.h`). */
export const OPCODE = {
  QUERY_HCA_CAP: 0x100,
  CREATE_MKEY: 0x200,
  DESTROY_MKEY: 0x202,
  QUERY_SPECIAL_CONTEXTS: 0x203,
  CREATE_CQ: 0x400,
  DESTROY_CQ: 0x401,
  CREATE_QP: 0x500,
  DESTROY_QP: 0x501,
  RST2INIT_QP: 0x502,
  INIT2RTR_QP: 0x503,
  RTR2RTS_QP: 0x504,
  QP_2RST: 0x50a,
  QUERY_VPORT_STATE: 0x750,
  QUERY_NIC_VPORT_CONTEXT: 0x754,
  ALLOC_PD: 0x800,
  DEALLOC_PD: 0x801,
  ALLOC_UAR: 0x802,
  DEALLOC_UAR: 0x803,
  ALLOC_TRANSPORT_DOMAIN: 0x816,
  DEALLOC_TRANSPORT_DOMAIN: 0x817,
  SET_L2_TABLE_ENTRY: 0x829,
  DELETE_L2_TABLE_ENTRY: 0x82b,
  CREATE_TIR: 0x900,
  DESTROY_TIR: 0x902,
  CREATE_TIS: 0x912,
  DESTROY_TIS: 0x914,
  CREATE_RQT: 0x916,
  MODIFY_RQT: 0x917,
  DESTROY_RQT: 0x918,
  CREATE_FLOW_TABLE: 0x930,
  DESTROY_FLOW_TABLE: 0x931,
  CREATE_FLOW_GROUP: 0x933,
  DESTROY_FLOW_GROUP: 0x934,
  SET_FLOW_TABLE_ENTRY: 0x936,
  DELETE_FLOW_TABLE_ENTRY: 0x938,
  CREATE_GENERAL_OBJECT: 0xa00,
  MODIFY_GENERAL_OBJECT: 0xa01,
  QUERY_GENERAL_OBJECT: 0xa02,
  DESTROY_GENERAL_OBJECT: 0xa03,
  CREATE_UCTX: 0xa04,
  DESTROY_UCTX: 0xa06,
  CREATE_UMEM: 0xa08,
  DESTROY_UMEM: 0xa0a,
} as const;
export type OpcodeName = keyof typeof OPCODE;

/** Command status (`MLX5_CMD_STAT_*` of `include/linux/mlx5/device.h`). */
export const CMD_STATUS = {
  OK: 0x00,
  BAD_OP: 0x02,
  BAD_PARAM: 0x03,
  BAD_RES: 0x05,
  RES_BUSY: 0x06,
  LIM: 0x08,
  BAD_RES_STATE: 0x09,
  NO_RES: 0x0f,
  BAD_QP_STATE: 0x10,
  BAD_INP_LEN: 0x50,
  BAD_OUTP_LEN: 0x51,
} as const;
export type CommandStatus = (typeof CMD_STATUS)[keyof typeof CMD_STATUS];

/** General object types. */
export const OBJECT = { VIRTIO_NET_Q: 0x0d, VIRTIO_Q_COUNTERS: 0x1c } as const;

/** Every command begins so; number of an object that a command names or answers. */
export const HEADER = {
  opcode: [0x00, 31, 16],
  uid: [0x00, 15, 0],
  op_mod: [0x04, 15, 0],
  obj_type: [0x04, 15, 0],
  obj_id: [0x08, 31, 0],
  number: [0x08, 23, 0],
} as const satisfies Record<string, Field>;

/** Every answer begins so. */
export const ANSWER = {
  status: [0x00, 31, 24],
  syndrome: [0x04, 31, 0],
  obj_id: [0x08, 31, 0],
  number: [0x08, 23, 0],
} as const satisfies Record<string, Field>;

/** Where the context of an object begins in commands and answers. */
export const CONTEXT_AT = {
  generalObject: 0x10,
  capability: 0x10,
  mkey: 0x10,
  cq: 0x10,
  qp: 0x18,
  tis: 0x20,
  tir: 0x20,
  rqt: 0x20,
  umem: 0x10,
  flowTable: 0x18,
  nicVport: 0x10,
} as const;

/** Where lists of addresses, keys and queue numbers begin. */
export const LIST_AT = { mkey: 0x110, cq: 0x110, qp: 0x110, umem: 0x30, rqt: 0x110 } as const;

/** Input lengths of commands without a list, and of the fixed part of those with one. */
export const LENGTH = { plain: 0x10, list: 0x110, tir: 0x110, tis: 0xc0, flowTable: 0x40 } as const;

/** Capability types; the modifier is twice the type, plus 1 for current values. */
export const CAP_TYPE = { VDPA_EMULATION: 0x13 } as const;

/** vDPA emulation capabilities. */
export const VDPA_CAP = {
  virtio_version_1_0: [0x00, 29, 29],
  device_features_bits_mask: [0x00, 28, 16],
  event_mode: [0x00, 15, 8],
  virtio_queue_type: [0x00, 7, 0],
  log_doorbell_stride: [0x04, 12, 8],
  log_doorbell_bar_size: [0x04, 4, 0],
  max_num_virtio_queues: [0x10, 23, 0],
  desc_group_mkey_supported: [0x18, 12, 12],
  freeze_to_rdy_supported: [0x18, 11, 11],
} as const satisfies Record<string, Field>;
/** 64-bit offset of the doorbells in the BAR. */
export const DOORBELL_BAR_OFFSET_AT = 0x08;
/** `umem_1_buffer_param_a`; six dwords: a and b of each of the three. */
export const UMEM_PARAMS_AT = 0x20;
export const VDPA_CAP_SIZE = 0x40;

/** Memory key context. */
export const MKC = {
  access_mode_4_2: [0x00, 28, 26],
  lw: [0x00, 11, 11],
  lr: [0x00, 10, 10],
  access_mode_1_0: [0x00, 9, 8],
  qpn: [0x04, 31, 8],
  mkey_7_0: [0x04, 7, 0],
  length64: [0x0c, 31, 31],
  pd: [0x0c, 23, 0],
  translations_octword_size: [0x34, 31, 0],
  log_page_size: [0x38, 5, 0],
} as const satisfies Record<string, Field>;
export const MKC_START_AT = 0x10;
export const MKC_LEN_AT = 0x18;
/** `translations_octword_actual_size` of CREATE_MKEY. */
export const MKEY_OCTWORDS: Field = [0x60, 31, 0];
/** Access modes: physical addresses, pages, a list of other keys. */
export const ACCESS_MODE = { PA: 0, MTT: 1, KLMS: 2 } as const;
/** An entry of a list of keys: 32-bit length, 32-bit key, 64-bit address. */
export const KLM_SIZE = 16;
/** Answer of QUERY_SPECIAL_CONTEXTS. */
export const NULL_MKEY: Field = [0x0c, 31, 0];

/** UMEM context: pages of driver memory that the firmware may use. */
export const UMEM = { log_page_size: [0x10, 4, 0], page_offset: [0x14, 31, 0] } as const satisfies Record<
  string,
  Field
>;
export const UMEM_COUNT_AT = 0x18;

/** NIC vport context and vport state. */
export const NIC_VPORT = { mtu: [0x24, 15, 0] } as const satisfies Record<string, Field>;
/** `permanent_address` of the context: 2 bytes nothing, 6 bytes MAC. */
export const PERMANENT_ADDRESS_AT = 0xf4;
export const NIC_VPORT_SIZE = 0x100;
export const VPORT_STATE = { state: [0x0c, 3, 0] } as const satisfies Record<string, Field>;
