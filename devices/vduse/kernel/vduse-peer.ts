import type { FrameMeta, PacketPeer, PeerOffload, TakenFrame } from '../../../framework/peer.ts';
import { MAX_FRAME, SIMULATOR_PEER_CAPS } from '../../simulator/net/peer.ts';
import type { VduseDevice } from './vduse-device.ts';

/** The network behind a daemon: what is sent is told to the daemon at once, and it looks when it works. */
export class VdusePeer implements PacketPeer {
  readonly caps = SIMULATOR_PEER_CAPS;
  readonly #device: VduseDevice;

  constructor(device: VduseDevice) {
    this.#device = device;
  }

  accept(offloads: readonly PeerOffload[]): void {
    this.#device.command({ do: 'accept', offloads });
  }

  send(frame: Uint8Array, meta?: FrameMeta): void {
    if (frame.length > MAX_FRAME)
      throw new RangeError(`frame of ${frame.length} bytes; at most ${MAX_FRAME}`);
    this.#device.command({ do: 'frame', length: frame.length, meta }, frame);
  }

  take(): TakenFrame[] {
    return this.#device.node.sent.splice(0);
  }

  link(up: boolean): void {
    this.#device.command({ do: 'link', up });
  }

  announce(): void {
    this.#device.command({ do: 'announce' });
  }

  stall(on: boolean): void {
    this.#device.command({ do: 'stall', on });
  }
}
