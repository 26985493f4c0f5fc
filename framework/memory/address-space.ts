import { ERRNO, type IotlbEntry, type Iova, type VdpaConfigOps } from '../device.ts';
import { Iotlb } from './iotlb.ts';

/**
 * A bus driver's view of one address space (ASID) of a parent: keeps the table and tells the parent about
 * changes the way the parent wants it. As in Linux, `dmaMap`/`dmaUnmap` is preferred, then `setMap`.
 */
export class AddressSpace {
  readonly asid: number;
  readonly table = new Iotlb();
  readonly #ops: VdpaConfigOps;

  constructor(ops: VdpaConfigOps, asid = 0) {
    this.#ops = ops;
    this.asid = asid;
  }

  /** Map one entry. Returns 0 or -errno (-EEXIST on overlap); on error the table is as before. */
  map(entry: IotlbEntry): number {
    if (!this.table.map(entry)) return -ERRNO.EEXIST;
    const error = this.#ops.dmaMap
      ? this.#ops.dmaMap(this.asid, entry.iova, entry.size, entry.addr, entry.perm)
      : this.#publish();
    if (error < 0) this.table.unmap(entry.iova, entry.size);
    return error;
  }

  /** Unmap every entry inside the range, entry by entry, with start and size as they were mapped. */
  unmap(iova: Iova, size: number): void {
    const gone = this.table.entries.filter((e) => e.iova >= iova && e.iova + e.size <= iova + size);
    this.table.unmap(iova, size);
    if (this.#ops.dmaUnmap) for (const entry of gone) this.#ops.dmaUnmap(this.asid, entry.iova, entry.size);
    else this.#publish();
  }

  #publish(): number {
    return this.#ops.setMap ? this.#ops.setMap(this.asid, this.table.entries) : -ERRNO.EOPNOTSUPP;
  }
}
