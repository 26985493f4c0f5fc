import { DESC_SIZE, PACKED_DESC, PACKED_EVENT } from '../../../specs/virtio-1.1/ring-layout.ts';
import type { HostMemory } from '../../memory/host-memory.ts';
import { checkEntry, putAddress, type RawAddress, takeAddress } from './raw-address.ts';
import type { QueueAreas } from './ring.ts';

/** A packed descriptor (section 2.7.13), fields as they stand in memory. */
export interface PackedDesc {
  addr: RawAddress;
  len: number;
  id: number;
  flags: number;
}

/** An event suppression area (section 2.7.14). */
export interface PackedEvent {
  /** Ring offset, 15 bits. */
  offset: number;
  /** Wrap counter, 0 or 1. */
  wrap: number;
  /** The whole second word: event flags in bits 0-1, reserved bits above. */
  flags: number;
}

/** Load the packed descriptor at physical address `pa`; also for entries of an indirect table (2.7.7). */
export function readPackedDesc(memory: HostMemory, pa: number): PackedDesc {
  const { view } = memory;
  return {
    addr: takeAddress(view, pa + PACKED_DESC.addr),
    len: view.getUint32(pa + PACKED_DESC.len, true),
    id: view.getUint16(pa + PACKED_DESC.id, true),
    flags: view.getUint16(pa + PACKED_DESC.flags, true),
  };
}

/** Store the given fields of the packed descriptor at physical address `pa`, flags last; the others stay. */
export function writePackedDesc(memory: HostMemory, pa: number, fields: Partial<PackedDesc>): void {
  const { view } = memory;
  if (fields.addr !== undefined) putAddress(view, pa + PACKED_DESC.addr, fields.addr);
  if (fields.len !== undefined) view.setUint32(pa + PACKED_DESC.len, fields.len, true);
  if (fields.id !== undefined) view.setUint16(pa + PACKED_DESC.id, fields.id, true);
  if (fields.flags !== undefined) view.setUint16(pa + PACKED_DESC.flags, fields.flags, true);
}

/** Load the event suppression area at physical address `pa` (section 2.7.14). */
export function readPackedEvent(memory: HostMemory, pa: number): PackedEvent {
  const word = memory.view.getUint16(pa + PACKED_EVENT.desc, true);
  return {
    offset: word & PACKED_EVENT.offsetMask,
    wrap: word >>> 15,
    flags: memory.view.getUint16(pa + PACKED_EVENT.flags, true),
  };
}

/** Store the given fields of the event suppression area at physical address `pa` (section 2.7.14). */
export function writePackedEvent(memory: HostMemory, pa: number, fields: Partial<PackedEvent>): void {
  const event = { ...readPackedEvent(memory, pa), ...fields };
  const word = (event.offset & PACKED_EVENT.offsetMask) | (event.wrap === 0 ? 0 : PACKED_EVENT.wrapBit);
  memory.view.setUint16(pa + PACKED_EVENT.desc, word, true);
  memory.view.setUint16(pa + PACKED_EVENT.flags, event.flags, true);
}

/**
 * Raw access to the memory of a packed queue, for tests that write what no driver would, or that play the
 * device. It knows nothing of the driver ring that may use the same memory.
 */
export class RawPacked {
  readonly num: number;
  readonly #memory: HostMemory;
  readonly #areas: QueueAreas;

  constructor(memory: HostMemory, areas: QueueAreas, num: number) {
    this.num = num;
    this.#memory = memory;
    this.#areas = areas;
  }

  /** Descriptor `i` of the ring (section 2.7.13). */
  desc(i: number): PackedDesc {
    return readPackedDesc(this.#memory, this.#areas.desc.pa + DESC_SIZE * checkEntry(i, this.num));
  }
  setDesc(i: number, fields: Partial<PackedDesc>): void {
    writePackedDesc(this.#memory, this.#areas.desc.pa + DESC_SIZE * checkEntry(i, this.num), fields);
  }

  /** Driver event suppression: which used buffer notifications the driver wants (section 2.7.10). */
  driverEvent(): PackedEvent {
    return readPackedEvent(this.#memory, this.#areas.driver.pa);
  }
  setDriverEvent(fields: Partial<PackedEvent>): void {
    writePackedEvent(this.#memory, this.#areas.driver.pa, fields);
  }

  /** Device event suppression: which kicks the device wants (section 2.7.10). */
  deviceEvent(): PackedEvent {
    return readPackedEvent(this.#memory, this.#areas.device.pa);
  }
  setDeviceEvent(fields: Partial<PackedEvent>): void {
    writePackedEvent(this.#memory, this.#areas.device.pa, fields);
  }
}

/** Raw access to a packed queue of `num` entries. A `DriverRingConfig` serves as `areas`. */
export function rawPacked(memory: HostMemory, areas: QueueAreas, num: number): RawPacked {
  return new RawPacked(memory, areas, num);
}
