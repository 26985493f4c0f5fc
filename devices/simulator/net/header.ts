/** `struct virtio_net_hdr` (section 5.1.6): 12 bytes before every packet, little-endian. */

/** Bytes of the header with VIRTIO_F_VERSION_1, with and without mergeable buffers. */
export const NET_HEADER = 12;

/** Bits of `flags`. */
export const HDR_F = { NEEDS_CSUM: 1, DATA_VALID: 2, RSC_INFO: 4 } as const;

/** Values of `gso_type`; ECN is a bit beside them. */
export const GSO = { NONE: 0, TCPV4: 1, UDP: 3, TCPV6: 4, ECN: 0x80 } as const;

/** The fields of the header. */
export interface NetHeader {
  flags: number;
  gsoType: number;
  hdrLen: number;
  gsoSize: number;
  csumStart: number;
  csumOffset: number;
  numBuffers: number;
}

/** A header that says nothing: complete checksum, no segmentation, one buffer. */
export function plainHeader(): NetHeader {
  return { flags: 0, gsoType: GSO.NONE, hdrLen: 0, gsoSize: 0, csumStart: 0, csumOffset: 0, numBuffers: 1 };
}

/** Read a header at `at`. */
export function readHeader(bytes: Uint8Array, at = 0): NetHeader {
  return {
    flags: bytes[at],
    gsoType: bytes[at + 1],
    hdrLen: le16(bytes, at + 2),
    gsoSize: le16(bytes, at + 4),
    csumStart: le16(bytes, at + 6),
    csumOffset: le16(bytes, at + 8),
    numBuffers: le16(bytes, at + 10),
  };
}

/** Write all 12 bytes of a header at `at`. */
export function writeHeader(bytes: Uint8Array, header: NetHeader, at = 0): void {
  bytes[at] = header.flags;
  bytes[at + 1] = header.gsoType;
  putLe16(bytes, at + 2, header.hdrLen);
  putLe16(bytes, at + 4, header.gsoSize);
  putLe16(bytes, at + 6, header.csumStart);
  putLe16(bytes, at + 8, header.csumOffset);
  putLe16(bytes, at + 10, header.numBuffers);
}

/** Load a little-endian 16-bit word. */
export function le16(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}

/** Store a little-endian 16-bit word. */
export function putLe16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

/** Load a little-endian 32-bit word. */
export function le32(bytes: Uint8Array, at: number): number {
  return le16(bytes, at) + le16(bytes, at + 2) * 0x1_0000;
}
