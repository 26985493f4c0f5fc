import type { MemoryExchange } from '../../framework/memory/exchange.ts';
import type { GuestMemory } from '../../framework/memory/guest-memory.ts';
import type { Buffer } from './buffers.ts';
import { ComparedPacked, type ComparedQueue, ComparedSplit, type Emit } from './compared-queue.ts';
import type { SessionQueue } from './queues.ts';
import type { Session } from './session.ts';

/**
 * Sees what a concurrent device stores by comparing memory with what it held before, and hands over what the
 * driver has stored. Differences become the same events as traced stores: data first, then what the device says
 * about them in the rings, then what exposes it. A store of what was there already stays unseen, except where
 * the used index covers it.
 */
export class Comparison {
  readonly #session: Session;
  readonly #guest: GuestMemory;
  readonly #exchange: MemoryExchange;
  #queues: ComparedQueue[] = [];
  readonly #emit: Emit = (pa, n, v) => {
    this.#stores++;
    this.#session.recorder.push(v === undefined ? { k: 'store', pa, n } : { k: 'store', pa, n, v });
  };
  #stores = 0;

  constructor(session: Session, guest: GuestMemory, exchange: MemoryExchange) {
    this.#session = session;
    this.#guest = guest;
    this.#exchange = exchange;
    session.recorder.push({ k: 'compared' });
  }

  /** Queue `queue` was laid out. */
  laidOut(queue: SessionQueue): void {
    const Compared = queue.packed ? ComparedPacked : ComparedSplit;
    this.#queues = this.#queues.filter((one) => one.queue.idx !== queue.idx);
    this.#queues.push(new Compared(this.#session, this.#exchange, queue));
  }

  /** Buffers became available. */
  published(queue: SessionQueue, buffers: readonly Buffer[]): void {
    const compared = this.#of(queue.idx);
    for (const { id } of buffers) compared?.published(id);
  }

  /** A used buffer notification of queue `idx` came. */
  notified(idx: number): void {
    const compared = this.#of(idx);
    if (compared) compared.owed = false;
  }

  /** After a reset. */
  forget(): void {
    this.#queues = [];
  }

  /** Whether queue `idx` has buffers out, or owes a notification. */
  awaits(idx: number): { buffers: boolean; notification: boolean } {
    const compared = this.#of(idx);
    return {
      buffers: (compared?.outstanding ?? 0) > 0,
      notification: (compared?.owed ?? false) && compared!.queue.listening,
    };
  }

  /** See what the device stored, hand over what the driver stored. Returns the number of stores seen. */
  sync(): number {
    const exchange = this.#exchange;
    const stretches = this.#guest.inUse();
    this.#stores = 0;
    for (const queue of this.#queues) queue.readEarly();
    if (exchange.look(stretches)) {
      for (const queue of this.#queues) queue.pin();
      for (const stretch of stretches) exchange.changes(stretch, (start, end) => this.#plain(start, end));
      for (const queue of this.#queues) queue.stores(this.#emit);
    }
    exchange.give(
      stretches,
      this.#queues.map((queue) => queue.exposing()),
      (pa) => this.#queues.some((queue) => queue.exposes(pa)),
      (words) => {
        if (words.length < 2) return words;
        const ranked = words.map((pa) => {
          const queue = this.#queues.findIndex((one) => one.exposes(pa));
          return { pa, queue, rank: this.#queues[queue].rank(pa) };
        });
        return ranked.sort((a, b) => a.queue - b.queue || a.rank - b.rank).map(({ pa }) => pa);
      },
    );
    return this.#stores;
  }

  #of(idx: number): ComparedQueue | undefined {
    return this.#queues.find((one) => one.queue.idx === idx);
  }

  /** Bytes outside what the queues account for, cut where areas and writable elements begin and end. */
  #plain(start: number, end: number): void {
    for (let at = start; at < end; ) {
      const owner = this.#queues.find((queue) => queue.owns(at));
      const stop = Math.min(end, this.#boundaryAfter(at));
      if (owner === undefined) {
        this.#emit(at, stop - at);
        this.#exchange.take(at, stop);
      }
      at = stop;
    }
  }

  /** Where the area or element that holds `at` ends, or the next one begins. */
  #boundaryAfter(at: number): number {
    let next = Number.POSITIVE_INFINITY;
    const edges = (pa: number, size: number) => {
      if (pa > at) next = Math.min(next, pa);
      else if (pa + size > at) next = Math.min(next, pa + size);
    };
    for (const { queue } of this.#queues)
      for (const { pa, size } of Object.values(queue.areas)) edges(pa, size);
    for (const buffer of this.#session.buffers.all) {
      for (const [, pa, n] of buffer.writable) edges(pa, n);
      for (const [, pa, n] of buffer.readable) edges(pa, n);
    }
    return next;
  }
}
