import type { IotlbEntry } from '../device.ts';
import { DIRTY_PAGE } from '../memory/dirty.ts';

/** What a pre-copy has sent so far, in pages. */
export interface PreCopyFigures {
  rounds: number;
  /** Pages sent in all, and those among them that had been sent before. */
  sent: number;
  resent: number;
}

/**
 * Pre-copy of guest memory to a destination that has memory of its own: everything once while the guest runs, then
 * round by round only what became dirty meanwhile, the last time once the device has stopped. Pages are those of the
 * mapped memory, by IOVA, as in the dirty log.
 */
export class PreCopy {
  readonly figures: PreCopyFigures = { rounds: 0, sent: 0, resent: 0 };
  /** The memory of the destination, at the same physical addresses. */
  readonly destination: Uint8Array;
  readonly #source: Uint8Array;
  readonly #mapped: () => readonly IotlbEntry[];
  readonly #known = new Set<number>();

  /** @param mapped the guest memory that there is, in whole pages; more of it may come while the copy is under way */
  constructor(source: Uint8Array, mapped: () => readonly IotlbEntry[]) {
    this.#source = source;
    this.#mapped = mapped;
    this.destination = new Uint8Array(source.length);
    this.round(() => true);
  }

  /** Send the pages that are dirty, and those that are new. Returns how many. */
  round(isDirty: (page: number, pa: number) => boolean): number {
    let sent = 0;
    for (const [page, pa] of this.#pages()) {
      const known = this.#known.has(page);
      if (known && !isDirty(page, pa)) continue;
      this.destination.set(this.#source.subarray(pa, pa + DIRTY_PAGE), pa);
      this.#known.add(page);
      sent++;
      if (known) this.figures.resent++;
    }
    this.figures.rounds++;
    this.figures.sent += sent;
    return sent;
  }

  /** Pages in which the two memories differ, as [page, physical address]. */
  differences(): [number, number][] {
    return [...this.#pages()].filter(([, pa]) => this.differs(pa));
  }

  /** Whether the page at physical address `pa` differs. */
  differs(pa: number): boolean {
    for (let at = pa; at < pa + DIRTY_PAGE; at++) if (this.#source[at] !== this.destination[at]) return true;
    return false;
  }

  /** Memory of the guest is that of the destination from here on. */
  switchOver(): void {
    for (const [, pa] of this.#pages()) this.#source.set(this.destination.subarray(pa, pa + DIRTY_PAGE), pa);
  }

  *#pages(): Iterable<[page: number, pa: number]> {
    for (const { iova, size, addr } of this.#mapped())
      for (let done = 0; done < size; done += DIRTY_PAGE) yield [(iova + done) / DIRTY_PAGE, addr + done];
  }
}
