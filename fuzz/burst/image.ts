import type { Iova } from '../../framework/device.ts';
import {
  DESC_F,
  DESC_SIZE,
  packedAreaSizes,
  SPLIT_AVAIL,
  splitAreaSizes,
} from '../../specs/virtio-1.1/ring-layout.ts';
import type { Address, AvailFault, DescFault } from './fault.ts';
import { type Chain, type Shot, slotsOf } from './shot.ts';

/** Bytes of memory that one shot has for itself. */
export const ARENA = 8192;

/** Where areas and buffers lie in an arena. */
const DESC = 0x40;
const DRIVER = 0x180;
const DEVICE = 0x1c0;
const BUFFERS = 0x2c0;
/** Bytes between two buffers, so that a store beside one is seen. */
const GAP = 24;

function opened(rooms: Room[]): Room {
  const room = { readable: 0, writable: 0 };
  rooms.push(room);
  return room;
}

/** Both marks of a packed descriptor; available in the first lap is the one without the other. */
const AVAILABLE = DESC_F.AVAIL | DESC_F.USED;

/** What memory holds that nobody wrote to. */
export const POISON = 0xa5;

const POISONED = new Uint8Array(ARENA).fill(POISON);
const ZEROS = new Uint8Array(BUFFERS - DESC);

/** A stretch of the arena, by offset: from `start` up to, not including, `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Bytes of a buffer, by direction. */
export interface Room {
  readable: number;
  writable: number;
}

/** A chain where it lies: offsets of its parts, and of its table. */
export interface PlacedChain {
  readonly parts: readonly number[];
  readonly table: number;
  /** What the device names it by: its first slot, or its Buffer ID where packed. */
  readonly head: number;
}

/** A shot as bytes: what an arena holds when the session starts. */
export class Image {
  readonly bytes = Buffer.alloc(ARENA);
  readonly chains: PlacedChain[] = [];
  /** Entries of the available ring, as the index tells it (split). */
  available = 0;
  readonly #view = new DataView(this.bytes.buffer, this.bytes.byteOffset, ARENA);
  #iova: Iova = 0;
  #packed = false;
  #next = BUFFERS;

  /** Offsets of the three areas: descriptors, driver, device. */
  static readonly areas = [DESC, DRIVER, DEVICE] as const;

  /** Lay out `shot` in an arena that the device finds at `iova`. */
  draw(shot: Shot, iova: Iova): void {
    this.bytes.set(POISONED);
    this.bytes.set(ZEROS, DESC);
    this.#iova = iova;
    this.#packed = shot.packed;
    this.#next = BUFFERS;
    this.chains.length = 0;
    let slot = 0;
    for (const chain of shot.chains) {
      this.chains.push(this.#place(chain, slot));
      slot += slotsOf(chain);
    }
    this.available = shot.packed ? 0 : shot.chains.length;
    if (!shot.packed) this.#publish();
    for (const fault of shot.faults) {
      if (fault.kind === 'desc') this.#spoil(fault, shot);
      else this.#addHeads(fault, shot.num);
    }
  }

  /** Bytes that the device may store to: its own area, and whatever a descriptor says that it may write. */
  writable({ packed, num }: Shot, into: Span[]): void {
    into.length = 0;
    const size = packed ? packedAreaSizes(num).device : splitAreaSizes(num).used;
    into.push({ start: DEVICE, end: DEVICE + size });
    if (packed) into.push({ start: DESC, end: DESC + DESC_SIZE * num });
    for (let slot = 0; slot < num; slot++) this.#follow(DESC + DESC_SIZE * slot, into, true);
    for (const { table } of this.chains)
      for (let i = 0; table > 0 && i < MOST_ENTRIES; i++) this.#follow(table + DESC_SIZE * i, into, false);
  }

  /** Bytes that the device can read and write in each buffer, as it finds them in memory. */
  buffers({ packed, num }: Shot): Room[] {
    const rooms: Room[] = [];
    if (!packed) {
      for (let i = 0; i < Math.min(this.available, num); i++) {
        const head = this.#view.getUint16(DRIVER + SPLIT_AVAIL.ring + SPLIT_AVAIL.entrySize * i, true);
        const room = { readable: 0, writable: 0 };
        for (let slot = head, left = num; slot < num && left > 0; left--) {
          const flags = this.#measure(DESC + DESC_SIZE * slot, room);
          if ((flags & DESC_F.NEXT) === 0) break;
          slot = this.#view.getUint16(DESC + DESC_SIZE * slot + 14, true);
        }
        rooms.push(room);
      }
      return rooms;
    }
    let open: Room | null = null;
    for (let slot = 0; slot < num; slot++) {
      const at = DESC + DESC_SIZE * slot;
      if (open === null && (this.#view.getUint16(at + 14, true) & AVAILABLE) !== DESC_F.AVAIL) break;
      open ??= opened(rooms);
      if ((this.#measure(at, open) & DESC_F.NEXT) === 0) open = null;
    }
    return rooms;
  }

  /** Add what the descriptor at `at` stands for, its table included; tables in tables are left out. Returns its flags. */
  #measure(at: number, room: Room, inTable = false): number {
    const flags = this.#flags(at);
    const len = this.#view.getUint32(at + 8, true);
    if ((flags & DESC_F.INDIRECT) === 0) {
      if ((flags & DESC_F.WRITE) !== 0) room.writable += len;
      else room.readable += len;
      return flags;
    }
    if (inTable) return flags;
    const table = this.#target(at);
    for (let i = 0; DESC_SIZE * (i + 1) <= len; i++) {
      const entry = table + DESC_SIZE * i;
      if (i === MOST_ENTRIES || entry < 0 || entry + DESC_SIZE > ARENA) break;
      const own = this.#measure(entry, room, true);
      if (!this.#packed && (own & DESC_F.NEXT) === 0) break;
    }
    return flags;
  }

  #follow(at: number, into: Span[], deeper: boolean): void {
    if (at + DESC_SIZE > ARENA) return;
    const start = this.#target(at);
    const flags = this.#flags(at);
    const length = this.#view.getUint32(at + 8, true);
    if (start + length <= 0 || start >= ARENA || length === 0) return;
    const span = { start: Math.max(0, start), end: Math.min(ARENA, start + length) };
    if ((flags & DESC_F.WRITE) !== 0) into.push(span);
    if (!deeper || (flags & DESC_F.INDIRECT) === 0) return;
    for (let i = 0; i < MOST_ENTRIES && start + DESC_SIZE * (i + 1) <= span.end; i++)
      if (start >= 0) this.#follow(start + DESC_SIZE * i, into, false);
  }

  #take(size: number, align: number): number {
    const over = this.#next % align;
    const at = over === 0 ? this.#next : this.#next + align - over;
    this.#next = at + size + GAP;
    return at;
  }

  #place(chain: Chain, slot: number): PlacedChain {
    const parts = chain.parts.map((part) => {
      const at = this.#take('read' in part ? part.read.length : part.write, 1);
      if ('read' in part) this.bytes.set(part.read, at);
      return at;
    });
    const table = chain.table ? this.#take(DESC_SIZE * parts.length, DESC_SIZE) : 0;
    const first = chain.table ? table : DESC + DESC_SIZE * slot;
    parts.forEach((at, i) => {
      const part = chain.parts[i];
      const last = i + 1 === parts.length;
      const write = 'write' in part;
      let flags = (write ? DESC_F.WRITE : 0) | (last ? 0 : DESC_F.NEXT);
      let link = last ? 0 : (chain.table ? 0 : slot) + i + 1;
      if (this.#packed) {
        // In a packed table there is neither chaining nor availability (section 2.7.7).
        flags = chain.table ? flags & DESC_F.WRITE : flags | DESC_F.AVAIL;
        link = chain.table ? 0 : last ? chain.id : chain.otherIds;
      }
      this.#desc(first + DESC_SIZE * i, at, write ? part.write : part.read.length, flags, link);
    });
    const head = DESC + DESC_SIZE * slot;
    const flags = DESC_F.INDIRECT | (this.#packed ? DESC_F.AVAIL : 0);
    if (chain.table) this.#desc(head, table, DESC_SIZE * parts.length, flags, this.#packed ? chain.id : 0);
    return { parts, table, head: this.#packed ? chain.id : slot };
  }

  /** `link`: next in a split ring, Buffer ID in a packed one. */
  #desc(at: number, to: number, len: number, flags: number, link: number): void {
    this.#address(at, this.#iova + to);
    this.#view.setUint32(at + 8, len, true);
    this.#view.setUint16(at + (this.#packed ? 14 : 12), flags, true);
    this.#view.setUint16(at + (this.#packed ? 12 : 14), link, true);
  }

  /** Where the descriptor at `at` points, as an offset into the arena; it may lie outside. */
  #target(at: number): number {
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 2 ** 32 - this.#iova;
  }

  #flags(at: number): number {
    return this.#view.getUint16(at + (this.#packed ? 14 : 12), true);
  }

  #address(at: number, iova: Iova): void {
    this.#view.setUint32(at, iova % 2 ** 32, true);
    this.#view.setUint32(at + 4, Math.floor(iova / 2 ** 32), true);
  }

  #publish(): void {
    this.chains.forEach(({ head }, i) => {
      this.#view.setUint16(DRIVER + SPLIT_AVAIL.ring + SPLIT_AVAIL.entrySize * i, head, true);
    });
    this.#view.setUint16(DRIVER + SPLIT_AVAIL.idx, this.available, true);
  }

  #addHeads({ heads, move = heads.length }: AvailFault, num: number): void {
    heads.forEach((head, i) => {
      const at = (this.available + i) % num;
      this.#view.setUint16(DRIVER + SPLIT_AVAIL.ring + SPLIT_AVAIL.entrySize * at, head, true);
    });
    this.available = (this.available + move) & 0xffff;
    this.#view.setUint16(DRIVER + SPLIT_AVAIL.idx, this.available, true);
  }

  #spoil({ table, slot, addr, len, flags, link }: DescFault, { chains }: Shot): void {
    const last = this.chains.findLastIndex((_, i) => chains[i].table);
    const at = (table ? this.chains[last].table : DESC) + DESC_SIZE * slot;
    if (addr !== undefined) this.#spoilAddress(at, addr);
    if (len !== undefined) this.#view.setUint32(at + 8, len, true);
    if (flags !== undefined) this.#view.setUint16(at + (this.#packed ? 14 : 12), flags, true);
    if (link !== undefined) this.#view.setUint16(at + (this.#packed ? 12 : 14), link, true);
  }

  #spoilAddress(at: number, addr: Address): void {
    if (typeof addr === 'bigint') this.#view.setBigUint64(at, addr, true);
    else this.#address(at, this.#iova + this.chains[addr.chain].parts[addr.part] + addr.plus);
  }
}

/** Entries of a table that are looked at: no fault makes a device read more of an arena. */
const MOST_ENTRIES = 64;
