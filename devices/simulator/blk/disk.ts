import type { DeviceBacking } from '../../../framework/parent.ts';

/** Bytes in a sector: the unit of every position and length on the disk (section 5.2.4). */
export const SECTOR = 512;
/** Bytes in a page of the store. */
export const PAGE = 4096;

/** A page of zeroes; in the cache it stands for a page that was zeroed. Never written to. */
const ZERO_PAGE = new Uint8Array(PAGE);

/** Pages of disks that are gone, for those to come: making and collecting large arrays is dear. */
const SPARE: Uint8Array[] = [];
const MOST_SPARE = 256;

/** Handles `length` bytes at `at` in a page, being byte `done` of the range asked for. */
export type PageHandler = (page: Uint8Array, at: number, length: number, done: number) => void;

/**
 * The medium: a sparse store in pages that come into being when they are written, and a volatile write
 * cache before it. A write that is to be stable goes through to the store (section 5.2.6.2); others stay in
 * the cache until `flush`, and `powerCut` loses them. Positions are in bytes, exact below 2^53.
 */
export class Disk {
  /** What survives a power cut, by page number. */
  readonly stable = new Map<number, Uint8Array>();
  /** Written and not yet stable, by page number; it hides the stable page. */
  readonly cache = new Map<number, Uint8Array>();

  /** Hand the bytes from `at` on to `handle`, page by page; they are not to be changed. */
  read(at: number, length: number, handle: PageHandler): void {
    for (let done = 0; done < length; ) {
      const position = at + done;
      const number = Math.floor(position / PAGE);
      const offset = position - number * PAGE;
      const piece = Math.min(PAGE - offset, length - done);
      handle(this.pageToRead(number), offset, piece, done);
      done += piece;
    }
  }

  /** Let `fill` store the bytes from `at` on, page by page; `through`: they are stable afterwards. */
  write(at: number, length: number, through: boolean, fill: PageHandler): void {
    for (let done = 0; done < length; ) {
      const position = at + done;
      const number = Math.floor(position / PAGE);
      const offset = position - number * PAGE;
      const piece = Math.min(PAGE - offset, length - done);
      fill(this.pageToWrite(number, through), offset, piece, done);
      done += piece;
    }
  }

  /** Make the bytes from `at` on read as zeroes; whole pages are deallocated. */
  zero(at: number, length: number, through: boolean): void {
    const end = at + length;
    const firstWhole = Math.ceil(at / PAGE);
    const endWhole = Math.floor(end / PAGE);
    if (firstWhole > endWhole) {
      this.zeroPart(at, length, through);
      return;
    }
    this.zeroPart(at, firstWhole * PAGE - at, through);
    this.zeroPart(endWhole * PAGE, end - endWhole * PAGE, through);
    for (const number of this.pagesWithin(firstWhole, endWhole)) {
      if (through) {
        this.cache.delete(number);
        this.stable.delete(number);
      } else {
        this.cache.set(number, ZERO_PAGE);
      }
    }
  }

  /** Make everything stable that is in the cache. */
  flush(): void {
    for (const [number, page] of this.cache) this.commit(number, page);
    this.cache.clear();
  }

  /** Give all pages away; nothing is left on the disk. */
  give(): NonNullable<DeviceBacking['disk']> {
    const pages = (map: Map<number, Uint8Array>): [number, Uint8Array][] =>
      [...map].map(([number, page]) => [number, page === ZERO_PAGE ? new Uint8Array(PAGE) : page]);
    const given = { stable: pages(this.stable), cache: pages(this.cache) };
    this.stable.clear();
    this.cache.clear();
    return given;
  }

  /** Hold these pages, and no others. */
  hold({ stable, cache }: NonNullable<DeviceBacking['disk']>): void {
    this.dispose();
    for (const [number, page] of stable) this.stable.set(number, page);
    for (const [number, page] of cache) this.cache.set(number, page);
  }

  /** The disk is gone: its pages serve others. */
  dispose(): void {
    for (const map of [this.stable, this.cache]) {
      for (const page of map.values()) if (page !== ZERO_PAGE && SPARE.length < MOST_SPARE) SPARE.push(page);
      map.clear();
    }
  }

  /** Lose what is not stable. */
  powerCut(): void {
    this.cache.clear();
  }

  pageToRead(number: number): Uint8Array {
    return this.cache.get(number) ?? this.stable.get(number) ?? ZERO_PAGE;
  }

  /** The page to write to: a copy in the cache, or with `through` the stable page itself. */
  pageToWrite(number: number, through: boolean): Uint8Array {
    const cached = this.cache.get(number);
    if (through) {
      if (cached !== undefined) {
        this.commit(number, cached);
        this.cache.delete(number);
      }
      return owned(this.stable, number, undefined);
    }
    if (cached !== undefined && cached !== ZERO_PAGE) return cached;
    return owned(this.cache, number, cached ?? this.stable.get(number));
  }

  commit(number: number, page: Uint8Array): void {
    if (page === ZERO_PAGE) this.stable.delete(number);
    else this.stable.set(number, page);
  }

  /** Zero less than a page; where there is no page, there is nothing to do. */
  zeroPart(at: number, length: number, through: boolean): void {
    const number = Math.floor(at / PAGE);
    if (length === 0 || !(this.cache.has(number) || this.stable.has(number))) return;
    this.write(at, length, through, (page, offset, piece) => page.fill(0, offset, offset + piece));
  }

  /** Existing pages from `first` up to but not including `end`, without counting through a huge empty range. */
  pagesWithin(first: number, end: number): number[] {
    const numbers: number[] = [];
    if (end - first <= this.stable.size + this.cache.size) {
      for (let n = first; n < end; n++) if (this.stable.has(n) || this.cache.has(n)) numbers.push(n);
      return numbers;
    }
    for (const n of this.stable.keys()) if (n >= first && n < end) numbers.push(n);
    for (const n of this.cache.keys()) if (n >= first && n < end && !this.stable.has(n)) numbers.push(n);
    return numbers;
  }
}

/** The page of `map`, made as a copy of `from` (or of zeroes) when there is none yet. */
function owned(map: Map<number, Uint8Array>, number: number, from: Uint8Array | undefined): Uint8Array {
  let page = from === undefined ? map.get(number) : undefined;
  if (page === undefined) {
    page = SPARE.pop() ?? new Uint8Array(PAGE);
    if (from === undefined) page.fill(0);
    else page.set(from);
    map.set(number, page);
  }
  return page;
}
