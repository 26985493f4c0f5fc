import { ERRNO, type MapFile, PERM, type Perm, type VdpaDevice } from '../device.ts';
import { PAGE } from '../memory/guest-memory.ts';
import { IOTLB_MAX_ENTRIES, Iotlb } from '../memory/iotlb.ts';
import type { IotlbMessage } from './iotlb-message.ts';
import type { UserProcess } from './process.ts';
import { IOTLB } from './uapi.ts';

const ALL = 2n ** 64n;

/** Addresses from here on are not exact as numbers; the framework maps nothing there. */
const EXACT = BigInt(Number.MAX_SAFE_INTEGER);

/** Inclusive range of IOVAs. */
export interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * The address spaces of one open vhost-vdpa node: a table of its own for each, filled by IOTLB messages, and the
 * way to the parent: `dmaMap` for each piece, else `setMap` with the whole table, at once or at the end of a batch.
 */
export class FileMappings {
  readonly #device: VdpaDevice;
  readonly #range: Range;
  readonly #spaces = new Map<number, Iotlb>();
  #batch: number | null = null;

  constructor(device: VdpaDevice, range: Range) {
    this.#device = device;
    this.#range = range;
  }

  /** The table of an address space; undefined before the first message made it. */
  table(asid: number): Iotlb | undefined {
    return this.#spaces.get(asid);
  }

  /** The address space whose batch is open. */
  get batch(): number | null {
    return this.#batch;
  }

  /** Act on one message of the owner. 0 or -errno, which the node flattens to -EFAULT. */
  handle(message: IotlbMessage, owner: UserProcess): number {
    const { asid, type } = message;
    const creates = type === IOTLB.UPDATE || type === IOTLB.BATCH_BEGIN;
    const table = creates ? this.#obtain(asid) : this.#spaces.get(asid);
    if (table === undefined) return -ERRNO.EINVAL;
    if (this.#batch !== null && this.#batch !== asid) return -ERRNO.EINVAL;
    switch (type) {
      case IOTLB.UPDATE:
        return this.#update(table, message, owner);
      case IOTLB.INVALIDATE:
        this.#unmap(table, asid, message.iova, message.size, owner);
        return 0;
      case IOTLB.BATCH_BEGIN:
        this.#batch = asid;
        return 0;
      case IOTLB.BATCH_END:
        if (this.#batch !== null) this.#device.ops.setMap?.(asid, table.entries);
        this.#batch = null;
        return 0;
      default:
        return -ERRNO.EINVAL;
    }
  }

  /** The node is closed: every mapping goes, and each space gets its default back. No `setMap` any more. */
  release(owner: UserProcess | null): void {
    for (let asid = 0; asid < this.#device.nas; asid++) {
      const table = this.#spaces.get(asid);
      if (table === undefined) continue;
      this.#remove(table, asid, 0n, ALL - 1n, owner);
      this.#spaces.delete(asid);
      this.#device.ops.resetMap?.(asid);
    }
    this.#batch = null;
  }

  #obtain(asid: number): Iotlb | undefined {
    const known = this.#spaces.get(asid);
    if (known !== undefined || asid >= this.#device.nas) return known;
    const table = new Iotlb();
    this.#spaces.set(asid, table);
    return table;
  }

  #update(table: Iotlb, message: IotlbMessage, owner: UserProcess): number {
    const { iova, size } = message;
    const { first, last } = this.#range;
    if (iova < first || size === 0n || iova + size > ALL || iova + size - 1n > last) return -ERRNO.EINVAL;
    if (touching(table, iova, iova + size - 1n).length > 0) return -ERRNO.EEXIST;
    if (iova + size > EXACT || message.uaddr + size > EXACT) return -ERRNO.EINVAL;
    const begin = Number(iova);
    const length = Number(size);
    const uaddr = Number(message.uaddr);
    return this.#device.useVa
      ? this.#mapVirtual(table, message, begin, length, uaddr, owner)
      : this.#mapPhysical(table, message, begin, length, uaddr, owner);
  }

  /** Pin the pages and map each run of neighbours. */
  #mapPhysical(
    table: Iotlb,
    { asid, perm }: IotlbMessage,
    begin: number,
    length: number,
    uaddr: number,
    owner: UserProcess,
  ): number {
    const { memory, memlock } = owner;
    const count = Math.ceil((length + (begin % PAGE)) / PAGE);
    if (memory.pinned + count > Math.floor(memlock / PAGE)) return -ERRNO.ENOMEM;
    const pages = memory.pin(uaddr - (uaddr % PAGE), count, (perm & PERM.WO) !== 0);
    if (typeof pages === 'number') return pages;
    let iova = begin - (begin % PAGE);
    let mapped = 0;
    let error = 0;
    for (let i = 0; i < count && error >= 0; ) {
      let run = 1;
      while (i + run < count && pages[i + run] === pages[i + run - 1] + PAGE) run++;
      error = this.#map(table, asid, iova, run * PAGE, pages[i], perm);
      if (error >= 0) mapped += run;
      iova += run * PAGE;
      i += run;
    }
    if (error >= 0) return 0;
    memory.pinned -= count - mapped;
    this.#unmap(table, asid, BigInt(begin), BigInt(length), owner);
    return error;
  }

  /** Pass user addresses on, for those stretches that are shared files. */
  #mapVirtual(
    table: Iotlb,
    { asid, perm }: IotlbMessage,
    begin: number,
    length: number,
    uaddr: number,
    owner: UserProcess,
  ): number {
    let error = 0;
    let done = 0;
    while (done < length && error >= 0) {
      const at = uaddr + done;
      const vma = owner.memory.find(at);
      if (vma === undefined) {
        error = -ERRNO.EINVAL;
        break;
      }
      const size = Math.min(length - done, vma.start + vma.size - at);
      if (vma.kind === 'shared-file') {
        const backing: MapFile = { file: vma.file ?? '', offset: (vma.offset ?? 0) + at - vma.start };
        error = this.#map(table, asid, begin + done, size, at, perm, backing);
      }
      if (error >= 0) done += size;
    }
    if (error < 0 && done > 0) this.#unmap(table, asid, BigInt(begin), BigInt(done), owner);
    return error < 0 ? error : 0;
  }

  /** One piece into the own table and to the parent; out of the table again when the parent refuses. */
  #map(
    table: Iotlb,
    asid: number,
    iova: number,
    size: number,
    addr: number,
    perm: number,
    backing?: MapFile,
  ): number {
    if (table.entries.length >= IOTLB_MAX_ENTRIES) return -ERRNO.ENOSPC;
    const entry = { iova, size, addr, perm: perm as Perm, ...(backing ? { backing } : {}) };
    if (!table.map(entry)) return -ERRNO.EEXIST;
    const { ops } = this.#device;
    let error = 0;
    if (ops.dmaMap) error = ops.dmaMap(asid, iova, size, addr, entry.perm, backing);
    else if (this.#batch === null) error = ops.setMap!(asid, table.entries);
    if (error < 0) table.unmap(iova, size);
    return error;
  }

  #unmap(table: Iotlb, asid: number, iova: bigint, size: bigint, owner: UserProcess): void {
    this.#remove(table, asid, iova, (iova + size - 1n + ALL) % ALL, owner);
    if (this.#batch === null) this.#device.ops.setMap?.(asid, table.entries);
  }

  /** Take whole entries that touch the range away from the parent, let their pages go. */
  #remove(table: Iotlb, asid: number, first: bigint, last: bigint, owner: UserProcess | null): void {
    const { ops, useVa } = this.#device;
    for (const { iova, size, addr, perm } of touching(table, first, last)) {
      if (ops.dmaMap) ops.dmaUnmap!(asid, iova, size);
      table.unmap(iova, size);
      if (useVa || owner === null) continue;
      owner.memory.pinned -= size / PAGE;
      if ((perm & PERM.WO) === 0) continue;
      for (let pa = addr; pa < addr + size; pa += PAGE) owner.memory.dirty.add(pa / PAGE);
    }
  }
}

/** The entries that have a byte in [first, last]. */
const touching = (table: Iotlb, first: bigint, last: bigint) =>
  table.entries.filter(({ iova, size }) => BigInt(iova) <= last && BigInt(iova + size - 1) >= first);
