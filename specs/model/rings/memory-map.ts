import type { MapEvent } from '../events.ts';

interface Mapping {
  asid: number;
  iova: number;
  pa: number;
  size: number;
  perm: number;
}

/** Which physical memory the driver has mapped for the device, followed from map events. */
export class MemoryMap {
  #mappings: Mapping[] = [];

  apply({ asid, iova, pa, size, perm, r }: MapEvent): void {
    if (r !== undefined) return;
    this.#mappings = this.#mappings.filter(
      (m) => m.asid !== asid || m.iova < iova || m.iova + m.size > iova + size,
    );
    if (perm !== 0) this.#mappings.push({ asid, iova, pa, size, perm });
  }

  /** Permissions (1 read, 2 write) that every byte of the physical range has through some mapping; 0 for none. */
  permissions(pa: number, n: number): number {
    for (const m of this.#mappings) if (pa >= m.pa && pa + n <= m.pa + m.size) return m.perm;
    let perm = 3;
    for (let at = pa; at < pa + n; ) {
      const m = this.#mappings.find((one) => at >= one.pa && at < one.pa + one.size);
      if (m === undefined) return 0;
      perm &= m.perm;
      at = m.pa + m.size;
    }
    return perm;
  }
}
