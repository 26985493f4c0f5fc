import { type IotlbEntry, type Iova, PERM, type Perm } from '../device.ts';
import { type DevicePort, DmaFault, EPOCH, LITTLE_ENDIAN } from './host-memory.ts';

/** Addresses and ends of ranges above this are not exact as numbers, and never mapped. */
const EXACT = Number.MAX_SAFE_INTEGER;

/** Entries a table may hold, as the Linux default for software parents. */
export const IOTLB_MAX_ENTRIES = 2048;

/**
 * A translation table of one address space: sorted, non-overlapping entries with permissions.
 * `generation` is new after every change and no table ever has that of another one, so that a cached
 * translation can be recognised as stale.
 */
export class Iotlb {
  #entries: IotlbEntry[] = [];
  generation = ++EPOCH.now;

  /** The entries as they are now; the array changes with the table. */
  get entries(): readonly IotlbEntry[] {
    return this.#entries;
  }

  /** Add a mapping. Returns false when it overlaps an entry, is empty, or the table is full. */
  map(entry: IotlbEntry): boolean {
    if (entry.size <= 0 || entry.iova + entry.size > EXACT || this.#entries.length >= IOTLB_MAX_ENTRIES)
      return false;
    const at = this.#endingAfter(entry.iova);
    if (at < this.#entries.length && this.#entries[at].iova < entry.iova + entry.size) return false;
    this.#entries.splice(at, 0, { ...entry });
    this.generation = ++EPOCH.now;
    return true;
  }

  /** Remove every entry that lies in [iova, iova + size). Unmapping nothing is harmless. */
  unmap(iova: Iova, size: number): void {
    const entries = this.#entries;
    let from = this.#endingAfter(iova);
    if (from < entries.length && entries[from].iova < iova) from++;
    let to = from;
    while (to < entries.length && entries[to].iova + entries[to].size <= iova + size) to++;
    entries.splice(from, to - from);
    this.generation = ++EPOCH.now;
  }

  /** Replace the whole table (`setMap`). Returns false, leaving it empty, when the new one is malformed. */
  replace(table: readonly IotlbEntry[]): boolean {
    this.#entries = [];
    this.generation = ++EPOCH.now;
    for (const entry of table) {
      if (!this.map(entry)) {
        this.#entries = [];
        return false;
      }
    }
    return true;
  }

  clear(): void {
    this.#entries = [];
    this.generation = ++EPOCH.now;
  }

  /** Index of the first entry that ends behind `iova`. */
  #endingAfter(iova: Iova): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      const { iova: start, size } = this.#entries[mid];
      if (start + size > iova) high = mid;
      else low = mid + 1;
    }
    return low;
  }

  /** The entry that covers `iova`, or undefined. */
  find(iova: Iova): IotlbEntry | undefined {
    let low = 0;
    let high = this.#entries.length - 1;
    while (low <= high) {
      const mid = (low + high) >> 1;
      const entry = this.#entries[mid];
      if (iova < entry.iova) high = mid - 1;
      else if (iova >= entry.iova + entry.size) low = mid + 1;
      else return entry;
    }
    return undefined;
  }
}

/**
 * Loads and stores by IOVA: translation through an {@link Iotlb}, then a {@link DevicePort}.
 * Remembers the last entry, and drops it when the table's generation moves. Bulk transfers may cross
 * entries; an access that no entry permits throws {@link DmaFault} before any byte of it is transferred.
 */
export class DmaView {
  readonly port: DevicePort;
  table: Iotlb;
  /** The entry used last, for as long as the table has this generation; `delta` leads to its address. */
  generation = -1;
  first = 0;
  end = 0;
  delta = 0;
  perm = 0;

  constructor(port: DevicePort, table: Iotlb) {
    this.port = port;
    this.table = table;
  }

  /** Point the view at another address space (`setGroupAsid`). */
  retarget(table: Iotlb): void {
    this.table = table;
    EPOCH.now++;
  }

  get16(iova: Iova): number {
    return this.port.get16(this.translate(iova, 2, PERM.RO));
  }
  get32(iova: Iova): number {
    return this.port.get32(this.translate(iova, 4, PERM.RO));
  }
  get64(iova: Iova): number {
    return this.port.get64(this.translate(iova, 8, PERM.RO));
  }
  put8(iova: Iova, value: number): void {
    this.port.put8(this.translate(iova, 1, PERM.WO), value);
  }
  put16(iova: Iova, value: number): void {
    this.port.put16(this.translate(iova, 2, PERM.WO), value);
  }
  put32(iova: Iova, value: number): void {
    this.port.put32(this.translate(iova, 4, PERM.WO), value);
  }
  put32x2(iova: Iova, low: number, high: number): void {
    this.port.put32x2(this.translate(iova, 8, PERM.WO), low, high);
  }

  /** Copy `length` bytes at `iova` into `into` from `at`. */
  load(iova: Iova, length: number, into: Uint8Array, at = 0): void {
    if (length === 0) return;
    if (this.covers(iova, length, PERM.RO)) {
      this.port.load(iova - this.delta, length, into, at);
      return;
    }
    this.require(iova, length, PERM.RO);
    for (let done = 0; done < length; ) {
      const chunk = this.chunk(iova + done, length - done);
      this.port.load(iova + done - this.delta, chunk, into, at + done);
      done += chunk;
    }
  }

  /** Copy `length` bytes of `from`, starting at `at`, to `iova`. */
  store(iova: Iova, from: Uint8Array, at = 0, length: number = from.length - at): void {
    if (length === 0) return;
    if (this.covers(iova, length, PERM.WO)) {
      this.port.store(iova - this.delta, from, at, length);
      return;
    }
    this.require(iova, length, PERM.WO);
    for (let done = 0; done < length; ) {
      const chunk = this.chunk(iova + done, length - done);
      this.port.store(iova + done - this.delta, from, at + done, chunk);
      done += chunk;
    }
  }

  /** Whether every byte of the range is mapped with `perm`; transfers nothing. */
  permits(iova: Iova, length: number, perm: Perm): boolean {
    if (iova + length > EXACT) return false;
    for (let at = iova; at < iova + length; ) {
      const entry = this.table.find(at);
      if (entry === undefined || (entry.perm & perm) !== perm) return false;
      at = entry.iova + entry.size;
    }
    return true;
  }

  /**
   * Where the range starts in physical memory, in units of `align` bytes (a power of two); -1 unless one entry
   * permits all access to all of it, it is aligned, nobody traces loads and typed arrays fit the byte order.
   * Holds until {@link EPOCH} moves.
   */
  locate(iova: Iova, length: number, align: number): number {
    const entry = this.port.traceReads || !LITTLE_ENDIAN ? undefined : this.table.find(iova);
    if (entry === undefined || entry.perm !== PERM.RW || iova + length > entry.iova + entry.size) return -1;
    const pa = entry.addr + (iova - entry.iova);
    if (!(pa >= 0 && pa + length <= this.port.size) || pa % align !== 0) return -1;
    // The bit operation tells V8 that it is an integer: arithmetic on addresses leaves floating point.
    return (pa / align) | 0;
  }

  /** The range as 32-bit words in host byte order, or null; see {@link locate}. */
  words(iova: Iova, length: number): Uint32Array | null {
    const at = this.locate(iova, length, 4);
    return at < 0 ? null : this.port.words.subarray(at, at + (length >> 2));
  }

  /** The range as 16-bit words in host byte order, or null; see {@link locate}. */
  halves(iova: Iova, length: number): Uint16Array | null {
    const at = this.locate(iova, length, 2);
    return at < 0 ? null : this.port.halves.subarray(at, at + (length >> 1));
  }

  /** Physical address of a scalar. */
  translate(iova: Iova, length: number, perm: Perm): number {
    if (!this.covers(iova, length, perm)) this.lookup(iova, length, perm);
    return iova - this.delta;
  }

  /** Whether the entry used last permits the access. */
  covers(iova: Iova, length: number, perm: Perm): boolean {
    return (
      this.generation === this.table.generation &&
      iova >= this.first &&
      iova + length <= this.end &&
      (this.perm & perm) !== 0
    );
  }

  /** A scalar access must lie within one entry: rings are aligned, so a legal one always does. */
  lookup(iova: Iova, length: number, perm: Perm): void {
    const entry = this.table.find(iova);
    if (entry === undefined || iova + length > entry.iova + entry.size)
      throw this.refuse(iova, length, perm, 'unmapped');
    if ((entry.perm & perm) === 0) throw this.refuse(iova, length, perm, 'permission');
    this.remember(entry);
  }

  /** Refuse a bulk transfer of which any byte is refused. */
  require(iova: Iova, length: number, perm: Perm): void {
    if (iova + length > EXACT) throw this.refuse(iova, length, perm, 'unmapped');
    for (let at = iova; at < iova + length; ) {
      const entry = this.table.find(at);
      if (entry === undefined) throw this.refuse(at, iova + length - at, perm, 'unmapped');
      if ((entry.perm & perm) === 0) throw this.refuse(at, iova + length - at, perm, 'permission');
      at = entry.iova + entry.size;
    }
  }

  /** Bytes from `iova` on, at most `wanted`, that one entry maps. */
  chunk(iova: Iova, wanted: number): number {
    const entry = this.table.find(iova)!;
    this.remember(entry);
    return Math.min(wanted, this.end - iova);
  }

  /** Make `entry` the one used last. */
  remember(entry: IotlbEntry): void {
    this.generation = this.table.generation;
    this.first = entry.iova;
    this.end = entry.iova + entry.size;
    this.delta = entry.iova - entry.addr;
    this.perm = entry.perm;
  }

  refuse(iova: Iova, length: number, perm: Perm, reason: 'unmapped' | 'permission'): DmaFault {
    return this.port.refuse(new DmaFault(iova, length, perm === PERM.WO ? 'write' : 'read', reason));
  }
}
