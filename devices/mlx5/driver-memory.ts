/** Where driver memory begins in the physical address space: far above the memory of guests. */
const BASE = 2 ** 40;
const PAGE = 4096;

/** Pages of the host kernel that the driver gives to the function: rings of completions, doorbell records. */
export interface DriverPages {
  /** Physical address, page aligned. */
  readonly addr: number;
  readonly bytes: Uint8Array;
}

/**
 * The host memory that driver and function share for their own purposes, by physical address. Memory that only
 * the firmware uses ({@link reserve}) has addresses and no bytes.
 */
export class DriverMemory {
  readonly #pages = new Map<number, DriverPages>();
  /** Pages that were given back, by size. */
  readonly #free = new Map<number, DriverPages[]>();
  #next = BASE;

  /** Zeroed pages for `size` bytes. */
  allocate(size: number): DriverPages {
    const old = this.#free.get(size)?.pop();
    old?.bytes.fill(0);
    const pages = old ?? { addr: this.reserve(size), bytes: new Uint8Array(size) };
    this.#pages.set(pages.addr, pages);
    return pages;
  }

  /** Address of pages that nobody but the firmware looks into. */
  reserve(size: number): number {
    const addr = this.#next;
    this.#next += Math.ceil(size / PAGE) * PAGE;
    return addr;
  }

  free(pages: DriverPages): void {
    if (!this.#pages.delete(pages.addr)) return;
    const size = pages.bytes.length;
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [pages]);
    else free.push(pages);
  }

  /** (function) The bytes from physical `addr` on; undefined when nothing was given there. */
  at(addr: number): Uint8Array | undefined {
    const start = addr - (addr % PAGE);
    const pages = this.#pages.get(start);
    return pages === undefined || addr === start ? pages?.bytes : pages.bytes.subarray(addr - start);
  }
}
