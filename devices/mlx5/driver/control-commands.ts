import { NET_F } from '../../../specs/virtio-1.1/features.ts';

/** Classes of control commands that the parent knows (section 5.1.6.5). */
const CLASS = { MAC: 1, VLAN: 2, MQ: 4 } as const;
const MAC_ADDR_SET = 1;
const VLAN_ADD = 0;
const VLAN_DEL = 1;
const VQ_PAIRS_SET = 0;
const MOST_VLAN = 4095;

/** What control commands act on. Every action takes effect as a whole or answers false. */
export interface ControlTarget {
  negotiated(features: bigint): boolean;
  readonly maxPairs: number;
  setMac(mac: Uint8Array): boolean;
  setVlan(id: number, on: boolean): boolean;
  setPairs(pairs: number): boolean;
}

/** Carry out a control command: class, command, data. False is an error; receive modes and filter tables are none. */
export function executeControl(target: ControlTarget, bytes: Uint8Array): boolean {
  if (bytes.length < 2) return false;
  const data = bytes.subarray(2);
  switch (bytes[0]) {
    case CLASS.MAC:
      return bytes[1] === MAC_ADDR_SET && setMac(target, data);
    case CLASS.VLAN:
      return setVlan(target, bytes[1], data);
    case CLASS.MQ:
      return bytes[1] === VQ_PAIRS_SET && setPairs(target, data);
    default:
      return false;
  }
}

/** 5.1.6.5.2; an address of zeros belongs to nobody. */
function setMac(target: ControlTarget, data: Uint8Array): boolean {
  if (!target.negotiated(NET_F.CTRL_MAC_ADDR) || data.length !== 6) return false;
  return data.some((byte) => byte !== 0) && target.setMac(data);
}

/** 5.1.6.5.3; le16. */
function setVlan(target: ControlTarget, command: number, data: Uint8Array): boolean {
  if (!target.negotiated(NET_F.CTRL_VLAN) || data.length !== 2) return false;
  if (command !== VLAN_ADD && command !== VLAN_DEL) return false;
  const id = data[0] | (data[1] << 8);
  return id <= MOST_VLAN && target.setVlan(id, command === VLAN_ADD);
}

/** 5.1.6.5.5; le16. */
function setPairs(target: ControlTarget, data: Uint8Array): boolean {
  if (!target.negotiated(NET_F.MQ) || data.length !== 2) return false;
  const pairs = data[0] | (data[1] << 8);
  return pairs >= 1 && pairs <= target.maxPairs && target.setPairs(pairs);
}
