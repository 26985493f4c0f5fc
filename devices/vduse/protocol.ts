/**
 * The VDUSE protocol between kernel and daemon: `include/uapi/linux/vduse.h` of Linux, API version 1. All fields are
 * little-endian; offsets are in bytes.
 */

/** Message types. */
export const MESSAGE = {
  GET_VQ_STATE: 0,
  SET_STATUS: 1,
  UPDATE_IOTLB: 2,
  SET_VQ_READY: 4,
  SUSPEND: 5,
} as const;

/** Bytes of a request and of an answer; a request has type, id, payload at 24; an answer id, result, payload at 24. */
export const MESSAGE_SIZE = 152;
export const PAYLOAD = 24;

/** Results of an answer. */
export const RESULT = { OK: 0, FAILED: 1 } as const;

/** Ioctl numbers: type 0x81. */
export const IOCTL = {
  CREATE_DEV: 0x41508102,
  IOTLB_GET_FD2: 0xc050811b,
  DEV_GET_FEATURES: 0x80088111,
  DEV_SET_CONFIG: 0x40088112,
  VQ_SETUP: 0x40208114,
  VQ_GET_INFO: 0xc0308115,
  VQ_SETUP_KICKFD: 0x40088116,
} as const;

/** Offsets in the argument of CREATE_DEV. */
export const CREATE = {
  NAME: 0,
  VENDOR: 256,
  DEVICE: 260,
  FEATURES: 264,
  VQ_NUM: 272,
  VQ_ALIGN: 276,
  NGROUPS: 280,
  NAS: 284,
  CONFIG_SIZE: 332,
  CONFIG: 336,
} as const;

/** Offsets in the argument of VQ_GET_INFO. */
export const INFO = { INDEX: 0, NUM: 4, DESC: 8, DRIVER: 16, DEVICE: 24, STATE: 32, READY: 40 } as const;

/** Offsets in the argument of IOTLB_GET_FD2. */
export const ENTRY = { OFFSET: 0, START: 8, LAST: 16, PERM: 24, ASID: 32 } as const;

/** Last address of the whole range, as UPDATE_IOTLB always names it; numbers hold it rounded. */
export const ALL = 0xffff_ffff_ffff_ffffn;
