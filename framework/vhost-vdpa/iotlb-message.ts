import { ERRNO } from '../device.ts';
import { BACKEND_F, IOTLB_MSG_SIZE, MSG_HEADER, MSG_SIZE, MSG_TYPE } from './uapi.ts';

/** `vhost_iotlb_msg`: 0 u64 iova, 8 u64 size, 16 u64 uaddr, 24 u8 perm, 25 u8 type; 32 bytes. */
export interface IotlbMessage {
  asid: number;
  iova: bigint;
  size: bigint;
  uaddr: bigint;
  /** 1 read-only, 2 write-only, 3 both; anything else is passed on as it is. */
  perm: number;
  /** One of `IOTLB`; anything else is refused later. */
  type: number;
}

/**
 * Read what a process wrote to the node: u32 type (1 or 2), u32 padding (1) or ASID (2), then the message.
 * Bytes beyond are ignored. Without the IOTLB_ASID acknowledgement the ASID counts as 0.
 *
 * @returns the message, or -EINVAL when the bytes are too few or the type is unknown
 */
export function parseMessage(bytes: Uint8Array, backendFeatures: bigint): IotlbMessage | number {
  if (bytes.length < 4) return -ERRNO.EINVAL;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint32(0, true);
  if (version !== MSG_TYPE.V1 && version !== MSG_TYPE.V2) return -ERRNO.EINVAL;
  if (bytes.length < MSG_HEADER + IOTLB_MSG_SIZE) return -ERRNO.EINVAL;
  const addressed = version === MSG_TYPE.V2 && (backendFeatures & BACKEND_F.IOTLB_ASID) !== 0n;
  return {
    asid: addressed ? view.getUint32(4, true) : 0,
    iova: view.getBigUint64(8, true),
    size: view.getBigUint64(16, true),
    uaddr: view.getBigUint64(24, true),
    perm: view.getUint8(32),
    type: view.getUint8(33),
  };
}

/** A message as `vhost_msg_v2`, or as `vhost_msg` (the ASID is not in it). 72 bytes. */
export function encodeMessage(message: IotlbMessage, version: 1 | 2 = MSG_TYPE.V2): Uint8Array {
  const bytes = new Uint8Array(MSG_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, version, true);
  if (version === MSG_TYPE.V2) view.setUint32(4, message.asid, true);
  view.setBigUint64(8, message.iova, true);
  view.setBigUint64(16, message.size, true);
  view.setBigUint64(24, message.uaddr, true);
  view.setUint8(32, message.perm);
  view.setUint8(33, message.type);
  return bytes;
}
