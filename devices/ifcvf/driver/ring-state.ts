import type { VqState } from '../../../framework/device.ts';
import type { IfcvfHardware } from './hardware.ts';

/** Where the ring state words are: fixed for a product, and the driver has to know it. */
export type StateLayout = 'paired' | 'per-queue' | 'dense';

const AREA = 0x20;
const STRIDE: Readonly<Record<StateLayout, (q: number) => number>> = {
  paired: (q) => Math.floor(q / 2) * 0x40 + (q % 2) * 4,
  'per-queue': (q) => q * 0x40,
  dense: (q) => q * 4,
};

/** Position of a queue as its state word has it: both halves, and whether they agree. */
export interface Position {
  readonly avail: number;
  readonly used: number;
}

/** Ring state words of the live-migration region, avail in the low half and used in the high half. */
export class StateWords {
  readonly #hardware: IfcvfHardware;
  readonly #at: (q: number) => number;

  constructor(hardware: IfcvfHardware, layout: StateLayout) {
    this.#hardware = hardware;
    this.#at = (q) => AREA + STRIDE[layout](q);
  }

  read(q: number): Position {
    const word = this.#hardware.readMigration(this.#at(q), 4);
    return { avail: word & 0xffff, used: word >>> 16 };
  }
  /** Split: the avail index alone, 16 bits wide, as Linux writes it. */
  writeSplit(q: number, state: VqState): boolean {
    const { availIndex } = state.split;
    this.#hardware.writeMigration(this.#at(q), 2, availIndex);
    return this.read(q).avail === availIndex;
  }
  /** Packed: both positions with their wrap counters. False when the device did not take them. */
  writePacked(q: number, state: VqState): boolean {
    const { lastAvailIdx, lastAvailCounter, lastUsedIdx, lastUsedCounter } = state.packed;
    if (lastAvailIdx > 0x7fff || lastUsedIdx > 0x7fff) return false;
    const avail = lastAvailIdx | (lastAvailCounter << 15);
    const used = lastUsedIdx | (lastUsedCounter << 15);
    this.#hardware.writeMigration(this.#at(q), 4, (avail | (used << 16)) >>> 0);
    const now = this.read(q);
    return now.avail === avail && now.used === used;
  }
}

/** Say `position` as the contract does. */
export function toVqState({ avail, used }: Position, packed: boolean, state: VqState): void {
  if (!packed) {
    state.split.availIndex = avail;
    return;
  }
  state.packed.lastAvailIdx = avail & 0x7fff;
  state.packed.lastAvailCounter = avail >> 15;
  state.packed.lastUsedIdx = used & 0x7fff;
  state.packed.lastUsedCounter = used >> 15;
}
