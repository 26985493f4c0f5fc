import { word } from './checksum.ts';
import { ETH_HEADER, ETHERTYPE_VLAN } from './frame.ts';

/** The receive modes that the RX class of control commands switches (section 5.1.6.5.1). */
export const RX_MODES = ['promisc', 'allmulti', 'alluni', 'nomulti', 'nouni', 'nobcast'] as const;
export type RxMode = (typeof RX_MODES)[number];

/** A MAC address as a number, for exact comparison and as a key. */
export function macKey(bytes: Uint8Array, at = 0): number {
  return word(bytes, at) * 0x1_0000_0000 + word(bytes, at + 2) * 0x1_0000 + word(bytes, at + 4);
}

/** Key of ff:ff:ff:ff:ff:ff. */
export const BROADCAST = 0xffff_ffff_ffff;

const NONE: ReadonlySet<number> = new Set();

/**
 * The receive filter (sections 5.1.6.5.1 to 5.1.6.5.3). It is precise: a frame passes only when its
 * destination is the device's own address, broadcast, in the table, or let in by a mode. After reset no mode
 * is on and the tables are empty.
 */
export class RxFilter {
  promisc = false;
  allmulti = false;
  alluni = false;
  nomulti = false;
  nouni = false;
  nobcast = false;
  /** Address that the device answers to. */
  ownMac = 0;
  unicast: ReadonlySet<number> = NONE;
  multicast: ReadonlySet<number> = NONE;
  /** VLAN ids let in; consulted only while {@link vlanFiltering} is set. */
  vlans: ReadonlySet<number> = NONE;
  /** VIRTIO_NET_F_CTRL_VLAN is negotiated. */
  vlanFiltering = false;

  /** Back to the state after reset. */
  reset(ownMac: number): void {
    this.resetModes();
    this.resetTables();
    this.vlans = NONE;
    this.vlanFiltering = false;
    this.ownMac = ownMac;
  }

  /** Modes after reset: all off. */
  resetModes(): void {
    for (const mode of RX_MODES) this[mode] = false;
  }

  /** Tables after reset: empty (5.1.6.5.2.1). */
  resetTables(): void {
    this.unicast = NONE;
    this.multicast = NONE;
  }

  /** Switch one mode. */
  setMode(mode: RxMode, on: boolean): void {
    this[mode] = on;
  }

  /** Replace both tables at once. */
  setTables(unicast: ReadonlySet<number>, multicast: ReadonlySet<number>): void {
    this.unicast = unicast;
    this.multicast = multicast;
  }

  addVlan(id: number): void {
    this.vlans = new Set([...this.vlans, id]);
  }

  removeVlan(id: number): void {
    this.vlans = new Set([...this.vlans].filter((one) => one !== id));
  }

  /** Whether the driver is to get a frame; `bytes` holds at least an Ethernet header. */
  accepts(bytes: Uint8Array, length: number): boolean {
    if (this.promisc) return true;
    if (!this.acceptsVlan(bytes, length)) return false;
    const destination = macKey(bytes);
    if (destination === BROADCAST) return this.acceptsBroadcast();
    if ((bytes[0] & 1) !== 0) return this.acceptsMulticast(destination);
    return this.acceptsUnicast(destination);
  }

  acceptsBroadcast(): boolean {
    return !this.nobcast;
  }

  acceptsMulticast(destination: number): boolean {
    return !this.nomulti && (this.allmulti || this.multicast.has(destination));
  }

  acceptsUnicast(destination: number): boolean {
    return !this.nouni && (this.alluni || this.isOwn(destination) || this.unicast.has(destination));
  }

  isOwn(destination: number): boolean {
    return destination === this.ownMac;
  }

  /** Untagged frames always pass; tagged ones by VLAN id. */
  acceptsVlan(bytes: Uint8Array, length: number): boolean {
    if (!this.vlanFiltering || length < ETH_HEADER + 4 || word(bytes, 12) !== ETHERTYPE_VLAN) return true;
    return this.vlans.has(word(bytes, 14) & 0x0fff);
  }
}
