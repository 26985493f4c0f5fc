import type { AccessSize, PciBar } from '../../../framework/transport/access.ts';

/** Bytes of the configuration space of a conventional function. */
export const CONFIG_SIZE = 256;

const FIRST_CAPABILITY = 0x40;

/** A stretch of configuration space with a meaning of its own. */
interface Hook {
  readonly at: number;
  readonly length: number;
  read?(size: AccessSize): number;
  write?(value: number, size: AccessSize): void;
}

/** Type 0 configuration space (PCI Local Bus 3.0, chapter 6): bytes, which of their bits a driver may write, hooks. */
export class ConfigurationSpace {
  readonly bytes = new Uint8Array(CONFIG_SIZE);
  readonly writable = new Uint8Array(CONFIG_SIZE);
  readonly #hooks: Hook[] = [];
  #next = FIRST_CAPABILITY;
  #link = 0x34;

  /** Store a little-endian value that is there from the beginning. */
  put(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size; i++) this.bytes[offset + i] = (value >>> (8 * i)) & 0xff;
  }

  /** Let a driver write the bits of `mask`. */
  allow(offset: number, size: AccessSize, mask: number): void {
    for (let i = 0; i < size; i++) this.writable[offset + i] = (mask >>> (8 * i)) & 0xff;
  }

  /** Put a capability at the end of the list. Returns its offset. */
  addCapability(id: number, body: readonly number[]): number {
    const at = this.#next;
    this.bytes[this.#link] = at;
    this.bytes[at] = id;
    this.bytes.set(body, at + 2);
    this.#link = at + 1;
    this.#next = (at + 2 + body.length + 3) & ~3;
    return at;
  }

  /** Declare a base address register; the address is the size, which keeps it aligned. */
  addBar(index: number, { kind, size }: PciBar): void {
    const at = 0x10 + 4 * index;
    const flags = kind === 'io' ? 1 : 0;
    this.put(at, 4, size | flags);
    this.allow(at, 4, ~(size - 1));
  }

  /** Give a register a meaning of its own; the access has to start at its first byte. */
  hook(hook: Hook): void {
    this.#hooks.push(hook);
  }

  read(offset: number, size: AccessSize): number {
    const hook = this.#hooks.find(({ at }) => at === offset);
    if (hook?.read) return hook.read(size);
    let value = 0;
    for (let i = 0; i < size; i++) value += (this.bytes[offset + i] ?? 0xff) * 2 ** (8 * i);
    return value;
  }

  write(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size && offset + i < CONFIG_SIZE; i++) {
      const mask = this.writable[offset + i];
      const byte = (value >>> (8 * i)) & 0xff;
      this.bytes[offset + i] = (this.bytes[offset + i] & ~mask) | (byte & mask);
    }
    this.#hooks.find(({ at }) => at === offset)?.write?.(value, size);
  }
}
