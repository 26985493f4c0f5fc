import type { Source } from '../sequence.ts';
import { asSequence } from './as-sequence.ts';
import { drawShot } from './shot.ts';

/**
 * What bursts send, as steps: reset, bring-up, one to three buffers, maybe something wrong in the ring, a kick. About
 * 25 ops each, so that a device in process takes more than 10,000 a second with all of them judged by the model.
 */
export const SMALL_CASES: Source = {
  draw: (facts, _draw, seed) => asSequence(drawShot(facts, seed)),
  longest: 9,
};
