/**
 * The vhost-user protocol as bytes: requests, payloads, flags. All fields are in the byte order of the host,
 * which is little-endian here. Source: "Vhost-user Protocol" in QEMU's interoperability documents.
 */

/** Front end to back end. */
export const REQUEST = {
  GET_FEATURES: 1,
  SET_FEATURES: 2,
  SET_OWNER: 3,
  SET_MEM_TABLE: 5,
  SET_VRING_NUM: 8,
  SET_VRING_ADDR: 9,
  SET_VRING_BASE: 10,
  GET_VRING_BASE: 11,
  SET_VRING_KICK: 12,
  SET_VRING_CALL: 13,
  SET_VRING_ERR: 14,
  GET_PROTOCOL_FEATURES: 15,
  SET_PROTOCOL_FEATURES: 16,
  GET_QUEUE_NUM: 17,
  SET_VRING_ENABLE: 18,
  SET_BACKEND_REQ_FD: 21,
  GET_CONFIG: 24,
  SET_CONFIG: 25,
  RESET_DEVICE: 34,
  SET_STATUS: 39,
  GET_STATUS: 40,
} as const;
export type RequestName = keyof typeof REQUEST;

/** Back end to front end. */
export const BACKEND_REQUEST = { CONFIG_CHANGE: 2 } as const;

/** Protocol features by bit. */
export const PROTOCOL = {
  MQ: 0,
  REPLY_ACK: 3,
  BACKEND_REQ: 5,
  CONFIG: 9,
  RESET_DEVICE: 13,
  STATUS: 16,
} as const;
export type ProtocolFeature = keyof typeof PROTOCOL;

/** Feature bits that vhost-user adds to those of the device. */
export const F_LOG_ALL = 1n << 26n;
export const F_PROTOCOL_FEATURES = 1n << 30n;

/** Bytes of a message header. */
export const HEADER = 12;

export const FLAG = { VERSION: 1, REPLY: 4, NEED_REPLY: 8 } as const;

/** Most regions in one SET_MEM_TABLE. */
export const MAX_REGIONS = 8;
/** Most bytes of configuration in one message. */
export const MAX_CONFIG = 256;

export interface Header {
  request: number;
  flags: number;
  /** Bytes of payload that follow. */
  size: number;
}

/** A whole message. */
export function encode(request: number, flags: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, request, true);
  view.setUint32(4, flags | FLAG.VERSION, true);
  view.setUint32(8, payload.length, true);
  bytes.set(payload, HEADER);
  return bytes;
}

/** The header at the start of `bytes`. */
export function decodeHeader(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER);
  return {
    request: view.getUint32(0, true),
    flags: view.getUint32(4, true),
    size: view.getUint32(8, true),
  };
}

/** One 64-bit number. */
export const u64 = (value: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(value).buffer);

/** The 64-bit number that a payload consists of. */
export const asU64 = (payload: Uint8Array): bigint =>
  new DataView(payload.buffer, payload.byteOffset, 8).getBigUint64(0, true);

/** `struct vhost_vring_state`: queue index and a number. */
export const vringState = (index: number, num: number): Uint8Array =>
  new Uint8Array(Uint32Array.of(index, num >>> 0).buffer);

/** Index and number of a `struct vhost_vring_state`. */
export function asVringState(payload: Uint8Array): { index: number; num: number } {
  const view = new DataView(payload.buffer, payload.byteOffset, 8);
  return { index: view.getUint32(0, true), num: view.getUint32(4, true) };
}

/** `struct vhost_vring_addr`, with user addresses: descriptors, device area, driver area. No logging. */
export function vringAddress(index: number, desc: bigint, device: bigint, driver: bigint): Uint8Array {
  const bytes = new Uint8Array(40);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, index, true);
  view.setBigUint64(8, desc, true);
  view.setBigUint64(16, device, true);
  view.setBigUint64(24, driver, true);
  return bytes;
}

/** A memory region; every number in bytes. */
export interface MemoryRegion {
  /** Guest physical address: what descriptors hold. */
  guest: number;
  size: number;
  /** User address: what SET_VRING_ADDR uses. */
  user: bigint;
  /** Where it starts in the file that goes along. */
  offset: number;
}

/** Payload of SET_MEM_TABLE; one descriptor a region goes along. */
export function memoryTable(regions: readonly MemoryRegion[]): Uint8Array {
  const bytes = new Uint8Array(8 + 32 * regions.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, regions.length, true);
  regions.forEach(({ guest, size, user, offset }, i) => {
    const at = 8 + 32 * i;
    view.setBigUint64(at, BigInt(guest), true);
    view.setBigUint64(at + 8, BigInt(size), true);
    view.setBigUint64(at + 16, user, true);
    view.setBigUint64(at + 24, BigInt(offset), true);
  });
  return bytes;
}

/** Payload of SET_VRING_KICK, CALL and ERR: the queue in bits 0-7, bit 8 when no descriptor goes along. */
export const vringFd = (index: number, none = false): Uint8Array => u64(BigInt(index | (none ? 0x100 : 0)));

/** Payload of GET_CONFIG and SET_CONFIG: offset, size, flags 0 (a driver's write), the bytes. */
export function configPayload(offset: number, bytes: Uint8Array): Uint8Array {
  const payload = new Uint8Array(12 + bytes.length);
  const view = new DataView(payload.buffer);
  view.setUint32(0, offset, true);
  view.setUint32(4, bytes.length, true);
  payload.set(bytes, 12);
  return payload;
}
