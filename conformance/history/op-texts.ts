import { initialVqState, type VqState } from '../../framework/device.ts';
import { remembering } from '../../specs/remember.ts';

/** Texts of feature sets: the same few come again and again. */
const hexTexts = remembering<bigint, string>(1000);
const toText = (bits: bigint) => `0x${BigInt.asUintN(64, bits).toString(16)}`;
/** A feature set as histories have it. */
export const hex = (bits: bigint): string => hexTexts(bits, toText);

const INITIAL_TEXT = JSON.stringify(initialVqState());

/** A queue state as JSON; nearly all are the initial one. */
export function stateText(state: VqState): string {
  const { split, packed } = state;
  const initial =
    split?.availIndex === 0 &&
    packed?.lastAvailCounter === 1 &&
    packed.lastAvailIdx === 0 &&
    packed.lastUsedCounter === 1 &&
    packed.lastUsedIdx === 0;
  return initial ? INITIAL_TEXT : JSON.stringify(state);
}

/** A value of the wrong type, in words. */
export function valueText(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  try {
    return JSON.stringify(value)?.slice(0, 80) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
