import type { Session } from '../session/session.ts';

const FLUSH = 1n << 9n;
const CONFIG_WCE = 1n << 11n;
/** Place of `writeback` in the configuration (section 5.2.4). */
const WRITEBACK = 32;

/** A request at the time when it is issued. */
export interface Issue {
  /** The device may keep what it writes in a cache. */
  readonly cached: boolean;
  /** What had been written by then, and power cuts before. */
  readonly written: number;
  readonly cuts: number;
}

/** What a session knows to be on the medium of a block device, by sector, and which of it a power cut may take. */
export class Medium {
  readonly #session: Session;
  readonly #known = new Map<number, Uint8Array>();
  /** Sectors that may be in a cache only: how much had been written when this one was. */
  readonly #cached = new Map<number, number>();
  #written = 0;
  #cuts = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  get(sector: number): Uint8Array | undefined {
    return this.#known.get(sector);
  }

  /** A request is about to be made available. */
  issue(): Issue {
    return { cached: caches(this.#session), written: this.#written, cuts: this.#cuts };
  }

  /** A write that was issued so is completed. */
  learn(sector: number, content: Uint8Array, issue: Issue): void {
    const cached = issue.cached || caches(this.#session);
    if (cached && issue.cuts !== this.#cuts) {
      this.#known.delete(sector);
      return;
    }
    this.#known.set(sector, content);
    if (cached) this.#cached.set(sector, ++this.#written);
    else this.#cached.delete(sector);
  }

  forget(sector: number, count = 1): void {
    const known = this.#known;
    if (count <= known.size) for (let i = 0; i < count; i++) known.delete(sector + i);
    else for (const key of known.keys()) if (key >= sector && key < sector + count) known.delete(key);
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
}

/** The medium as this session knows it. */
export const mediumOf = (session: Session): Medium => session.state('blk-medium', () => new Medium(session));

/**
 * Whether a write that completes now may be in a cache only: `writeback` says so where it was negotiated;
 * otherwise a device whose driver took FLUSH may, any other may not (sections 5.2.5 and 5.2.6.2).
 */
function caches(session: Session): boolean {
  if ((session.features & CONFIG_WCE) === 0n) return (session.features & FLUSH) !== 0n;
  const value = new Uint8Array(1);
  session.recorded.quiet++;
  session.ops.getConfig(WRITEBACK, value);
  session.recorded.quiet--;
  return value[0] !== 0;
}
