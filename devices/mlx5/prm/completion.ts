import type { Field } from './fields.ts';

/** Completion queue context. */
export const CQC = {
  log_cq_size: [0x0c, 28, 24],
  uar_page: [0x0c, 23, 0],
  c_eqn: [0x14, 7, 0],
  log_page_size: [0x18, 28, 24],
} as const satisfies Record<string, Field>;
export const CQC_DBR_AT = 0x38;

/** Queue pair context. */
export const QPC = {
  state: [0x00, 31, 28],
  pd: [0x04, 23, 0],
  log_rq_size: [0x08, 22, 19],
  log_rq_stride: [0x08, 18, 16],
  uar_page: [0x0c, 23, 0],
  remote_qpn: [0x14, 23, 0],
  cqn_rcv: [0x9c, 23, 0],
} as const satisfies Record<string, Field>;
export const QPC_DBR_AT = 0xa0;

/** Completion queue entry: 64 bytes, the last of them opcode and owner. */
export const CQE_SIZE = 64;
export const CQE = { qpn: [0x38, 23, 0], wqe_counter: [0x3c, 31, 16] } as const satisfies Record<
  string,
  Field
>;
export const CQE_OWN_AT = 63;
export const CQE_OPCODE = { RESP_SEND: 2, INVALID: 0x0f } as const;

/** Doorbell record of a completion queue: consumer index, then what it is armed with. */
export const CQ_DBR = { set_ci: [0x00, 23, 0], arm: [0x04, 31, 0] } as const satisfies Record<string, Field>;
/** Arming: bit 24 clear asks for the next completion, whatever it is. */
export const UAR_CQ_DB_AT = 0x20;

/** Event queue entry: 64 bytes. */
export const EQE_SIZE = 64;
export const EQE = {
  type: [0x00, 23, 16],
  sub_type: [0x00, 7, 0],
  cqn: [0x38, 23, 0],
} as const satisfies Record<string, Field>;
/** Data of an object change: type, then number. */
export const EQE_OBJECT = { type: [0x20, 15, 0], id: [0x24, 31, 0] } as const satisfies Record<string, Field>;
export const EVENT = {
  COMPLETION: 0x00,
  INTERNAL_ERROR: 0x08,
  PORT_CHANGE: 0x09,
  OBJECT_CHANGE: 0x27,
} as const;
export const PORT_SUB_TYPE = { DOWN: 1, ACTIVE: 4 } as const;
