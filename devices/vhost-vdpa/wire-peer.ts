import { PacketSocket } from '../../framework/native/packet-socket.ts';
import type { PacketPeer, PeerCaps, TakenFrame } from '../../framework/peer.ts';

/** Milliseconds that a frame may take from the device to the interface. */
const ARRIVAL_MS = 20;
/** So many waits in vain after a frame was sent prove nothing: it may still be on its way to the device. */
const UNDER_WAY = 40;

/** The far side of a network device: an interface of this host on the same wire. Frames travel by themselves. */
export class WirePeer implements PacketPeer {
  readonly caps: PeerCaps;
  readonly #socket: PacketSocket;
  #underWay = 0;

  /**
   * `order`: whether the wire keeps it while frames wait.
   * @throws SystemError when there is no such interface, or no right to it
   */
  constructor(name: string, order = true) {
    this.#socket = new PacketSocket(name);
    this.caps = {
      send: true,
      take: true,
      sendMeta: 'none',
      takeMeta: 'none',
      link: false,
      announce: false,
      stall: false,
      flows: false,
      loopback: false,
      order,
      maxFrame: this.#socket.maxFrame,
    };
  }

  accept(): void {}

  send(frame: Uint8Array): void {
    this.#socket.send(frame);
    this.#underWay = UNDER_WAY;
  }

  take(): TakenFrame[] {
    const frames: TakenFrame[] = [];
    for (let bytes = this.#socket.receive(ARRIVAL_MS); bytes !== null; bytes = this.#socket.receive())
      frames.push({ bytes });
    return frames;
  }

  /** Whether a frame may be under way to the device; asked after a wait in vain. */
  busy(): boolean {
    if (this.#underWay === 0) return false;
    this.#underWay--;
    return true;
  }

  dispose(): void {
    this.#socket.dispose();
  }
}
