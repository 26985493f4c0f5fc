import {
  availEventOffset,
  DESC_SIZE,
  SPLIT_AVAIL,
  SPLIT_DESC,
  SPLIT_USED,
  usedEventOffset,
} from '../../../specs/virtio-1.1/ring-layout.ts';
import type { HostMemory } from '../../memory/host-memory.ts';
import { checkEntry, putAddress, type RawAddress, takeAddress } from './raw-address.ts';
import type { QueueAreas } from './ring.ts';

/** A split descriptor (section 2.6.5), fields as they stand in memory. */
export interface SplitDesc {
  addr: RawAddress;
  len: number;
  flags: number;
  next: number;
}

/** An element of the used ring (section 2.6.8). */
export interface UsedElem {
  id: number;
  len: number;
}

/** Load the split descriptor at physical address `pa`; also for entries of an indirect table (2.6.5.3). */
export function readSplitDesc(memory: HostMemory, pa: number): SplitDesc {
  const { view } = memory;
  return {
    addr: takeAddress(view, pa + SPLIT_DESC.addr),
    len: view.getUint32(pa + SPLIT_DESC.len, true),
    flags: view.getUint16(pa + SPLIT_DESC.flags, true),
    next: view.getUint16(pa + SPLIT_DESC.next, true),
  };
}

/** Store the given fields of the split descriptor at physical address `pa`; the others keep their bytes. */
export function writeSplitDesc(memory: HostMemory, pa: number, fields: Partial<SplitDesc>): void {
  const { view } = memory;
  if (fields.addr !== undefined) putAddress(view, pa + SPLIT_DESC.addr, fields.addr);
  if (fields.len !== undefined) view.setUint32(pa + SPLIT_DESC.len, fields.len, true);
  if (fields.next !== undefined) view.setUint16(pa + SPLIT_DESC.next, fields.next, true);
  if (fields.flags !== undefined) view.setUint16(pa + SPLIT_DESC.flags, fields.flags, true);
}

/**
 * Raw access to the memory of a split queue, for tests that write what no driver would, or that play the
 * device. It knows nothing of the driver ring that may use the same memory.
 */
export class RawSplit {
  readonly num: number;
  readonly #memory: HostMemory;
  readonly #desc: number;
  readonly #avail: number;
  readonly #used: number;

  constructor(memory: HostMemory, areas: QueueAreas, num: number) {
    this.num = num;
    this.#memory = memory;
    this.#desc = areas.desc.pa;
    this.#avail = areas.driver.pa;
    this.#used = areas.device.pa;
  }

  /** Descriptor `i` (section 2.6.5). */
  desc(i: number): SplitDesc {
    return readSplitDesc(this.#memory, this.#desc + DESC_SIZE * checkEntry(i, this.num));
  }
  setDesc(i: number, fields: Partial<SplitDesc>): void {
    writeSplitDesc(this.#memory, this.#desc + DESC_SIZE * checkEntry(i, this.num), fields);
  }

  /** avail.flags (sections 2.6.6 and 2.6.7). */
  get availFlags(): number {
    return this.#get16(this.#avail + SPLIT_AVAIL.flags);
  }
  set availFlags(value: number) {
    this.#put16(this.#avail + SPLIT_AVAIL.flags, value);
  }
  /** avail.idx (section 2.6.6). */
  get availIdx(): number {
    return this.#get16(this.#avail + SPLIT_AVAIL.idx);
  }
  set availIdx(value: number) {
    this.#put16(this.#avail + SPLIT_AVAIL.idx, value);
  }
  /** avail.ring[i] (section 2.6.6). */
  availRing(i: number): number {
    return this.#get16(this.#availEntry(i));
  }
  setAvailRing(i: number, head: number): void {
    this.#put16(this.#availEntry(i), head);
  }
  /** used_event behind the available ring (section 2.6.7). */
  get usedEvent(): number {
    return this.#get16(this.#avail + usedEventOffset(this.num));
  }
  set usedEvent(value: number) {
    this.#put16(this.#avail + usedEventOffset(this.num), value);
  }

  /** used.flags (sections 2.6.8 and 2.6.10). */
  get usedFlags(): number {
    return this.#get16(this.#used + SPLIT_USED.flags);
  }
  set usedFlags(value: number) {
    this.#put16(this.#used + SPLIT_USED.flags, value);
  }
  /** used.idx (section 2.6.8). */
  get usedIdx(): number {
    return this.#get16(this.#used + SPLIT_USED.idx);
  }
  set usedIdx(value: number) {
    this.#put16(this.#used + SPLIT_USED.idx, value);
  }
  /** used.ring[i] (section 2.6.8). */
  usedElem(i: number): UsedElem {
    const at = this.#usedEntry(i);
    const { view } = this.#memory;
    return {
      id: view.getUint32(at + SPLIT_USED.entryId, true),
      len: view.getUint32(at + SPLIT_USED.entryLen, true),
    };
  }
  setUsedElem(i: number, elem: Partial<UsedElem>): void {
    const at = this.#usedEntry(i);
    const { view } = this.#memory;
    if (elem.id !== undefined) view.setUint32(at + SPLIT_USED.entryId, elem.id, true);
    if (elem.len !== undefined) view.setUint32(at + SPLIT_USED.entryLen, elem.len, true);
  }
  /** avail_event behind the used ring (section 2.6.10). */
  get availEvent(): number {
    return this.#get16(this.#used + availEventOffset(this.num));
  }
  set availEvent(value: number) {
    this.#put16(this.#used + availEventOffset(this.num), value);
  }

  #availEntry(i: number): number {
    return this.#avail + SPLIT_AVAIL.ring + SPLIT_AVAIL.entrySize * checkEntry(i, this.num);
  }
  #usedEntry(i: number): number {
    return this.#used + SPLIT_USED.ring + SPLIT_USED.entrySize * checkEntry(i, this.num);
  }
  #get16(at: number): number {
    return this.#memory.view.getUint16(at, true);
  }
  #put16(at: number, value: number): void {
    this.#memory.view.setUint16(at, value, true);
  }
}

/** Raw access to a split queue of `num` entries. A `DriverRingConfig` serves as `areas`. */
export function rawSplit(memory: HostMemory, areas: QueueAreas, num: number): RawSplit {
  return new RawSplit(memory, areas, num);
}
