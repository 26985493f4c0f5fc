import type { DeviceFacts } from '../../../conformance/runner/device-facts.ts';
import { chance, type Draw, pick } from '../../draw.ts';
import type { View } from '../../view.ts';
import { offers } from '../scene.ts';

/** A device that takes commands. */
export const control = (facts: DeviceFacts) => facts.type === 'net' && offers(facts, 'net.CTRL_VQ');

/** Features with commands of their own. */
const COMMANDS = [
  'net.CTRL_RX',
  'net.CTRL_RX_EXTRA',
  'net.CTRL_MAC_ADDR',
  'net.CTRL_VLAN',
  'net.MQ',
  'net.GUEST_ANNOUNCE',
];
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  'net.CTRL_RX_EXTRA': ['net.CTRL_RX'],
  'net.CTRL_MAC_ADDR': ['net.MAC'],
  'net.GUEST_ANNOUNCE': ['net.STATUS'],
};

/** Features of a session with a control queue: always consistent. */
export function sessionFeatures(view: View, draw: Draw): string[] {
  const chosen = COMMANDS.filter((name) => offers(view.facts, name) && chance(draw, 70));
  const all = ['net.CTRL_VQ', 'net.MAC', ...chosen.flatMap((name) => [name, ...(NEEDS[name] ?? [])])];
  return [...new Set(all)].filter((name) => offers(view.facts, name));
}

/** A layout that the ring can hold. */
export const layout = (draw: Draw) =>
  pick(draw, [{ lay: 'C1' }, { lay: 'C2' }, { lay: 'C3' }, { cut: [1, 1, 2, 1] }]);
