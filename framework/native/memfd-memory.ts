import type { SharedMemory } from '../memory/shared-memory.ts';
import { Mapping } from './mapping.ts';
import { createMemfd } from './memfd.ts';
import { Resources } from './resources.ts';

/** Shared memory in a memfd of its own, mapped here; a device gets the fd, or the address for this process. */
export class MemfdMemory implements SharedMemory {
  readonly fd: number;
  readonly size: number;
  readonly bytes: Uint8Array;
  /** Where `bytes` starts in this process. */
  readonly address: bigint;
  readonly #resources = new Resources();

  /** `size` bytes, zeroed; rounded up to whole pages. */
  constructor(size: number) {
    this.size = Math.ceil(size / 4096) * 4096;
    try {
      this.fd = this.#resources.ownFd(createMemfd('guest-memory', this.size));
      const mapping = this.#resources.own(new Mapping(this.fd, this.size));
      this.bytes = new Uint8Array(mapping.buffer);
      this.address = mapping.address;
    } catch (error) {
      this.#resources.dispose();
      throw error;
    }
  }

  dispose(): void {
    this.#resources.dispose();
  }
}
