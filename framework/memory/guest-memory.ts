import { type IotlbEntry, type Iova, PERM, type Perm, type VdpaIovaRange } from '../device.ts';
import { MemoryExchange, type Stretch } from './exchange.ts';
import { HostMemory } from './host-memory.ts';
import type { IovaWindow, SharedMemory } from './shared-memory.ts';

/** A stretch of guest memory: `pa` is the byte offset in host memory, `iova` what the device is told. */
export interface Region {
  readonly pa: number;
  readonly iova: Iova;
  readonly size: number;
}

/** One block of guest RAM as the bus driver maps it: contiguous in IOVA and in host memory. */
export interface RamBlock extends Region {
  readonly perm: Perm;
}

/** Bytes left untouched on both sides of every allocation, to catch stray accesses. */
export const GUARD = 64;

/** Mapping granule in bytes. */
export const PAGE = 4096;

/** Distance of the bases of blocks below and above 4 GiB. */
const LOW = 0x4000_0000;
const HIGH = 0x12_0000_0000;

const EVERYWHERE: VdpaIovaRange = { first: 0, last: Number.MAX_SAFE_INTEGER };

/** A block and where its free space begins. */
interface Placed {
  readonly block: RamBlock;
  next: number;
}

const pageUp = (n: number) => Math.ceil(n / PAGE) * PAGE;

/**
 * Guest memory: host memory cut into RAM blocks, each mapped at an IOVA that differs from its offset by an
 * amount of its own, so that a device which skips or mixes up translation touches the wrong place. Two
 * blocks lie below 4 GiB, the others above, so that 32-bit truncation shows as well. All lie in {@link range}.
 *
 * Allocation is a bump pointer per block; {@link reset} forgets all allocations and zeroes what was used.
 */
export class GuestMemory {
  readonly host: HostMemory;
  /** Where IOVAs may lie; {@link reset} forgets it. */
  range: VdpaIovaRange | undefined;
  #blocks: Placed[] = [];
  /** Where blocks are cut from, one window after the other: `used` bytes of each are taken, the first `clean` are zero. */
  #rooms: { window: IovaWindow | null; pa: number; size: number; used: number; clean: number }[];
  #exchange: MemoryExchange | null = null;
  #provider: unknown = null;

  constructor(size = 1 << 20) {
    this.host = new HostMemory(size);
    this.#rooms = [{ window: null, pa: 0, size, used: 0, clean: size }];
  }

  /** Forget blocks and allocations and zero every byte handed out since the last reset. */
  reset(): void {
    for (const room of this.#rooms) {
      this.host.bytes.fill(0, room.pa, room.pa + room.used);
      this.#exchange?.clear(room.pa, room.pa + room.used);
      if (room.used > 0) room.clean = room.used;
      room.used = 0;
    }
    this.#blocks = [];
    this.range = undefined;
  }

  /**
   * The exchange with memory that a device outside this process reaches: made by `provide` at the first call, and
   * kept for as long as `provider` is the same.
   */
  share(provider: unknown, provide: (size: number) => SharedMemory): MemoryExchange {
    if (this.#exchange !== null && this.#provider === provider) return this.#exchange;
    this.dispose();
    this.reset();
    const shared = provide(this.host.size);
    this.#exchange = new MemoryExchange(this.host, shared);
    this.#provider = provider;
    if (shared.windows !== undefined)
      this.#rooms = shared.windows.map((window) => ({
        window,
        pa: window.pa,
        size: window.size,
        used: 0,
        clean: window.size,
      }));
    return this.#exchange;
  }

  /** Give shared memory back, if there is any. */
  dispose(): void {
    this.reset();
    this.#exchange?.shared.dispose();
    this.#exchange = null;
    this.#rooms = [{ window: null, pa: 0, size: this.host.size, used: 0, clean: this.host.size }];
  }

  /** What is allocated, with a guard and to the end of its page; whole blocks that nothing was taken from. */
  inUse(): Stretch[] {
    const stretches: { start: number; end: number }[] = [];
    for (const { block, next } of this.#blocks) {
      const whole = block.pa + block.size;
      const end = next === block.pa + GUARD ? whole : Math.min(pageUp(next), whole);
      const last = stretches.at(-1);
      if (last !== undefined && last.end === block.pa) last.end = end;
      else stretches.push({ start: block.pa, end });
    }
    return stretches;
  }

  /** Bytes of host memory in use by blocks. */
  get used(): number {
    return this.#rooms.reduce((sum, { used }) => sum + used, 0);
  }

  /**
   * Add a RAM block of at least `size` bytes (whole pages). The caller maps it ({@link mapping}).
   * @throws RangeError when host memory is exhausted
   */
  addBlock(size: number, perm: Perm = PERM.RW): RamBlock {
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`a block of ${size} bytes`);
    const bytes = pageUp(size);
    const n = this.#blocks.length;
    const { pa, window } = this.#take(n, bytes);
    const iova = window === null ? this.#base(n) + pa + PAGE * (3 + n) : window.iova + pa - window.pa;
    const block: RamBlock = { pa, iova, size: bytes, perm };
    this.#blocks.push({ block, next: pa + GUARD });
    return block;
  }

  /** What block `n` lies above its offset at the least. Blocks may share it: their offsets differ. */
  #base(n: number): Iova {
    const told = this.range;
    const { first, last } = told !== undefined && told.first < told.last ? told : EVERYWHERE;
    const reach = this.host.size + PAGE * (4 + n);
    if (n >= 2) {
      const places = Math.floor((last - reach) / HIGH) - 1;
      const base = HIGH * (places > 0 ? 2 + ((n - 2) % places) : 0);
      if (places > 0 && base >= first) return base;
    }
    const low = LOW * ((n % 2) + 1);
    return low >= first && low + reach <= last ? low : pageUp(first);
  }

  /** Room for block `n`: in turns from all windows, as long as each has some. */
  #take(n: number, bytes: number): { pa: number; window: IovaWindow | null } {
    for (let i = 0; i < this.#rooms.length; i++) {
      const room = this.#rooms[(n + i) % this.#rooms.length];
      if (room.used + bytes > room.size) continue;
      const pa = room.pa + room.used;
      room.used += bytes;
      // A device that was told nonsense may have stored anywhere.
      if (room.used > room.clean) this.#exchange?.clear(pa, pa + bytes);
      return { pa, window: room.window };
    }
    const left = Math.max(...this.#rooms.map(({ size, used }) => size - used));
    throw new RangeError(`guest memory exhausted: ${bytes} bytes asked, ${left} left`);
  }

  /** What {@link alloc} takes, or null when the block is too full for it. */
  tryAlloc(block: RamBlock, size: number, align = 16): Region | null {
    if (!(size >= 0)) throw new RangeError(`${size} bytes asked`);
    const slot = this.#placed(block);
    const pa = this.#start(slot, align);
    if (pa + size > block.pa + block.size) return null;
    slot.next = pa + size + GUARD;
    return { pa, iova: block.iova + (pa - block.pa), size };
  }

  /**
   * Take `size` bytes from `block`, aligned to `align`, with {@link GUARD} bytes of distance to neighbours.
   * @throws RangeError when the block is full
   */
  alloc(block: RamBlock, size: number, align = 16): Region {
    const region = this.tryAlloc(block, size, align);
    if (region !== null) return region;
    const left = block.pa + block.size - this.#start(this.#placed(block), align);
    throw new RangeError(`RAM block full: ${size} bytes asked, ${left} left`);
  }

  /** Most allocations are from the block that was added last. */
  #placed(block: RamBlock): Placed {
    for (let i = this.#blocks.length - 1; i >= 0; i--)
      if (this.#blocks[i].block === block) return this.#blocks[i];
    throw new RangeError('that RAM block is not of this memory, or was forgotten');
  }

  #start({ next }: Placed, align: number): number {
    const over = next % align;
    return over === 0 ? next : next + align - over;
  }

  /** The IOTLB entry that maps `block`. */
  static mapping(block: RamBlock): IotlbEntry {
    return { iova: block.iova, size: block.size, addr: block.pa, perm: block.perm };
  }
}
