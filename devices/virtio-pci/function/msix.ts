import type { AccessSize } from '../../../framework/transport/access.ts';

const ENTRY = 16;
const CONTROL = 12;

/** MSI-X table and pending bits of a function (PCI Local Bus 3.0, section 6.8.2). */
export class Msix {
  /** Entries of the table. */
  readonly count: number;
  readonly tableSize: number;
  readonly pendingSize: number;
  enabled = false;
  /** All entries count as masked. */
  functionMask = false;
  readonly #table: DataView;
  readonly #pending: Uint8Array;
  readonly #send: (address: number, data: number) => void;

  constructor(count: number, send: (address: number, data: number) => void) {
    this.count = count;
    this.tableSize = count * ENTRY;
    this.pendingSize = 8 * Math.ceil(count / 64);
    this.#table = new DataView(new ArrayBuffer(this.tableSize));
    this.#pending = new Uint8Array(this.pendingSize);
    this.#send = send;
    for (let vector = 0; vector < count; vector++) this.#table.setUint32(vector * ENTRY + CONTROL, 1, true);
  }

  /** An event of `vector` came: send its message, or keep it pending while that is masked. */
  signal(vector: number): void {
    if (!this.enabled || vector >= this.count) return;
    if (this.masked(vector)) this.#pending[vector >> 3] |= 1 << (vector & 7);
    else this.deliver(vector);
  }

  masked(vector: number): boolean {
    return this.functionMask || (this.#table.getUint32(vector * ENTRY + CONTROL, true) & 1) !== 0;
  }

  deliver(vector: number): void {
    const at = vector * ENTRY;
    const address = this.#table.getUint32(at + 4, true) * 0x1_0000_0000 + this.#table.getUint32(at, true);
    this.#send(address, this.#table.getUint32(at + 8, true));
  }

  /** Masks were lifted: send what waited for it. */
  flush(): void {
    for (let vector = 0; this.enabled && vector < this.count; vector++) {
      const bit = 1 << (vector & 7);
      if ((this.#pending[vector >> 3] & bit) === 0 || this.masked(vector)) continue;
      this.#pending[vector >> 3] &= ~bit;
      this.deliver(vector);
    }
  }

  readTable(offset: number, size: AccessSize): number {
    if (size !== 4 || offset % 4 !== 0 || offset + 4 > this.tableSize) return 0;
    return this.#table.getUint32(offset, true);
  }
  writeTable(offset: number, size: AccessSize, value: number): void {
    if (size !== 4 || offset % 4 !== 0 || offset + 4 > this.tableSize) return;
    this.#table.setUint32(offset, value, true);
    this.flush();
  }
  readPending(offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = 0; i < size; i++) value += (this.#pending[offset + i] ?? 0) * 2 ** (8 * i);
    return value;
  }
}
