import type { FrameMeta, PacketPeer, PeerCaps, PeerOffload, TakenFrame } from '../../../framework/peer.ts';
import { ETH_HEADER, VLAN_TAG } from './frame.ts';

/** Longest frame the simulator carries: 64 kB of IP packet and more, Ethernet header and VLAN tag. */
export const MAX_FRAME = 0xffff + ETH_HEADER + VLAN_TAG;

/** What the simulator's peer can do: everything. */
export const SIMULATOR_PEER_CAPS: PeerCaps = {
  send: true,
  take: true,
  sendMeta: 'gso',
  takeMeta: 'gso',
  link: true,
  announce: true,
  stall: true,
  flows: true,
  loopback: false,
  order: true,
  maxFrame: MAX_FRAME,
};

/** A frame on its way to the device. */
export interface SentFrame {
  readonly bytes: Uint8Array;
  readonly meta: FrameMeta | undefined;
}

const NO_OFFLOADS: ReadonlySet<PeerOffload> = new Set();

/**
 * The far side of the simulated network device. Both directions are queues: `send` and the device's own
 * transmission only add to them, and the device moves frames when it is pumped.
 */
export class SimulatorPeer implements PacketPeer {
  readonly caps = SIMULATOR_PEER_CAPS;
  /** Offloads that the far side takes as they are. */
  offloads: ReadonlySet<PeerOffload> = NO_OFFLOADS;
  linkUp = true;
  stalled = false;
  /** Set by the device: the carrier changed. */
  onLink: ((up: boolean) => void) | null = null;
  /** Set by the device: an announcement is asked for. */
  onAnnounce: (() => void) | null = null;
  #inbox: SentFrame[] = [];
  #next = 0;
  #outbox: TakenFrame[] = [];

  accept(offloads: readonly PeerOffload[]): void {
    this.offloads = new Set(offloads);
  }

  send(frame: Uint8Array, meta?: FrameMeta): void {
    if (frame.length > MAX_FRAME)
      throw new RangeError(`frame of ${frame.length} bytes; at most ${MAX_FRAME}`);
    this.#inbox.push({ bytes: frame.slice(), meta: meta === undefined ? undefined : { ...meta } });
  }

  take(): TakenFrame[] {
    const taken = this.#outbox;
    this.#outbox = [];
    return taken;
  }

  link(up: boolean): void {
    if (this.linkUp === up) return;
    this.linkUp = up;
    this.onLink?.(up);
  }

  announce(): void {
    this.onAnnounce?.();
  }

  stall(on: boolean): void {
    this.stalled = on;
  }

  /** Frames that the device has not fetched yet. */
  get waiting(): number {
    return this.#inbox.length - this.#next;
  }

  /** (device) Fetch the oldest frame, or undefined. */
  fetch(): SentFrame | undefined {
    if (this.#next === this.#inbox.length) return undefined;
    const frame = this.#inbox[this.#next++];
    if (this.#next === this.#inbox.length || this.#next >= 1024) {
      this.#inbox = this.#inbox.slice(this.#next);
      this.#next = 0;
    }
    return frame;
  }

  /** (device) Hand over one frame; `bytes` must be the peer's to keep. */
  put(bytes: Uint8Array, queue: number, meta?: FrameMeta): void {
    this.#outbox.push(meta === undefined ? { bytes, queue } : { bytes, queue, meta });
  }
}
