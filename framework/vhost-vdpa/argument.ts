/**
 * The argument of an ioctl: bytes in the caller's memory, read and written in place. Missing or short bytes stand
 * for a pointer to memory that is not there: every access beyond them fails, which the caller answers with EFAULT.
 */
export class Argument {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array = NOTHING) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Whether `size` bytes from `at` on are there. */
  has(size: number, at = 0): boolean {
    return at + size <= this.#bytes.length;
  }

  u8(at = 0): number {
    return this.#view.getUint8(at);
  }
  u32(at = 0): number {
    return this.#view.getUint32(at, true);
  }
  s32(at = 0): number {
    return this.#view.getInt32(at, true);
  }
  u64(at = 0): bigint {
    return this.#view.getBigUint64(at, true);
  }

  /** Copy `size` bytes at `at` out of the caller's memory. */
  copy(at: number, size: number): Uint8Array {
    return this.#bytes.slice(at, at + size);
  }

  putU8(value: number): void {
    this.#view.setUint8(0, value);
  }
  putU16(value: number): void {
    this.#view.setUint16(0, value, true);
  }
  putU32(value: number, at = 0): void {
    this.#view.setUint32(at, value, true);
  }
  putU64(value: bigint, at = 0): void {
    this.#view.setBigUint64(at, BigInt.asUintN(64, value), true);
  }
  put(bytes: Uint8Array, at: number): void {
    this.#bytes.set(bytes, at);
  }
}

const NOTHING = new Uint8Array(0);
