import { BLK_F } from '../../virtio-1.1/features.ts';

/** Sectors that lie together. */
export interface Range {
  readonly sector: number;
  readonly count: number;
}

/** A request at the time when it is made available. */
export interface Issue {
  readonly at: number;
  /** The device may keep what it writes in a cache. */
  readonly cached: boolean;
  /** What it writes to or discards. */
  readonly changes: readonly Range[];
  /** How many writes had been completed by then, and how many power cuts there had been. */
  readonly written: number;
  readonly cuts: number;
}

/** Sectors of one range that are followed one by one; of the rest nothing but that it changed. */
const FOLLOWED = 16384;
const NOTHING: readonly Range[] = [];

const holds = ({ sector, count }: Range, one: number) => one >= sector && one < sector + count;

/**
 * What a driver may know of the medium of a block device, from the requests that it made and saw completed.
 *
 * Requests that are in flight together have no order (section 5.2.6), so a sector is open from the time when a
 * request that changes it is made available until one that no other overlapped is completed with OK. A read is
 * held against what was known of a sector only if nothing changed it while the read was in flight.
 */
export class Medium {
  readonly #known = new Map<number, Uint8Array>();
  /** When a request that changes the sector was last made available or completed. */
  readonly #changed = new Map<number, number>();
  readonly #wide: { readonly range: Range; readonly at: number }[] = [];
  /** Sectors that may be in a cache only: how many writes had been completed when this one was. */
  readonly #cached = new Map<number, number>();
  #clock = 0;
  #written = 0;
  #cuts = 0;

  /** A request is about to be made available. */
  issue(cached: boolean, changes: readonly Range[] = NOTHING): Issue {
    const at = ++this.#clock;
    for (const range of changes) {
      const followed = Math.min(range.count, FOLLOWED);
      for (let i = 0; i < followed; i++) {
        this.#known.delete(range.sector + i);
        this.#changed.set(range.sector + i, at);
      }
      if (followed < range.count) this.#changeWide(range, at);
    }
    return { at, cached, changes, written: this.#written, cuts: this.#cuts };
  }

  /**
   * A request that changes sectors is completed: `contentOf` tells what they hold now, undefined
   * where that is open. `cached`: the device may keep it in a cache now.
   */
  complete(issue: Issue, cached: boolean, contentOf?: (sector: number) => Uint8Array | undefined): void {
    const at = ++this.#clock;
    const mayBeLost = issue.cached || cached;
    const lost = mayBeLost && issue.cuts !== this.#cuts;
    if (contentOf !== undefined && !lost) this.#written++;
    for (const range of issue.changes) {
      const followed = Math.min(range.count, FOLLOWED);
      for (let i = 0; i < followed; i++) {
        const sector = range.sector + i;
        const alone = this.#lastChange(sector) === issue.at;
        this.#changed.set(sector, at);
        const content = alone && !lost ? contentOf?.(sector) : undefined;
        if (content === undefined) continue;
        this.#known.set(sector, content);
        if (mayBeLost) this.#cached.set(sector, this.#written);
        else this.#cached.delete(sector);
      }
      if (followed < range.count) this.#changeWide(range, at);
    }
  }

  /** What a read that was issued so must find; undefined where any content is right. */
  expected(sector: number, issue: Issue): Uint8Array | undefined {
    return this.#lastChange(sector) > issue.at ? undefined : this.#known.get(sector);
  }

  /** A flush that was issued so is completed: what had been completed by then is stable (section 5.2.6.2). */
  flushed({ written, cuts }: Issue): void {
    if (cuts !== this.#cuts) return;
    for (const [sector, at] of this.#cached) if (at <= written) this.#cached.delete(sector);
  }

  /** The power failed: what was in a cache may be old or new. */
  powerCut(): void {
    for (const sector of this.#cached.keys()) this.#known.delete(sector);
    this.#cached.clear();
    this.#cuts++;
  }

  #changeWide({ sector, count }: Range, at: number): void {
    const range = { sector: sector + FOLLOWED, count: count - FOLLOWED };
    for (const known of this.#known.keys()) if (holds(range, known)) this.#known.delete(known);
    this.#wide.push({ range, at });
  }

  #lastChange(sector: number): number {
    let last = this.#changed.get(sector) ?? 0;
    for (const { range, at } of this.#wide) if (at > last && holds(range, sector)) last = at;
    return last;
  }
}

/**
 * Whether a write that completes now may be in a cache only: `writeback` says so where it was negotiated;
 * otherwise a device whose driver took FLUSH may, any other may not (sections 5.2.5 and 5.2.6.2).
 */
export function mayCache(inForce: bigint, writeback: () => number): boolean {
  if ((inForce & BLK_F.CONFIG_WCE) !== 0n) return writeback() !== 0;
  return (inForce & BLK_F.FLUSH) !== 0n;
}
