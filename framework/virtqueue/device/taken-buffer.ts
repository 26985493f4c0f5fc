import type { DeviceBuffer } from './ring.ts';

/** A pooled {@link DeviceBuffer} with what its ring remembers about it. */
export class TakenBuffer implements DeviceBuffer {
  id = 0;
  slots = 1;
  readable = 0;
  writable = 0;
  readonly addr: number[] = [];
  readonly len: number[] = [];
  /** Packed: slot of the first descriptor. */
  first = 0;
  /** Index (split) or slot (packed) of the last descriptor in the ring, not in a table. */
  last = 0;
  /** Flags of the first descriptor. */
  firstFlags = 0;
  /** Rank in the order of taking, modulo 2^16. */
  turn = 0;
  /** Bytes given to `push`, while the buffer waits for its turn (IN_ORDER). */
  written = 0;
  /** False once the buffer is back in the pool. */
  taken = false;

  /** No elements. */
  clear(): void {
    this.readable = 0;
    this.writable = 0;
  }
}
