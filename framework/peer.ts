/**
 * The packet peer: the far side of a net device, driven by tests. It sends and takes whole Ethernet frames,
 * does not pad, filter, recompute sums, reorder, or answer by itself, and copies frames when it takes them.
 */

/** Offload facts that travel beside a frame, in host terms (not ring bytes). Offsets count from the frame start. */
export interface FrameMeta {
  /** The L4 checksum field holds the pseudo-header sum; the rest is still to be summed. */
  needsCsum?: boolean;
  csumStart?: number;
  csumOffset?: number;
  /** The sender vouches for the checksums. */
  dataValid?: boolean;
  gsoType?: 'none' | 'tcpv4' | 'tcpv6' | 'udp';
  /** CWR handling is asked for (the ECN bit of the header). */
  ecn?: boolean;
  /** Payload bytes per segment. */
  gsoSize?: number;
  /** Bytes of all headers up to the payload. */
  hdrLen?: number;
}

/** A frame as the peer took it from the device. */
export interface TakenFrame {
  readonly bytes: Uint8Array;
  readonly meta?: FrameMeta;
  /** Index of the transmit virtqueue it came from, when known. */
  readonly queue?: number;
}

export type MetaSupport = 'none' | 'csum' | 'gso';

/** Which transmit offloads the far side takes as they are. */
export type PeerOffload = 'csum' | 'tso4' | 'tso6' | 'ecn' | 'ufo';

export interface PeerCaps {
  readonly send: boolean;
  readonly take: boolean;
  /** Richest metadata that `send` accepts / that `take` reports. */
  readonly sendMeta: MetaSupport;
  readonly takeMeta: MetaSupport;
  readonly link: boolean;
  readonly announce: boolean;
  readonly stall: boolean;
  /** Which receive queue a flow lands on is visible. */
  readonly flows: boolean;
  /** There is no far side: transmitted frames come back as received ones. */
  readonly loopback: boolean;
  /** Frames that wait for receive buffers reach the device in the order in which they were sent. */
  readonly order: boolean;
  /** Longest frame in bytes. */
  readonly maxFrame: number;
}

export interface PacketPeer {
  readonly caps: PeerCaps;
  /** Which transmit offloads the far side takes; all others the device must resolve itself. Default: none. */
  accept(offloads: readonly PeerOffload[]): void;
  /** Queue one frame towards the device; the peer itself loses nothing. */
  send(frame: Uint8Array, meta?: FrameMeta): void;
  /** Frames that the device forwarded since the last call, oldest first. */
  take(): TakenFrame[];
  /** (caps.link) Carrier up or down. */
  link?(up: boolean): void;
  /** (caps.announce) Ask the device to raise VIRTIO_NET_S_ANNOUNCE. */
  announce?(): void;
  /** (caps.stall) Stop or go on taking frames: transmit back-pressure. */
  stall?(on: boolean): void;
}
