import { initialVqState, type VqState } from '../../../framework/device.ts';
import type { AccessSize } from '../../../framework/transport/access.ts';
import { F_RING_PACKED } from '../../../specs/virtio-1.1/features.ts';
import type { SimulatorDevice } from '../../simulator/core.ts';

/** How ring state words lie in the live-migration region; products and driver versions differ. */
export const RING_STATE_LAYOUTS = ['paired', 'per-queue', 'dense'] as const;
export type RingStateLayout = (typeof RING_STATE_LAYOUTS)[number];

const BASE = 0x20;

/** Offset of the state word of queue `q` in the live-migration region. */
export function ringStateOffset(layout: RingStateLayout, q: number): number {
  if (layout === 'paired') return BASE + (q >> 1) * 0x40 + (q & 1) * 4;
  return BASE + q * (layout === 'dense' ? 4 : 0x40);
}

/**
 * The ring state words: where each queue stands, and where it starts when it is enabled. Low half: avail
 * position, high half: used position; for packed rings bit 15 of each half is its wrap counter.
 */
export class RingStates {
  readonly #sim: SimulatorDevice;
  readonly #queueAt = new Map<number, number>();

  constructor(sim: SimulatorDevice, layout: RingStateLayout) {
    this.#sim = sim;
    for (let q = 0; q < sim.nvqs; q++) this.#queueAt.set(ringStateOffset(layout, q), q);
  }

  /** Whether a word is at `offset`, or its used half. */
  covers(offset: number): boolean {
    return this.#queueAt.has(offset & ~3) && offset % 2 === 0;
  }

  /** The word, or the half of it that a 16-bit access names. */
  read(offset: number, size: AccessSize): number {
    const word = this.word(this.#queueAt.get(offset & ~3)!);
    if (size === 4) return word;
    return size === 2 ? (offset % 4 === 0 ? word & 0xffff : word >>> 16) : 0;
  }

  /** Take a position over; an enabled queue, and one that cannot stand there, keeps its own. */
  write(offset: number, size: AccessSize, value: number): void {
    const q = this.#queueAt.get(offset & ~3)!;
    if (size === 1) return;
    if (size === 4) this.store(q, value >>> 0);
    else if (offset % 4 === 0) this.store(q, ((this.word(q) & 0xffff0000) | value) >>> 0);
    else this.store(q, ((this.word(q) & 0xffff) | (value << 16)) >>> 0);
  }

  /** Where queue `q` stands now. */
  word(q: number): number {
    const { ring, start } = this.#sim.queues[q];
    const { split, packed } = ring?.state() ?? start;
    if (!this.#packed()) {
      const used = (split.availIndex - (ring?.outstanding ?? 0)) & 0xffff;
      return (split.availIndex | (used << 16)) >>> 0;
    }
    const half = (index: number, counter: number) => index | (counter << 15);
    const avail = half(packed.lastAvailIdx, packed.lastAvailCounter);
    return (avail | (half(packed.lastUsedIdx, packed.lastUsedCounter) << 16)) >>> 0;
  }

  /** Let queue `q` start where `word` says. */
  store(q: number, word: number): void {
    const state: VqState = initialVqState();
    const avail = word & 0xffff;
    const used = word >>> 16;
    if (this.#packed())
      state.packed = {
        lastAvailIdx: avail & 0x7fff,
        lastAvailCounter: avail >> 15,
        lastUsedIdx: used & 0x7fff,
        lastUsedCounter: used >> 15,
      };
    else state.split.availIndex = avail;
    this.#sim.setVqState(q, state);
  }

  #packed(): boolean {
    return this.#sim.negotiated(F_RING_PACKED);
  }
}
