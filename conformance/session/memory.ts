import type { BoundDevice } from '../../framework/bound-device.ts';
import { ERRNO, PERM, type Perm } from '../../framework/device.ts';
import { type GuestMemory, PAGE, type RamBlock, type Region } from '../../framework/memory/guest-memory.ts';
import type { HostMemory } from '../../framework/memory/host-memory.ts';
import type { Recorder } from '../history/recorder.ts';

/** Size of the first data block; later ones grow. */
const FIRST_BLOCK = 32 << 10;

/** A named piece of guest memory that steps refer to. */
export interface NamedRegion extends Region {
  readonly name: string;
}

/**
 * The memory of one session: blocks are mapped as they are added, and every allocation is in the history.
 * Rings, device-readable data and device-writable data share blocks unless a permission is asked for.
 */
export class SessionMemory {
  readonly host: HostMemory;
  readonly #guest: GuestMemory;
  #virtio: BoundDevice;
  readonly #recorder: Recorder;
  readonly #named = new Map<string, NamedRegion>();
  #current: RamBlock | null = null;
  #room: number;
  /** How often a mapping was asked for or taken away. */
  changes = 0;

  constructor(guest: GuestMemory, virtio: BoundDevice, recorder: Recorder, room: number = FIRST_BLOCK) {
    this.#room = room;
    this.#guest = guest;
    this.host = guest.host;
    this.#virtio = virtio;
    this.#recorder = recorder;
  }

  /** Take `size` bytes of memory that is mapped read-write; `name` labels it in the history. */
  alloc(name: string, size: number, align = 16): NamedRegion {
    return this.#record(name, this.#take(size, align));
  }

  /** Take whole pages of their own, mapped with `perm`; 0 leaves them unmapped. */
  allocPages(name: string, size: number, perm: Perm | 0): NamedRegion {
    const block = this.#guest.addBlock(size + PAGE, PERM.RW);
    const region: Region = { pa: block.pa + PAGE, iova: block.iova + PAGE, size };
    if (perm !== 0) {
      const pages = Math.ceil(size / PAGE) * PAGE;
      this.map({ pa: region.pa, iova: region.iova, size: pages }, perm);
    }
    return this.#record(name, region);
  }

  /** Take one page, mapped read-write at an IOVA of the caller's choice; null where the parent has no translation. */
  allocPageAt(name: string, iova: number): NamedRegion | null {
    const block = this.#guest.addBlock(2 * PAGE, PERM.RW);
    const region: Region = { pa: block.pa + PAGE, iova, size: PAGE };
    if (this.map(region, PERM.RW) === -ERRNO.EOPNOTSUPP) return null;
    return this.#record(name, region);
  }

  /** Another page of physical memory, filled with `byte`; nothing maps it. */
  spare(byte: number): number {
    const { pa } = this.#guest.addBlock(PAGE, PERM.RW);
    this.bytes({ pa, size: PAGE }).fill(byte);
    return pa;
  }

  /** The region called `name` lies at physical address `pa` from now on. */
  rehome(name: string, pa: number): void {
    const region = this.#named.get(name);
    if (region !== undefined) this.#record(name, { ...region, pa });
  }

  /** Memory for a ring area; not listed as a buffer. */
  allocArea(size: number, align: number): Region {
    return this.#take(size, align);
  }

  #take(size: number, align: number): Region {
    const region = this.#current && this.#guest.tryAlloc(this.#current, size, align);
    if (region !== null) return region;
    this.#current = this.#guest.addBlock(Math.max(this.#room, size + align + 4 * PAGE));
    this.#room = Math.min(this.#room * 2, 256 << 10);
    this.map(this.#current, this.#current.perm);
    return this.#guest.alloc(this.#current, size, align);
  }

  map(region: Region, perm: Perm, asid = 0): number {
    this.changes++;
    const result = this.#virtio.spaces[asid].map({
      iova: region.iova,
      size: region.size,
      addr: region.pa,
      perm,
    });
    this.#recorder.push({
      k: 'map',
      asid,
      iova: region.iova,
      pa: region.pa,
      size: region.size,
      perm,
      ...(result < 0 ? { r: result } : {}),
    });
    return result;
  }

  unmap(region: Region, asid = 0): void {
    this.changes++;
    this.#virtio.spaces[asid].unmap(region.iova, region.size);
    this.#recorder.push({ k: 'map', asid, iova: region.iova, pa: region.pa, size: region.size, perm: 0 });
  }

  /**
   * Map for `virtio`, which takes the place of the device, what was mapped for that. Returns 0, or the -errno of the
   * mapping that it refused. The history has no part in it: for the driver nothing changes.
   */
  moveTo(virtio: BoundDevice): number {
    const old = this.#virtio;
    this.#virtio = virtio;
    for (const [asid, space] of old.spaces.entries()) {
      for (const entry of space.table.entries) {
        const error = virtio.spaces[asid].map(entry);
        if (error < 0) return error;
      }
    }
    return 0;
  }

  /** Physical address behind an IOVA, or −1 when it is not mapped. */
  physical(iova: number): number {
    for (const space of this.#virtio.spaces) {
      const entry = space.table.find(iova);
      if (entry) return entry.addr + (iova - entry.iova);
    }
    return -1;
  }

  /** The latest allocation called `name`. */
  named(name: string): NamedRegion | undefined {
    return this.#named.get(name);
  }

  /** A mutable view of a region's bytes. */
  bytes(region: { pa: number; size: number }): Uint8Array {
    return this.host.bytes.subarray(region.pa, region.pa + region.size);
  }

  #record(name: string, region: Region): NamedRegion {
    const { pa, iova, size } = region;
    const named: NamedRegion = { name, pa, iova, size };
    this.#named.set(name, named);
    this.#recorder.push({ k: 'memory', name, pa, iova, size });
    return named;
  }
}
