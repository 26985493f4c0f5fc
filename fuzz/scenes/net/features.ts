import type { DeviceFacts } from '../../../conformance/runner/device-facts.ts';
import { chance, type Draw } from '../../draw.ts';
import type { View } from '../../view.ts';
import { offers } from '../scene.ts';

/** The far side takes frames that the driver sends. */
export const takes = (facts: DeviceFacts) => facts.type === 'net' && facts.peer?.take === true;
/** The far side sends frames to the driver. */
export const sends = (facts: DeviceFacts) => facts.type === 'net' && facts.peer?.send === true;

/** Features that these need before them (section 5.1.3.1). */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  'net.HOST_TSO4': ['net.CSUM'],
  'net.HOST_TSO6': ['net.CSUM'],
  'net.HOST_UFO': ['net.CSUM'],
  'net.HOST_ECN': ['net.CSUM', 'net.HOST_TSO4'],
  'net.GUEST_TSO4': ['net.GUEST_CSUM'],
  'net.GUEST_TSO6': ['net.GUEST_CSUM'],
  'net.GUEST_UFO': ['net.GUEST_CSUM'],
  'net.GUEST_ECN': ['net.GUEST_CSUM', 'net.GUEST_TSO4'],
  'net.RSC_EXT': ['net.CSUM', 'net.HOST_TSO4', 'net.GUEST_CSUM', 'net.GUEST_TSO4'],
};

/** How many of the features a session has: hardly any as often as nearly all. */
export const SHARES = [0, 20, 55, 90];

/** A consistent choice of `names`, as far as they are offered. */
export function choose(view: View, draw: Draw, names: readonly string[], percent: number): string[] {
  const chosen = names.filter(() => chance(draw, percent)).flatMap((name) => [...(NEEDS[name] ?? []), name]);
  return [...new Set(chosen)].filter((name) => offers(view.facts, name));
}

/** Features of one session: chosen ones in, all others of `names` out. */
export const only = (names: readonly string[], features: readonly string[]) => ({
  features,
  without: names.filter((name) => !features.includes(name)),
});

/** Features that change what the driver may send. */
export const TX = [
  'net.CSUM',
  'net.HOST_TSO4',
  'net.HOST_TSO6',
  'net.HOST_ECN',
  'net.HOST_UFO',
  'net.MRG_RXBUF',
  'net.MTU',
];

/** Features that change what the driver gets. */
export const RX = [
  'net.GUEST_CSUM',
  'net.GUEST_TSO4',
  'net.GUEST_TSO6',
  'net.GUEST_ECN',
  'net.GUEST_UFO',
  'net.MRG_RXBUF',
  'net.RSC_EXT',
];
