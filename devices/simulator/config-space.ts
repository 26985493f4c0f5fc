/**
 * The configuration space of a device (section 2.4): bytes, and a generation that moves on every change,
 * so that a driver can tell a torn read.
 */
export class ConfigSpace {
  readonly bytes: Uint8Array;
  /** 32-bit counter of changes. */
  generation = 0;

  /** Starts with a copy of `initial`. */
  constructor(initial: Uint8Array) {
    this.bytes = initial.slice();
  }

  get size(): number {
    return this.bytes.length;
  }

  /** Copy bytes from `offset` into `into`; what lies beyond the end leaves `into` as it is. */
  read(offset: number, into: Uint8Array): void {
    if (!(offset >= 0 && offset < this.bytes.length)) return;
    into.set(this.bytes.subarray(offset, Math.min(this.bytes.length, offset + into.length)));
  }

  /** Store bytes, clipped to the space. Returns whether anything changed; then the generation moved. */
  store(offset: number, from: Uint8Array): boolean {
    let changed = false;
    for (let i = 0; i < from.length; i++) {
      const at = offset + i;
      if (!(at >= 0 && at < this.bytes.length) || this.bytes[at] === from[i]) continue;
      this.bytes[at] = from[i];
      changed = true;
    }
    if (changed) this.bump();
    return changed;
  }

  /** Store one byte. Returns whether it changed; then the generation moved. */
  storeByte(offset: number, value: number): boolean {
    if (this.bytes[offset] === value || offset >= this.bytes.length) return false;
    this.bytes[offset] = value;
    this.bump();
    return true;
  }

  bump(): void {
    this.generation = (this.generation + 1) >>> 0;
  }
}
