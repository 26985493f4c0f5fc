/** Where a checksum belongs: it covers the frame from `start` on and is stored at `start + offset`. */
export interface PartialChecksum {
  readonly start: number;
  readonly offset: number;
}

/** A packet to send. */
export interface SendOptions {
  /** Transmit queue, counted from 0, below the number of pairs in use (default 0). */
  readonly queue?: number;
  /** Let the device complete this checksum; its field holds the sum of the pseudo header (section 5.1.6.2). */
  readonly checksum?: PartialChecksum;
}

/** A packet received. */
export interface ReceivedFrame {
  readonly bytes: Uint8Array;
  /** Receive queue, counted from 0. */
  readonly queue: number;
  /** Receive buffers that it was spread over. */
  readonly buffers: number;
  /** The device vouches for the checksum (VIRTIO_NET_HDR_F_DATA_VALID). */
  readonly valid: boolean;
  /** The checksum is still to be completed (VIRTIO_NET_HDR_F_NEEDS_CSUM). */
  readonly checksum?: PartialChecksum;
}

/** `struct virtio_net_hdr` (section 5.1.6). */
export const HDR = { flags: 0, csumStart: 6, csumOffset: 8, numBuffers: 10, size: 12 } as const;
export const NEEDS_CSUM = 1;
export const DATA_VALID = 2;

/** Ethernet header, and the VLAN tag that may follow its addresses (TPID 0x8100). */
export const ETHERNET = 14;
export const VLAN_TAG = 4;

/** MTU of a device that does not tell one (section 5.1.6.3). */
export const DEFAULT_MTU = 1500;
