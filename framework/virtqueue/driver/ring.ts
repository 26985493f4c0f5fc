import type { Iova } from '../../device.ts';
import type { HostMemory } from '../../memory/host-memory.ts';
import { OutcomeError } from '../../outcome-error.ts';

/** A stretch of guest memory, known to the driver by physical address and to the device by IOVA. */
export interface Area {
  /** Byte offset into host memory. */
  readonly pa: number;
  readonly iova: Iova;
  readonly size: number;
}

/** One element of a buffer as the driver exposes it. */
export interface Element {
  iova: Iova;
  len: number;
  /** Device-writable. */
  write: boolean;
}

/** How one buffer is laid out in the ring. Everything has a sensible default. */
export interface AddOptions {
  /**
   * Put all elements but the first `direct` (default 0) into this indirect table, 16 bytes an element.
   * Split allows direct descriptors before the indirect one (2.6.5.3.2), packed does not (2.7.19).
   */
  indirect?: { table: Area; direct?: number };
  /** Split: descriptor table slots to use, in chain order (default: from the free list). */
  slots?: readonly number[];
  /** Packed: Buffer ID, any 16-bit value (default: from the free list of ids, all below the queue size). */
  id?: number;
  /** Packed: ids for the non-last descriptors of a list (default: the buffer's id). */
  otherIds?: number;
  /** Set WRITE on the descriptor that carries INDIRECT, where it has no meaning. */
  indirectWriteFlag?: boolean;
  /**
   * Build the buffer although 1.1 forbids a driver to: device-readable after device-writable elements
   * (2.6.4.2, 2.7.17), split chain longer than the queue through its table (2.6.5.3.1), packed list that
   * mixes direct and indirect descriptors (2.7.19). Without it `add` throws `breach`.
   */
  breach?: boolean;
  /** Caller's handle, returned with the completion. */
  token?: unknown;
}

/**
 * What is wrong with a used buffer:
 * - `id`: it names a buffer that is not outstanding (never made available, or returned already);
 * - `index`: the used index (split) moved further than buffers are outstanding; reported once, the driver
 *   then continues from the device's index;
 * - `order`: IN_ORDER, split: a later buffer than the index covers; the buffer is outstanding (`known`).
 */
export type UsedFault = 'id' | 'index' | 'order';

/** One buffer that came back. */
export interface UsedBuffer {
  /** Split: head index; packed: Buffer ID; as the device wrote it. */
  id: number;
  /** Used length as the device wrote it; undefined for a buffer that an IN_ORDER batch skipped. */
  len: number | undefined;
  /** Handle of the matching outstanding buffer; undefined when the device named none that is outstanding. */
  token: unknown;
  /** False: the device named a buffer that is not outstanding. */
  known: boolean;
  /** Packed: WRITE flag of the used descriptor; undefined in split rings and for skipped buffers. */
  writeFlag?: boolean;
  /** What the device did wrong, undefined if nothing. See {@link UsedFault}. */
  fault?: UsedFault;
}

/** Which used buffer notifications the driver asks for. */
export type InterruptMode =
  | { mode: 'enable' }
  | { mode: 'disable' }
  /**
   * EVENT_IDX. Split: `at` is the used_event value. Packed: ring offset with its wrap counter (default: the
   * counter with which that offset is reached next).
   */
  | { mode: 'event'; at: number; wrap?: 0 | 1 };

/** The three areas of a virtqueue (sections 2.6 and 2.7). */
export interface QueueAreas {
  /** Descriptor table or descriptor ring. */
  readonly desc: Area;
  /** Available ring or driver event suppression. */
  readonly driver: Area;
  /** Used ring or device event suppression. */
  readonly device: Area;
}

/** Where and how a driver-side queue runs. */
export interface DriverRingConfig extends QueueAreas {
  memory: HostMemory;
  num: number;
  eventIdx: boolean;
  inOrder: boolean;
  /**
   * Take up a queue that ran before, with nothing in flight. Split: the avail index to start from; used
   * index and both event indices are preset to the same. Packed: position and wrap counter (default 1);
   * the ring is preset to what used descriptors of the laps before would have left there.
   */
  start?: { index: number; wrap?: 0 | 1 };
}

/**
 * The driver side of a virtqueue. `add` writes descriptors, `publish` makes them available, `kickNeeded`
 * tells whether the device asked for a kick, `poll` consumes what came back. It trusts nothing that the
 * device writes: wrong ids and impossible indices are reported, not followed.
 */
export interface DriverRing {
  readonly config: DriverRingConfig;
  /** Free descriptors. */
  readonly free: number;
  /** Buffers added and not yet polled. */
  readonly outstanding: number;
  /** Next entry to be made available. Split: the 16-bit index. Packed: offset, wrap counter in bit 15. */
  readonly availPosition: number;
  /** Where the next used entry is expected; same coding. */
  readonly usedPosition: number;
  /** Write the descriptors of one buffer without making it available. Returns its id (head / Buffer ID). */
  add(elements: readonly Element[], options?: AddOptions): number;
  /** Make all added buffers available at once: one avail index store, or head flags last (packed). */
  publish(): void;
  /**
   * Whether a conforming driver has to kick for what was published since the last call (2.6.10, 2.7.10).
   * Asking counts as having kicked: the same buffers are not asked about again.
   */
  kickNeeded(): boolean;
  /** Notification data for a kick (section 2.7.23): bits 16-31 filled, 0-15 left for the virtqueue number. */
  notificationData(): number;
  /** Whether the device used something that was not consumed yet; what a driver looks at first in an interrupt. */
  hasUsed(): boolean;
  /**
   * Consume the next used buffer, or null. Never throws. Returns an object of its own, or fills and returns
   * `into`, for a caller that is through with a buffer before it polls the next one.
   */
  poll(into?: UsedBuffer): UsedBuffer | null;
  /** What a conforming driver does to be notified about the next used buffer, or about none. */
  setInterrupts(mode: InterruptMode): void;
  /**
   * Ask to be notified about the next buffer used: `enable`, or `event` at the next position with EVENT_IDX.
   * Nothing is owed for what the device used before: poll once more afterwards.
   */
  armInterrupts(): void;
}

/** Why a ring operation was refused. */
export type DriverRingErrorCode =
  /** Fewer free descriptors than the buffer needs. */
  | 'ring-full'
  /** Explicit slots: wrong number, out of range, taken, or named twice. */
  | 'bad-slots'
  /** Explicit Buffer ID: not 16 bits wide, or outstanding. */
  | 'bad-id'
  /** No element at all, or none left for the indirect table. */
  | 'empty-buffer'
  /** Address or length that a descriptor cannot hold. */
  | 'bad-element'
  /** Indirect table too small. */
  | 'bad-table'
  /** Interrupt mode that needs EVENT_IDX, or an event position outside the ring. */
  | 'bad-mode'
  /** Queue size, area or start position that cannot work. */
  | 'bad-config'
  /** Forbidden by the specification and not asked for with `breach`. */
  | 'breach';

/** A ring operation that the driver itself got wrong. */
export class DriverRingError extends OutcomeError {
  readonly code: DriverRingErrorCode;
  constructor(code: DriverRingErrorCode, message: string) {
    super(message);
    this.name = 'DriverRingError';
    this.code = code;
  }
}
