/**
 * Numbers and layouts of the vhost-vdpa uAPI (`linux/vhost.h`, `linux/vhost_types.h`) as data. Structures are
 * little-endian, as on every host that Linux's vDPA drivers are used on.
 */

const NONE = 0;
const WRITE = 1;
const READ = 2;
const READ_WRITE = 3;

/** `_IOC(dir, 0xaf, nr, size)`: direction in bits 30-31, size in 16-29, type in 8-15, number in 0-7. */
const ioc = (dir: number, nr: number, size: number): number =>
  ((dir << 30) | (size << 16) | (0xaf << 8) | nr) >>> 0;

/** Every ioctl by name (`VHOST_` and `VHOST_VDPA_` left out). */
export const IOCTL = {
  GET_FEATURES: ioc(READ, 0x00, 8),
  SET_FEATURES: ioc(WRITE, 0x00, 8),
  SET_OWNER: ioc(NONE, 0x01, 0),
  RESET_OWNER: ioc(NONE, 0x02, 0),
  SET_MEM_TABLE: ioc(WRITE, 0x03, 8),
  SET_LOG_BASE: ioc(WRITE, 0x04, 8),
  SET_LOG_FD: ioc(WRITE, 0x07, 4),
  SET_VRING_NUM: ioc(WRITE, 0x10, 8),
  SET_VRING_ADDR: ioc(WRITE, 0x11, 40),
  SET_VRING_BASE: ioc(WRITE, 0x12, 8),
  GET_VRING_BASE: ioc(READ_WRITE, 0x12, 8),
  SET_VRING_ENDIAN: ioc(WRITE, 0x13, 8),
  GET_VRING_ENDIAN: ioc(WRITE, 0x14, 8),
  SET_VRING_KICK: ioc(WRITE, 0x20, 8),
  SET_VRING_CALL: ioc(WRITE, 0x21, 8),
  SET_VRING_ERR: ioc(WRITE, 0x22, 8),
  SET_VRING_BUSYLOOP_TIMEOUT: ioc(WRITE, 0x23, 8),
  GET_VRING_BUSYLOOP_TIMEOUT: ioc(WRITE, 0x24, 8),
  SET_BACKEND_FEATURES: ioc(WRITE, 0x25, 8),
  GET_BACKEND_FEATURES: ioc(READ, 0x26, 8),
  GET_DEVICE_ID: ioc(READ, 0x70, 4),
  GET_STATUS: ioc(READ, 0x71, 1),
  SET_STATUS: ioc(WRITE, 0x72, 1),
  GET_CONFIG: ioc(READ, 0x73, 8),
  SET_CONFIG: ioc(WRITE, 0x74, 8),
  SET_VRING_ENABLE: ioc(WRITE, 0x75, 8),
  GET_VRING_NUM: ioc(READ, 0x76, 2),
  SET_CONFIG_CALL: ioc(WRITE, 0x77, 4),
  GET_IOVA_RANGE: ioc(READ, 0x78, 16),
  GET_CONFIG_SIZE: ioc(READ, 0x79, 4),
  GET_AS_NUM: ioc(READ, 0x7a, 4),
  GET_VRING_GROUP: ioc(READ_WRITE, 0x7b, 8),
  SET_GROUP_ASID: ioc(WRITE, 0x7c, 8),
  SUSPEND: ioc(NONE, 0x7d, 0),
  RESUME: ioc(NONE, 0x7e, 0),
  GET_VRING_DESC_GROUP: ioc(READ_WRITE, 0x7f, 8),
  GET_VQS_COUNT: ioc(READ, 0x80, 4),
  GET_GROUP_NUM: ioc(READ, 0x81, 4),
  GET_VRING_SIZE: ioc(READ_WRITE, 0x82, 8),
  SET_FORK_FROM_OWNER: ioc(WRITE, 0x84, 1),
  GET_FORK_FROM_OWNER: ioc(READ, 0x85, 1),
} as const;
export type IoctlName = keyof typeof IOCTL;

/** Bytes that the argument of an ioctl has at least, by the size field of its number. */
export const argumentSize = (command: number): number => (command >>> 16) & 0x3fff;

/** Backend feature bits (`VHOST_BACKEND_F_*`). */
export const BACKEND_F = {
  IOTLB_MSG_V2: 1n << 1n,
  IOTLB_BATCH: 1n << 2n,
  IOTLB_ASID: 1n << 3n,
  SUSPEND: 1n << 4n,
  RESUME: 1n << 5n,
  ENABLE_AFTER_DRIVER_OK: 1n << 6n,
  DESC_ASID: 1n << 7n,
  IOTLB_PERSIST: 1n << 8n,
} as const;

/** Types of IOTLB messages (`VHOST_IOTLB_*`). */
export const IOTLB = {
  MISS: 1,
  UPDATE: 2,
  INVALIDATE: 3,
  ACCESS_FAIL: 4,
  BATCH_BEGIN: 5,
  BATCH_END: 6,
} as const;

/** Size of `vhost_msg` and of `vhost_msg_v2` in bytes: what a successful write returns. */
export const MSG_SIZE = 72;

/** Bytes before the IOTLB message, and of it. */
export const MSG_HEADER = 8;
export const IOTLB_MSG_SIZE = 32;

/** `vhost_msg.type` and `vhost_msg_v2.type`. */
export const MSG_TYPE = { V1: 1, V2: 2 } as const;

/** `VHOST_FILE_UNBIND`: the descriptor that takes an eventfd away. */
export const UNBIND = -1;

/** `VHOST_VRING_F_LOG`. */
export const VRING_F_LOG = 1;

/** Bytes of `vhost_vdpa_config` before its data: u32 off, u32 len. */
export const CONFIG_HEADER = 8;

/** Regions that SET_MEM_TABLE takes at most, and bytes of one (`vhost_memory_region`). */
export const MEM_REGIONS = 64;
export const MEM_REGION_SIZE = 32;
