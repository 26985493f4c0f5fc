import { NET_F } from '../../../specs/virtio-1.1/features.ts';
import type { NetDaemon } from './net.ts';

/** Values of the ack byte (section 5.1.6.5). */
const ACK = { OK: 0, ERR: 1 } as const;

/** Offloads that a driver may switch (section 5.1.6.5.6.1). */
export const SWITCHED =
  NET_F.GUEST_CSUM | NET_F.GUEST_TSO4 | NET_F.GUEST_TSO6 | NET_F.GUEST_ECN | NET_F.GUEST_UFO;

/** One command: the feature that brings it, the length of its data (none: it checks by itself), and its effect. */
interface Command {
  readonly needs: bigint;
  readonly length?: number;
  /** Returns whether the data made sense; if not, nothing has changed. */
  carryOut(device: NetDaemon, data: DataView): boolean;
}

/** A receive mode: one byte, 0 or 1 (section 5.1.6.5.1). */
const mode = (needs: bigint, name: 'promisc' | 'allmulti' | 'alluni' | 'nomulti' | 'nouni' | 'nobcast') => ({
  needs,
  length: 1,
  carryOut({ filter }: NetDaemon, data: DataView) {
    if (data.getUint8(0) > 1) return false;
    filter[name] = data.getUint8(0) === 1;
    return true;
  },
});

const address = (data: DataView, at: number) => data.getUint16(at) * 0x1_0000_0000 + data.getUint32(at + 2);

/** The tables of MAC_TABLE_SET: each le32 entries, then as many addresses; null unless that is all there is. */
function macTables(data: DataView): Set<number>[] | null {
  const tables: Set<number>[] = [];
  let at = 0;
  for (let table = 0; table < 2; table++) {
    if (data.byteLength - at < 4) return null;
    const entries = data.getUint32(at, true);
    at += 4;
    if (entries * 6 > data.byteLength - at) return null;
    const macs = new Set<number>();
    for (const end = at + 6 * entries; at < end; at += 6) macs.add(address(data, at));
    tables.push(macs);
  }
  return at === data.byteLength ? tables : null;
}

/** A VLAN id, le16 below 4096 (section 5.1.6.5.3). */
const vlan = (apply: (device: NetDaemon, id: number) => void): Command => ({
  needs: NET_F.CTRL_VLAN,
  length: 2,
  carryOut(device, data) {
    const id = data.getUint16(0, true);
    if (id > 4095) return false;
    apply(device, id);
    return true;
  },
});

/** Commands by class and number (section 5.1.6.5). */
const COMMANDS: ReadonlyMap<number, Command> = new Map<number, Command>([
  [0x000, mode(NET_F.CTRL_RX, 'promisc')],
  [0x001, mode(NET_F.CTRL_RX, 'allmulti')],
  [0x002, mode(NET_F.CTRL_RX_EXTRA, 'alluni')],
  [0x003, mode(NET_F.CTRL_RX_EXTRA, 'nomulti')],
  [0x004, mode(NET_F.CTRL_RX_EXTRA, 'nouni')],
  [0x005, mode(NET_F.CTRL_RX_EXTRA, 'nobcast')],
  [
    0x100,
    {
      needs: NET_F.CTRL_RX,
      carryOut({ filter }, data) {
        const tables = macTables(data);
        if (tables === null) return false;
        [filter.unicast, filter.multicast] = tables;
        return true;
      },
    },
  ],
  [
    0x101,
    {
      needs: 0n,
      length: 6,
      carryOut(device, data) {
        const shown = device.negotiated(NET_F.CTRL_MAC_ADDR);
        if (!shown && !device.negotiated(NET_F.CTRL_RX)) return false;
        device.filter.ownMac = address(data, 0);
        if (shown) device.storeConfig(0, new Uint8Array(data.buffer, data.byteOffset, 6));
        return true;
      },
    },
  ],
  [0x200, vlan(({ filter }, id) => filter.addVlan(id))],
  [0x201, vlan(({ filter }, id) => filter.removeVlan(id))],
  [
    0x300,
    {
      needs: NET_F.GUEST_ANNOUNCE,
      carryOut(device) {
        device.announced();
        return true;
      },
    },
  ],
  [
    0x400,
    {
      needs: NET_F.MQ,
      length: 2,
      carryOut(device, data) {
        const pairs = data.getUint16(0, true);
        if (pairs < 1 || pairs > device.profile.maxPairs) return false;
        device.usePairs(pairs);
        return true;
      },
    },
  ],
  [
    0x500,
    {
      needs: NET_F.CTRL_GUEST_OFFLOADS,
      length: 8,
      carryOut(device, data) {
        const wanted = data.getBigUint64(0, true);
        if ((wanted & ~(device.features & SWITCHED)) !== 0n) return false;
        device.offloads = wanted;
        return true;
      },
    },
  ],
]);

/** Carry out the command in `bytes` (class, command, data) whole or not at all. Returns the ack. */
export function control(device: NetDaemon, bytes: Uint8Array): number {
  if (bytes.length < 2) return ACK.ERR;
  const command = COMMANDS.get(bytes[0] * 0x100 + bytes[1]);
  if (command === undefined || !device.negotiated(command.needs)) return ACK.ERR;
  const data = new DataView(bytes.buffer, bytes.byteOffset + 2, bytes.length - 2);
  if (command.length !== undefined && command.length !== data.byteLength) return ACK.ERR;
  return command.carryOut(device, data) ? ACK.OK : ACK.ERR;
}
