/**
 * Netlink messages as bytes (`linux/netlink.h`): a header of 16 bytes, a payload, padding to 4 bytes. All
 * fields are in host byte order; this code speaks little-endian.
 */

export const NLMSG_HDRLEN = 16;

/** Message types below the families'. */
export const NLMSG = { NOOP: 1, ERROR: 2, DONE: 3, MIN_TYPE: 0x10 } as const;

/** Header flags. */
export const NLM_F = {
  REQUEST: 0x1,
  MULTI: 0x2,
  ACK: 0x4,
  ECHO: 0x8,
  /** ROOT and MATCH together. */
  DUMP: 0x300,
  /** On an acknowledgement: the request is not repeated beyond its header. */
  CAPPED: 0x100,
  /** On an acknowledgement: attributes follow. */
  ACK_TLVS: 0x200,
} as const;

/** Attributes of an extended acknowledgement (`enum nlmsgerr_attrs`). */
export const NLMSGERR_ATTR = { MSG: 1, OFFS: 2, COOKIE: 3, POLICY: 4 } as const;

export interface NlHeader {
  type: number;
  flags: number;
  seq: number;
  /** Port id. */
  pid: number;
}

/** One message: header and payload, both as they stood in the datagram. */
export interface NlMessage extends NlHeader {
  /** Length that the header claims, header included. */
  length: number;
  /** The message from its header on, `length` bytes. */
  bytes: Uint8Array;
  payload: Uint8Array;
}

/** Round up to the alignment of messages and attributes, 4 bytes. */
export const align4 = (n: number): number => (n + 3) & ~3;

/** A message with its header; no padding at the end. */
export function putMessage(header: NlHeader, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(NLMSG_HDRLEN + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, header.type, true);
  view.setUint16(6, header.flags, true);
  view.setUint32(8, header.seq, true);
  view.setUint32(12, header.pid, true);
  bytes.set(payload, NLMSG_HDRLEN);
  return bytes;
}

/**
 * The messages of a datagram. As in the kernel, what does not hold a whole message ends the reading
 * silently: a claimed length below 16 or beyond the end.
 */
export function readMessages(datagram: Uint8Array): NlMessage[] {
  const messages: NlMessage[] = [];
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  let at = 0;
  while (datagram.length - at >= NLMSG_HDRLEN) {
    const length = view.getUint32(at, true);
    if (length < NLMSG_HDRLEN || length > datagram.length - at) break;
    const bytes = datagram.subarray(at, at + length);
    messages.push({
      length,
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      seq: view.getUint32(at + 8, true),
      pid: view.getUint32(at + 12, true),
      bytes,
      payload: bytes.subarray(NLMSG_HDRLEN),
    });
    at += align4(length);
  }
  return messages;
}

/** Several messages, each padded to 4 bytes, as one datagram. */
export function joinMessages(messages: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(messages.reduce((sum, one) => sum + align4(one.length), 0));
  let at = 0;
  for (const message of messages) {
    bytes.set(message, at);
    at += align4(message.length);
  }
  return bytes;
}
