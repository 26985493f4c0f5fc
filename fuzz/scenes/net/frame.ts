import type { View } from '../../view.ts';

/** A frame as the steps `net-tx` and `peer` describe it. */
export type Frame = Record<string, unknown>;

/** Largest payload of a packet within the mtu that the device states. */
export const room = ({ facts: { values } }: View) => {
  const mtu = values.mtu as number;
  return Math.min(1400, (mtu >= 68 ? mtu : 1500) - 60);
};
