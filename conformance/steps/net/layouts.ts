import { cutSizes } from '../../session/requests.ts';
import { INT, list, TEXT } from '../step.ts';

const LAYOUTS: Readonly<Record<string, readonly number[]>> = {
  L1: [],
  L2: [12],
  L3: [5, 7],
  L4: [14],
  L5: [4, 4, 4],
  L6: [5, 7],
};

export const LAY = {
  description: 'Descriptors of a buffer: L1 … L6, or sizes; what is left is one more.',
  anyOf: [TEXT, list(INT)],
};

export type Lay = string | number[];

/** Sizes of the descriptors of a buffer of `total` bytes. */
export function sizesOf(lay: Lay, total: number): number[] {
  if (Array.isArray(lay)) return cutSizes(total, lay);
  const cut = LAYOUTS[lay];
  if (cut === undefined)
    throw new RangeError(`no layout is called ${lay}; known: ${Object.keys(LAYOUTS).join(', ')}`);
  // L5 also cuts the frame in two, at an odd place.
  const rest = total - 12;
  return cutSizes(total, lay === 'L5' && rest > 1 ? [...cut, (rest >> 1) | 1] : cut);
}
