import { NET_F } from '../../../specs/virtio-1.1/features.ts';
import { le16, le32 } from './header.ts';
import type { NetDevice } from './net-device.ts';
import { macKey, RX_MODES } from './rx-filter.ts';

/** Command classes (section 5.1.6.5). */
export const CTRL = { RX: 0, MAC: 1, VLAN: 2, ANNOUNCE: 3, MQ: 4, GUEST_OFFLOADS: 5 } as const;

/** Values of the ack byte. */
export const ACK = { OK: 0, ERR: 1 } as const;

/** Offloads that a driver may switch while the device runs (section 5.1.6.5.6.1). */
export const GUEST_OFFLOADS =
  NET_F.GUEST_CSUM | NET_F.GUEST_TSO4 | NET_F.GUEST_TSO6 | NET_F.GUEST_ECN | NET_F.GUEST_UFO;

/**
 * The commands of the control virtqueue (section 5.1.6.5). A command is checked completely before it changes
 * anything: it takes effect as a whole and is acked OK, or not at all and is acked ERR. A command whose feature
 * was not negotiated is an error.
 */
export class Control {
  readonly device: NetDevice;

  constructor(device: NetDevice) {
    this.device = device;
  }

  /** Carry out the command in the first `length` bytes (class, command, data). Returns the ack value. */
  execute(bytes: Uint8Array, length: number): number {
    if (length < 2) return ACK.ERR;
    return this.dispatch(bytes[0], bytes[1], bytes.subarray(2, length)) ? ACK.OK : ACK.ERR;
  }

  /** One command; false is an error. */
  dispatch(class_: number, command: number, data: Uint8Array): boolean {
    switch (class_) {
      case CTRL.RX:
        return this.rxMode(command, data);
      case CTRL.MAC:
        return this.mac(command, data);
      case CTRL.VLAN:
        return this.vlan(command, data);
      case CTRL.ANNOUNCE:
        return this.announce(command);
      case CTRL.MQ:
        return this.multiqueue(command, data);
      case CTRL.GUEST_OFFLOADS:
        return this.offloads(command, data);
      default:
        return false;
    }
  }

  /** Class RX: PROMISC and ALLMULTI with CTRL_RX, the other modes with CTRL_RX_EXTRA (5.1.6.5.1.1). */
  rxMode(command: number, data: Uint8Array): boolean {
    if (command >= RX_MODES.length || data.length !== 1 || data[0] > 1) return false;
    if (!this.device.negotiated(command < 2 ? NET_F.CTRL_RX : NET_F.CTRL_RX_EXTRA)) return false;
    this.setRxMode(command, data[0] === 1);
    return true;
  }

  setRxMode(command: number, on: boolean): void {
    this.device.filter.setMode(RX_MODES[command], on);
  }

  /** Class MAC: filter tables and the device's own address (5.1.6.5.2). */
  mac(command: number, data: Uint8Array): boolean {
    if (command === 0) return this.device.negotiated(NET_F.CTRL_RX) && this.macTableSet(data);
    if (command === 1) return this.macAddrSet(data);
    return false;
  }

  /** Two tables, unicast and multicast, that replace the old ones; no byte may be missing or left over. */
  macTableSet(data: Uint8Array): boolean {
    const unicast = this.macTable(data, 0);
    if (unicast === null) return false;
    const multicast = this.macTable(data, 4 + 6 * unicast.length);
    if (multicast === null || 8 + 6 * (unicast.length + multicast.length) !== data.length) return false;
    this.applyMacTables(unicast, multicast);
    return true;
  }

  applyMacTables(unicast: readonly number[], multicast: readonly number[]): void {
    this.device.filter.setTables(new Set(unicast), new Set(multicast));
  }

  /** The table at `at`, or null when the data ends before it does. */
  macTable(data: Uint8Array, at: number): number[] | null {
    if (at + 4 > data.length) return null;
    const entries = this.macEntries(data, at);
    if (entries > (data.length - at - 4) / 6) return null;
    const macs: number[] = [];
    for (let i = 0; i < entries; i++) macs.push(macKey(data, at + 4 + 6 * i));
    return macs;
  }

  /** `entries` of a table: le32. */
  macEntries(data: Uint8Array, at: number): number {
    return le32(data, at);
  }

  /** The default address: always for the filter, in the configuration with CTRL_MAC_ADDR. */
  macAddrSet(data: Uint8Array): boolean {
    if (data.length !== 6) return false;
    const inConfig = this.device.negotiated(NET_F.CTRL_MAC_ADDR);
    if (!inConfig && !this.device.negotiated(NET_F.CTRL_RX)) return false;
    this.applyMacToFilter(data);
    if (inConfig) this.applyMacToConfig(data);
    return true;
  }

  applyMacToFilter(mac: Uint8Array): void {
    this.device.filter.ownMac = macKey(mac);
  }

  applyMacToConfig(mac: Uint8Array): void {
    this.device.setConfigMac(mac);
  }

  /** Class VLAN (5.1.6.5.3). */
  vlan(command: number, data: Uint8Array): boolean {
    if (!this.device.negotiated(NET_F.CTRL_VLAN) || command > 1 || data.length !== 2) return false;
    const id = this.vlanId(data);
    if (id > 4095) return false;
    if (command === 0) this.device.filter.addVlan(id);
    else this.device.filter.removeVlan(id);
    return true;
  }

  /** VLAN id: le16. */
  vlanId(data: Uint8Array): number {
    return le16(data, 0);
  }

  /** Class ANNOUNCE: the bit is clear before the command is used (5.1.6.5.4.2). Harmless when nothing is pending. */
  announce(command: number): boolean {
    if (!this.device.negotiated(NET_F.GUEST_ANNOUNCE) || command !== 0) return false;
    this.device.clearAnnounce();
    return true;
  }

  /** Class MQ: number of pairs, 1 to max_virtqueue_pairs (5.1.6.5.5). */
  multiqueue(command: number, data: Uint8Array): boolean {
    if (!this.device.negotiated(NET_F.MQ) || command !== 0 || data.length !== 2) return false;
    const pairs = this.pairCount(data);
    if (pairs < 1 || pairs > this.device.maxPairs) return false;
    this.device.setPairs(pairs);
    return true;
  }

  /** `virtqueue_pairs`: le16. */
  pairCount(data: Uint8Array): number {
    return le16(data, 0);
  }

  /** Class GUEST_OFFLOADS: exactly the offloads in the mask are on afterwards (5.1.6.5.6.1). */
  offloads(command: number, data: Uint8Array): boolean {
    if (!this.device.negotiated(NET_F.CTRL_GUEST_OFFLOADS) || command !== 0 || data.length !== 8)
      return false;
    const mask = this.offloadMask(data);
    if ((mask & ~(this.device.driverFeatures & GUEST_OFFLOADS)) !== 0n) return false;
    this.applyOffloads(mask);
    return true;
  }

  /** `offloads`: le64. */
  offloadMask(data: Uint8Array): bigint {
    return BigInt(le32(data, 0)) | (BigInt(le32(data, 4)) << 32n);
  }

  applyOffloads(mask: bigint): void {
    this.device.offloads = mask;
  }
}
