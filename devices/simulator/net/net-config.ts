import type { DevicePort } from '../../../framework/memory/host-memory.ts';
import { NET_F } from '../../../specs/virtio-1.1/features.ts';
import { type DeviceProfile, SimulatorDevice } from '../core.ts';
import { le16, putLe16 } from './header.ts';
import { SimulatorPeer } from './peer.ts';
import { macKey, RxFilter } from './rx-filter.ts';

/** Bits of the `status` field of the configuration (section 5.1.4). */
export const NET_S = { LINK_UP: 1, ANNOUNCE: 2 } as const;

/** Virtio device id of a network device (section 5.1.1). */
export const NET_DEVICE_ID = 1;

const STATUS_AT = 6;

/** What a simulated network device is made of. */
export interface NetProfile extends DeviceProfile {
  readonly maxPairs: number;
  readonly mtu: number;
}

/** The configuration of a network device (section 5.1.4) and what follows it: address, carrier, announcement. */
export abstract class NetConfig extends SimulatorDevice {
  readonly peer = new SimulatorPeer();
  readonly filter = new RxFilter();
  readonly maxPairs: number;
  readonly mtu: number;
  /** The `status` field, ahead of the configuration space while the device is suspended. */
  statusField: number;

  constructor(profile: NetProfile, port: DevicePort, name?: string) {
    super(profile, port, name);
    this.maxPairs = profile.maxPairs;
    this.mtu = profile.mtu;
    this.peer.onLink = (up) => this.linkChanged(up);
    this.peer.onAnnounce = () => this.raiseAnnounce();
    this.filter.ownMac = macKey(this.config.bytes);
    this.statusField = le16(this.config.bytes, STATUS_AT);
  }

  /** Store the address; the driver knows, so there is no notification. */
  setConfigMac(mac: Uint8Array): void {
    this.config.store(0, mac);
  }

  /** The carrier changed: the link bit follows, with a configuration change notification (5.1.5). */
  linkChanged(up: boolean): void {
    this.changeStatus(up ? this.statusField | NET_S.LINK_UP : this.statusField & ~NET_S.LINK_UP);
  }

  /** Ask the driver to announce itself (5.1.6.5.4), if it can hear that. */
  raiseAnnounce(): void {
    if (!this.driverOk || !this.negotiated(NET_F.GUEST_ANNOUNCE | NET_F.STATUS)) return;
    this.changeStatus(this.statusField | NET_S.ANNOUNCE);
  }

  /** Change `status` and notify. */
  changeStatus(status: number): void {
    this.statusField = status;
    this.changeConfig(STATUS_AT, statusBytes(status));
  }

  /** The driver acknowledged, or is gone: no notification. */
  clearAnnounce(): void {
    this.statusField &= ~NET_S.ANNOUNCE;
    this.config.store(STATUS_AT, statusBytes(this.statusField));
  }

  /** The back end changed bytes: the address and the carrier follow. */
  override configChanged(offset: number, length: number): void {
    if (offset < STATUS_AT) this.filter.ownMac = macKey(this.config.bytes);
    if (offset > STATUS_AT + 1 || offset + length <= STATUS_AT || this.config.size <= STATUS_AT) return;
    this.statusField = le16(this.config.bytes, STATUS_AT);
    this.peer.linkUp = (this.statusField & NET_S.LINK_UP) !== 0;
  }
}

function statusBytes(status: number): Uint8Array {
  const bytes = new Uint8Array(2);
  putLe16(bytes, 0, status);
  return bytes;
}
