import type { AccessSize } from '../../../framework/transport/access.ts';
import { type RegisterSpace, registersOf } from '../../../specs/virtio-1.1/registers.ts';

/** Offset of each register of a space, by its name in the specification. */
export function offsetsOf(space: RegisterSpace): Readonly<Record<string, number>> {
  return Object.fromEntries(registersOf(space).map((row) => [row.name, row.offset]));
}

/** The halves of a 64-bit register value, low first, each 32 bits. */
export function halves(value: number): [number, number] {
  return [value >>> 0, Math.floor(value / 0x1_0000_0000) >>> 0];
}

/** Store the `size` low bytes of `value` in `into` from `at`, little-endian. */
export function putValue(into: Uint8Array, at: number, size: AccessSize, value: number): void {
  for (let i = 0; i < size; i++) into[at + i] = (value >>> (8 * i)) & 0xff;
}

/** The `size` bytes of `from` at `at` as a little-endian number. */
export function takeValue(from: Uint8Array, at: number, size: AccessSize): number {
  let value = 0;
  for (let i = 0; i < size; i++) value += from[at + i] * 2 ** (8 * i);
  return value;
}
