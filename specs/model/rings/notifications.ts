import type { NotifyEvent } from '../events.ts';

/** A position in a packed ring with its wrap counter. */
export interface PackedPosition {
  slot: number;
  wrap: number;
}

/**
 * What the driver asked for about used buffer notifications of one queue, and whether one is owed
 * (sections 2.6.7 and 2.7.10). Only what is certain counts: where the driver wrote the structures by hand, or
 * the text leaves a choice, nothing is owed.
 */
export class Notifications {
  #mode: NotifyEvent['mode'] | 'unknown' = 'enable';
  #at = 0;
  #wrap = 1;
  /** A callback is registered. */
  listening = true;
  /** Requirement by which a notification is owed for something already published. */
  owed: string | null = null;

  ask({ mode, at = 0, wrap = 1 }: NotifyEvent): void {
    this.#mode = mode;
    this.#at = at;
    this.#wrap = wrap;
  }

  /** The driver wrote the suppression structure by hand. */
  lose(): void {
    this.#mode = 'unknown';
    this.owed = null;
  }

  /** Split: used entries from index `from` up to, not including, `to` were published. */
  publishedSplit(from: number, to: number, eventIdx: boolean): void {
    if (!this.listening) return;
    if (!eventIdx) {
      if (this.#mode === 'enable') this.owed = 'V1.1-2.6.7.2-D3';
      return;
    }
    const due = ((to - this.#at - 1) & 0xffff) < ((to - from) & 0xffff);
    if (this.#mode === 'event' && due) this.owed = 'V1.1-2.6.7.2-D5';
  }

  /** Packed: a used descriptor was published at this position. */
  publishedPacked({ slot, wrap }: PackedPosition): void {
    if (!this.listening) return;
    if (this.#mode === 'enable') this.owed = 'P1.1-012';
    else if (this.#mode === 'event' && slot === this.#at && wrap === this.#wrap) this.owed = 'P1.1-013';
  }

  came(): void {
    this.owed = null;
  }
}
