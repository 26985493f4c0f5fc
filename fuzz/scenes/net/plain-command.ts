import type { DeviceFacts } from '../../../conformance/runner/device-facts.ts';
import { offers } from '../scene.ts';

/** A command that a right device takes at any time, as often as it comes. */
export interface PlainCommand {
  /** To be accepted. */
  readonly features: readonly string[];
  /** Class, command and data, in hex (sections 5.1.6.5.1 and 5.1.6.5.3). */
  readonly hex: string;
}

/** A receive mode that is switched, or else a VLAN that is let in; null for a device that knows neither. */
export function plainCommand(facts: DeviceFacts): PlainCommand | null {
  if (facts.type !== 'net' || !offers(facts, 'net.CTRL_VQ')) return null;
  if (offers(facts, 'net.CTRL_RX')) return { features: ['net.CTRL_VQ', 'net.CTRL_RX'], hex: '00 00 01' };
  if (offers(facts, 'net.CTRL_VLAN'))
    return { features: ['net.CTRL_VQ', 'net.CTRL_VLAN'], hex: '02 00 05 00' };
  return null;
}
