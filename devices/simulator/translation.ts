import { ERRNO, type IotlbEntry, type Iova, type Perm } from '../../framework/device.ts';
import { IOTLB_MAX_ENTRIES, Iotlb } from '../../framework/memory/iotlb.ts';
import { IOVA_RANGE } from './profile.ts';

/** Address spaces of a device, each with a translation table, and the assignment of groups to them. */
export class Translation {
  /** One table per address space, by ASID. */
  readonly tables: Iotlb[] = [];
  /** ASID of each virtqueue group. */
  readonly groupAsid: number[] = [];

  constructor(ngroups: number, nas: number) {
    for (let i = 0; i < nas; i++) this.tables.push(new Iotlb());
    for (let i = 0; i < ngroups; i++) this.groupAsid.push(0);
  }

  /** The table that translates for `group`. */
  tableOf(group: number): Iotlb {
    return this.tables[this.groupAsid[group] ?? 0];
  }

  /** Assign `group` to `asid`. 0, or -EINVAL when either does not exist. */
  assign(group: number, asid: number): number {
    if (this.groupAsid[group] === undefined || this.tables[asid] === undefined) return -ERRNO.EINVAL;
    this.groupAsid[group] = asid;
    return 0;
  }

  /** All groups back to address space 0; mappings stay. */
  resetGroups(): void {
    this.groupAsid.fill(0);
  }

  /** Add one mapping. 0, -EINVAL (malformed, no such space), -EEXIST (overlap), -ENOSPC (table full). */
  map(asid: number, iova: Iova, size: number, addr: number, perm: Perm): number {
    const table = this.tables[asid];
    if (table === undefined || !isMapping(iova, size, addr, perm)) return -ERRNO.EINVAL;
    if (table.entries.length >= IOTLB_MAX_ENTRIES) return -ERRNO.ENOSPC;
    return table.map({ iova, size, addr, perm }) ? 0 : -ERRNO.EEXIST;
  }

  /** Remove what `map` added. 0, or -EINVAL; unmapping nothing is harmless. */
  unmap(asid: number, iova: Iova, size: number): number {
    const table = this.tables[asid];
    if (table === undefined || !(iova >= 0 && size > 0)) return -ERRNO.EINVAL;
    table.unmap(iova, size);
    return 0;
  }

  /** Replace a whole table. 0, or -errno, and then the table is empty. */
  replace(asid: number, entries: readonly IotlbEntry[]): number {
    const table = this.tables[asid];
    if (table === undefined) return -ERRNO.EINVAL;
    if (!entries.every((e) => isMapping(e.iova, e.size, e.addr, e.perm))) {
      table.clear();
      return -ERRNO.EINVAL;
    }
    if (table.replace(entries)) return 0;
    return entries.length > IOTLB_MAX_ENTRIES ? -ERRNO.ENOSPC : -ERRNO.EEXIST;
  }

  /** Back to the default mapping of a space, which is none. 0 or -EINVAL. */
  clear(asid: number): number {
    const table = this.tables[asid];
    if (table === undefined) return -ERRNO.EINVAL;
    table.clear();
    return 0;
  }

  clearAll(): void {
    for (const table of this.tables) table.clear();
  }
}

function isMapping(iova: Iova, size: number, addr: number, perm: number): boolean {
  return (
    iova >= IOVA_RANGE.first &&
    size > 0 &&
    iova + size - 1 <= IOVA_RANGE.last &&
    addr >= 0 &&
    (perm === 1 || perm === 2 || perm === 3)
  );
}
