import type { PciAccess } from '../../../framework/transport/access.ts';
import { NO_VECTOR } from '../../../framework/transport/transport.ts';
import { halves } from './registers.ts';

const CONTROL = 2;
const TABLE = 4;
const ENABLE = 1 << 15;
const ENTRY = 16;
const MASKED = 1;

/** The MSI-X capability of a function (PCI Local Bus 3.0, section 6.8.2): table entries, enabling. */
export class MsixTable {
  readonly #access: PciAccess;
  readonly #at: number;
  readonly #bar: number;
  readonly #offset: number;
  readonly #programmed = new Set<number>();
  /** As it was set last; null: not yet. */
  enabled: boolean | null = null;
  /** Entries of the table. */
  readonly count: number;

  constructor(access: PciAccess, at: number) {
    this.#access = access;
    this.#at = at;
    this.count = (access.readConfig(at + CONTROL, 2) & 0x7ff) + 1;
    const table = access.readConfig(at + TABLE, 4);
    this.#bar = table & 7;
    this.#offset = table - this.#bar;
  }

  /** Enable MSI-X, or disable it so that INTx takes its place; no other bit of the word can be written but the mask. */
  enable(on: boolean): void {
    this.enabled = on;
    this.#access.writeConfig(this.#at + CONTROL, 2, on ? ENABLE : 0);
  }

  /** Make entry `vector` send its messages to where the platform sees them. */
  program(vector: number): void {
    if (vector === NO_VECTOR || vector >= this.count || this.#programmed.has(vector)) return;
    this.#programmed.add(vector);
    const { address, data } = this.#access.interrupts.message(vector);
    const at = this.#offset + vector * ENTRY;
    const [low, high] = halves(address);
    this.#access.writeBar(this.#bar, at + 12, 4, MASKED);
    this.#access.writeBar(this.#bar, at, 4, low);
    this.#access.writeBar(this.#bar, at + 4, 4, high);
    this.#access.writeBar(this.#bar, at + 8, 4, data);
    this.#access.writeBar(this.#bar, at + 12, 4, 0);
  }

  /** Drop messages that came before now. */
  drain(): void {
    for (const vector of this.#programmed) this.#access.interrupts.takeMessages(vector);
  }
}
