import type { DeviceFacts } from '../../../conformance/runner/device-facts.ts';
import {
  type FilterCommand,
  type FilterState,
  idsOf,
  RX_MODES,
  type RxMode,
} from '../../../specs/model/net/filter.ts';
import { chance, type Draw, pick } from '../../draw.ts';
import { type DrawnStep, step } from '../../strategy.ts';
import { hex, le32 } from '../bytes.ts';
import { offers } from '../scene.ts';

/** A filter that commands set and frames can test. */
export const filtered = (facts: DeviceFacts) =>
  facts.type === 'net' && facts.peer?.send === true && offers(facts, 'net.CTRL_VQ', 'net.CTRL_RX', 'net.MAC');

/** Addresses by number; neighbours differ in the last byte, or in the one before it. */
export const unicast = (n: number) => `0201000100${hex([n])}`;
export const multicast = (n: number) => `01005e0100${hex([n])}`;
const addresses = (draw: Draw, of: (n: number) => string) => {
  const first = draw.int(200);
  return Array.from({ length: pick(draw, [0, 1, 1, 2, 3, 9]) }, (_, i) => of(first + i));
};

/** The own address of a session, whatever it is: `dev` for the steps. */
export const OWN = 'dev';

/** The bytes of an address that is written as twelve digits. */
export const bytesOf = (mac: string) => mac.match(/../g)!.map((byte) => Number.parseInt(byte, 16));
/** A table of addresses as MAC_TABLE_SET takes it: their number, then they (section 5.1.6.5.2). */
export const table = (macs: readonly string[]) => [...le32(macs.length), ...macs.flatMap(bytesOf)];

/** How a command is cut into descriptors. */
export const layout = (draw: Draw) =>
  pick<Record<string, unknown>>(draw, [
    { lay: 'C1' },
    { lay: 'C2' },
    { lay: 'C3' },
    { cut: [2, 4] },
    { cut: [1, 1, 1, 3, 6] },
  ]);

/** A command of the filter as a step; it is right, so the model has the device carry it out. */
export function commandStep(draw: Draw, command: FilterCommand): DrawnStep {
  const send = (kind: string, number: number, data: readonly number[]) =>
    step('net-ctrl', { class: kind, command: number, data: hex(data), ack: 'model', ...layout(draw) });
  if ('mode' in command) return send('rx', RX_MODES.indexOf(command.mode), [command.on ? 1 : 0]);
  if ('unicast' in command) return send('mac', 0, [...table(command.unicast), ...table(command.multicast)]);
  if ('mac' in command) return send('mac', 1, bytesOf(command.mac));
  return send('vlan', command.add ? 0 : 1, [command.vlan & 0xff, command.vlan >> 8]);
}

export const newAddress = (draw: Draw): FilterCommand => ({
  mac: hex([2, 0, draw.int(2), draw.int(256), 0, 0x80 + draw.int(100)]),
});

export function anyCommand(draw: Draw, features: readonly string[], state: FilterState): FilterCommand {
  const modes = RX_MODES.slice(0, features.includes('net.CTRL_RX_EXTRA') ? 6 : 2);
  const kinds = ['mode', 'mode', 'table'];
  if (modes.length > 2) kinds.push('mode', 'mode', 'mode');
  if (features.includes('net.CTRL_MAC_ADDR')) kinds.push('mac');
  if (features.includes('net.CTRL_VLAN')) kinds.push('vlan', 'vlan');
  switch (pick(draw, kinds)) {
    case 'mode':
      return anyMode(draw, modes, state);
    case 'table':
      return { unicast: addresses(draw, unicast), multicast: addresses(draw, multicast) };
    case 'mac':
      return newAddress(draw);
    default:
      return anyVlanCommand(draw, idsOf(state));
  }
}

/** Add an id, or remove one; most often one that is there. */
function anyVlanCommand(draw: Draw, known: readonly number[]): FilterCommand {
  const there = known.length > 0 && chance(draw, 60);
  const vlan = pick(draw, there ? known : [0, 1, 5, 255, 256, 1280, 4095]);
  return { vlan, add: chance(draw, there ? 25 : 85) };
}

/** Any mode; one that is on is often switched off again, or meets the one that contradicts it. */
function anyMode(draw: Draw, modes: readonly RxMode[], state: FilterState): FilterCommand {
  const active = modes.filter((mode) => state.modes[mode] === true);
  if (active.length > 0 && chance(draw, 60)) {
    const mode = pick(draw, active);
    const against = OPPOSITES[mode].filter((one) => modes.includes(one));
    return against.length > 0 && chance(draw, 50)
      ? { mode: pick(draw, against), on: true }
      : { mode, on: false };
  }
  return { mode: pick(draw, modes), on: chance(draw, 75) };
}

/** Modes that decide about the same frames. */
const OPPOSITES: Readonly<Record<RxMode, readonly RxMode[]>> = {
  promisc: RX_MODES.slice(1),
  allmulti: ['nomulti', 'nobcast', 'promisc'],
  alluni: ['nouni', 'promisc'],
  nomulti: ['allmulti', 'promisc'],
  nouni: ['alluni', 'promisc'],
  nobcast: ['allmulti', 'promisc'],
};
