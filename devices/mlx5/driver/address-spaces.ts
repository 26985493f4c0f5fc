import { ERRNO, type IotlbEntry } from '../../../framework/device.ts';
import { IOTLB_MAX_ENTRIES, Iotlb } from '../../../framework/memory/iotlb.ts';
import { CommandFailed } from './commands.ts';
import { MemoryRegion } from './memory-region.ts';
import type { Resources } from './resources.ts';

/** Address spaces: guest memory, and that of a monitor that serves the control queue. */
export const ADDRESS_SPACES = 2;
/** Queue groups: data queues, the control queue, and the ring areas of the data queues where they are one. */
export const GROUP = { DATA: 0, CONTROL: 1, DATA_RINGS: 2 } as const;
const MOST_ADDRESS = 2 ** 52;

/** The translation tables of the device: as memory keys for the hardware, and as they are for the control queue. */
export class AddressSpaces {
  readonly #resources: Resources;
  readonly regions: (MemoryRegion | null)[] = new Array(ADDRESS_SPACES).fill(null);
  readonly tables: readonly Iotlb[] = Array.from({ length: ADDRESS_SPACES }, () => new Iotlb());
  readonly groups: number[];

  constructor(resources: Resources) {
    this.#resources = resources;
    this.groups = new Array(resources.descGroup ? 3 : 2).fill(0);
  }

  regionOf(group: number): MemoryRegion | null {
    return this.regions[this.groups[group] ?? 0];
  }

  /** Whether a group of the hardware is in `asid`. */
  isForData(asid: number): boolean {
    return this.groups[GROUP.DATA] === asid || this.groups[GROUP.DATA_RINGS] === asid;
  }

  assign(group: number, asid: number): number {
    if (this.groups[group] === undefined || this.tables[asid] === undefined) return -ERRNO.EINVAL;
    this.groups[group] = asid;
    return 0;
  }

  /** Keys for a whole table, or null for an empty one; a negative errno when it cannot be taken. */
  build(entries: readonly IotlbEntry[]): MemoryRegion | null | number {
    if (entries.length > IOTLB_MAX_ENTRIES) return -ERRNO.ENOSPC;
    const table = [...entries].sort((a, b) => a.iova - b.iova);
    for (const [i, { iova, size, addr, perm }] of table.entries()) {
      if (!(iova >= 0 && size > 0 && iova + size <= MOST_ADDRESS && addr >= 0)) return -ERRNO.EINVAL;
      if (perm < 1 || perm > 3) return -ERRNO.EINVAL;
      if (i > 0 && table[i - 1].iova + table[i - 1].size > iova) return -ERRNO.EEXIST;
    }
    if (table.length === 0) return null;
    const { commands, pd, nullKey } = this.#resources;
    try {
      return new MemoryRegion(commands, pd, nullKey, table);
    } catch (error) {
      if (error instanceof CommandFailed) return -error.errno;
      throw error;
    }
  }

  /** Have `region` be what queues of `asid` use from their next start on. Returns what was there. */
  install(asid: number, region: MemoryRegion | null): MemoryRegion | null {
    const old = this.regions[asid];
    this.regions[asid] = region;
    return old;
  }

  /** All groups back to address space 0; mappings stay. */
  resetGroups(): void {
    this.groups.fill(0);
  }
}
