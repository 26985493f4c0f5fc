import { ERRNO, type ProcessAddresses } from '../device.ts';
import { PAGE } from '../memory/guest-memory.ts';

/** A stretch of a process's address space (`vm_area_struct`). Start and size in whole pages. */
export interface Vma {
  /** First user address. */
  readonly start: number;
  readonly size: number;
  /** Physical address of each page, or of the first when they follow one another. */
  readonly pages: number | readonly number[];
  /** What it maps: only `shared-file` suits parents that use virtual addresses. */
  readonly kind: 'anonymous' | 'private-file' | 'shared-file' | 'io';
  readonly writable: boolean;
  /** Name of the file, and the offset of `start` in it. */
  readonly file?: string;
  readonly offset?: number;
}

/** The memory of a process (`mm_struct`): which user addresses lead where, and what is pinned. */
export class UserMemory implements ProcessAddresses {
  readonly #vmas: Vma[] = [];
  /** Pages pinned on behalf of devices. */
  pinned = 0;
  /** Page frames that were marked dirty when they were let go. */
  readonly dirty = new Set<number>();

  /** mmap(2) at a fixed place. @throws RangeError on an overlap or a stretch that is not whole pages */
  map(vma: Vma): void {
    if (vma.start % PAGE !== 0 || vma.size % PAGE !== 0 || vma.size <= 0)
      throw new RangeError(`a mapping has whole pages, not ${vma.size} bytes at 0x${vma.start.toString(16)}`);
    if (
      this.#vmas.some((other) => vma.start < other.start + other.size && other.start < vma.start + vma.size)
    )
      throw new RangeError(`0x${vma.start.toString(16)} is mapped already`);
    this.#vmas.push(vma);
    this.#vmas.sort((a, b) => a.start - b.start);
  }

  /** munmap(2) of the stretch that begins at `start`. Pages that devices have pinned stay theirs. */
  unmap(start: number): void {
    const at = this.#vmas.findIndex((vma) => vma.start === start);
    if (at >= 0) this.#vmas.splice(at, 1);
  }

  /** The stretch that holds `address`. */
  find(address: number): Vma | undefined {
    return this.#vmas.find((vma) => address >= vma.start && address < vma.start + vma.size);
  }

  /** Physical address behind a user address; -1 when nothing is there. */
  physical(address: number): number {
    const vma = this.find(address);
    if (vma === undefined) return -1;
    const by = address - vma.start;
    return typeof vma.pages === 'number' ? vma.pages + by : vma.pages[Math.floor(by / PAGE)] + (by % PAGE);
  }

  /**
   * pin_user_pages: the physical addresses of `count` pages from `address` on.
   * @returns -EFAULT when the first page cannot be had, -ENOMEM when a later one cannot; then nothing is pinned
   */
  pin(address: number, count: number, write: boolean): number[] | number {
    const pages: number[] = [];
    for (let i = 0; i < count; i++) {
      const vma = this.find(address + i * PAGE);
      if (vma === undefined || vma.kind === 'io' || (write && !vma.writable))
        return i === 0 ? -ERRNO.EFAULT : -ERRNO.ENOMEM;
      pages.push(this.physical(address + i * PAGE));
    }
    this.pinned += count;
    return pages;
  }
}
