import type { DriverMemory } from '../driver-memory.ts';

/** What the driver has of a function: its command interface, its BAR, its events, and memory that both reach. */
export interface FunctionAccess {
  /** Carry out a command; see `Firmware.execute`. */
  execute(input: Uint8Array, outputLength: number): Uint8Array;
  /** Physical address of the BAR. */
  readonly barAddress: number;
  /** A store to the BAR: 16 or 32 bits, or 64 of which `low` is the second half. */
  writeBar(offset: number, value: number, low?: number): void;
  readonly memory: DriverMemory;
  /** Called with each entry of the event queues. */
  onEvent(handler: (entry: Uint8Array) => void): void;
  /** Called with each interrupt vector of a queue. */
  onInterrupt(handler: (vector: number) => void): void;
}
