import type { Iova } from '../../device.ts';
import type { HostMemory } from '../../memory/host-memory.ts';

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
  /** Put all elements but the first `direct` ones into this indirect table (16 bytes an element). */
  indirect?: { table: Area; direct?: number };
  /** Split: descriptor table slots to use, in chain order (default: from the free list). */
  slots?: readonly number[];
  /** Packed: Buffer ID (default: from the free list of ids). */
  id?: number;
  /** Packed: ids for the non-last descriptors of a list (default: the buffer's id). */
  otherIds?: number;
  /** Set WRITE on the descriptor that carries INDIRECT, where it has no meaning. */
  indirectWriteFlag?: boolean;
  /** Caller's handle, returned with the completion. */
  token?: unknown;
}

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
  /** Packed: WRITE flag of the used descriptor. */
  writeFlag?: boolean;
}

/** Which used buffer notifications the driver asks for. */
export type InterruptMode =
  | { mode: 'enable' }
  | { mode: 'disable' }
  /** EVENT_IDX. Split: `at` is the used_event value. Packed: ring offset with its wrap counter. */
  | { mode: 'event'; at: number; wrap?: 0 | 1 };

/** Where and how a driver-side queue runs. */
export interface DriverRingConfig {
  memory: HostMemory;
  num: number;
  desc: Area;
  driver: Area;
  device: Area;
  eventIdx: boolean;
  inOrder: boolean;
  /** Split: avail index to start from, used index preset to the same. Packed: position and wrap counter. */
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
  /** Write the descriptors of one buffer without making it available. Returns its id (head / Buffer ID). */
  add(elements: readonly Element[], options?: AddOptions): number;
  /** Make all added buffers available at once: one avail index store, or head flags last (packed). */
  publish(): void;
  /** Whether a conforming driver has to kick for what the last `publish` made available (2.6.10, 2.7.10). */
  kickNeeded(): boolean;
  /** Notification data for a kick (section 2.7.23), without the virtqueue number. */
  notificationData(): number;
  /** Consume the next used buffer, or null. */
  poll(): UsedBuffer | null;
  /** What a conforming driver does to be notified about the next used buffer, or about none. */
  setInterrupts(mode: InterruptMode): void;
  /** Ask to be notified about the next buffer used: `enable`, or `event` at the next position with EVENT_IDX. */
  armInterrupts(): void;
}

/** A ring operation that the driver itself got wrong. */
export class DriverRingError extends Error {
  readonly code: 'ring-full' | 'bad-slots' | 'bad-id' | 'empty-buffer';
  constructor(code: 'ring-full' | 'bad-slots' | 'bad-id' | 'empty-buffer', message: string) {
    super(message);
    this.code = code;
  }
}
