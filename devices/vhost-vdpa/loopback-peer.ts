import type { PacketPeer, PeerCaps, TakenFrame } from '../../framework/peer.ts';

/** A device without a far side: what it transmits to itself comes back as received. */
export class LoopbackPeer implements PacketPeer {
  readonly caps: PeerCaps = {
    send: false,
    take: false,
    sendMeta: 'none',
    takeMeta: 'none',
    link: false,
    announce: false,
    stall: false,
    flows: false,
    loopback: true,
    order: false,
    maxFrame: 1514,
  };

  accept(): void {}
  send(): never {
    throw new TypeError('a loopback has no far side that sends');
  }
  take(): TakenFrame[] {
    return [];
  }
}
