/** Bytes of `struct virtio_net_config` of Linux, whatever is offered. */
const SIZE = 24;
const MAC_AT = 0;
const STATUS_AT = 6;
const PAIRS_AT = 8;
const MTU_AT = 10;
const LINK_UP = 1;

/** The configuration space (section 5.1.4), which the parent driver keeps itself, little-endian. */
export class NetConfigSpace {
  readonly bytes = new Uint8Array(SIZE);
  readonly #view = new DataView(this.bytes.buffer);
  /** 32-bit counter of changes and resets. */
  generation = 0;

  constructor(mac: Uint8Array, maxPairs: number, mtu: number) {
    this.bytes.set(mac, MAC_AT);
    this.#view.setUint16(PAIRS_AT, maxPairs, true);
    this.#view.setUint16(MTU_AT, mtu, true);
  }

  get mac(): Uint8Array {
    return this.bytes.subarray(MAC_AT, MAC_AT + 6);
  }

  get linkUp(): boolean {
    return (this.#view.getUint16(STATUS_AT, true) & LINK_UP) !== 0;
  }

  /** Copy bytes from `offset` into `into`; what lies beyond the end leaves it as it is. */
  read(offset: number, into: Uint8Array): void {
    if (offset < 0 || offset >= SIZE) return;
    into.set(this.bytes.subarray(offset, Math.min(SIZE, offset + into.length)));
  }

  /** Store bytes, clipped to the space. Whether anything changed; then the generation moved. */
  store(offset: number, from: Uint8Array): boolean {
    let changed = false;
    for (let i = 0; i < from.length && offset + i < SIZE; i++) {
      changed ||= this.bytes[offset + i] !== from[i];
      this.bytes[offset + i] = from[i];
    }
    if (changed) this.bump();
    return changed;
  }

  /** Set or clear the link bit. Whether that was a change. */
  setLink(up: boolean): boolean {
    const status = this.#view.getUint16(STATUS_AT, true);
    const wanted = up ? status | LINK_UP : status & ~LINK_UP;
    return this.store(STATUS_AT, Uint8Array.of(wanted & 0xff, wanted >> 8));
  }

  bump(): void {
    this.generation = (this.generation + 1) >>> 0;
  }
}
