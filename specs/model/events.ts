/**
 * A history: everything that happened between driver and device while steps ran, in order, as plain data.
 * Oracles judge histories and nothing else, so a history can be kept and judged again.
 *
 * Addresses named `pa` are byte offsets into host memory; `iova` is what the device was told.
 */
export type HistoryEvent =
  | StepEvent
  | OpEvent
  | ThrowEvent
  | ContractEvent
  | AreaEvent
  | MemoryEvent
  | MapEvent
  | AddEvent
  | PublishEvent
  | StoreEvent
  | ComparedEvent
  | LoadEvent
  | FaultEvent
  | IrqEvent
  | ConfigIrqEvent
  | UsedEvent
  | PumpEvent
  | BreachEvent
  | BackendEvent
  | NotifyEvent
  | KickNotNeededEvent
  | ByHandEvent
  | ExposeEvent
  | DirtyLogEvent
  | MigrateEvent
  | ResetEvent
  | AccessEvent
  | ObservationEvent
  | StopEvent;

/** Step `i` of the case begins. */
export interface StepEvent {
  k: 'step';
  i: number;
}

/** An op of the contract was called; `r` is what it returned (bigint as 0x… text, void absent). */
export interface OpEvent {
  k: 'op';
  op: string;
  a: (number | string | boolean)[];
  r?: number | string | boolean | number[];
}

/** The parent threw out of an op or a pump. */
export interface ThrowEvent {
  k: 'throw';
  op: string;
  error: string;
  /** A few frames, without absolute paths. */
  at?: string;
  /** The device answers no more; otherwise it died. */
  hang?: true;
}

/** An op returned something that its type does not allow. */
export interface ContractEvent {
  k: 'contract';
  op: string;
  want: string;
  got: string;
}

/** A ring area of queue `q`. */
export interface AreaEvent {
  k: 'area';
  q: number;
  name: 'desc' | 'driver' | 'device';
  pa: number;
  iova: number;
  size: number;
  num: number;
  packed: boolean;
  /** Features in force when it was set up. */
  features: string;
  /** Position the queue starts from, when it is not the initial one. */
  start?: { index: number; wrap?: 0 | 1 };
}

/** Memory that the driver took for a buffer or a table. */
export interface MemoryEvent {
  k: 'memory';
  name: string;
  pa: number;
  iova: number;
  size: number;
}

/** A mapping came (`perm` > 0: 1 device reads, 2 device writes, 3 both) or went (`perm` 0). */
export interface MapEvent {
  k: 'map';
  asid: number;
  iova: number;
  pa: number;
  size: number;
  perm: number;
  /** -errno when the parent refused. */
  r?: number;
}

/** Buffer `b` was written to the descriptors of queue `q`; not available yet. Elements are [iova, pa, length]. */
export interface AddEvent {
  k: 'add';
  q: number;
  b: number;
  /** Split: head. Packed: Buffer ID. */
  id: number;
  /** Ring slots it occupies (descriptors in the table, 1 for an indirect buffer). */
  slots: number;
  /** First ring slot (packed). */
  at?: number;
  r: [number, number, number][];
  w: [number, number, number][];
  /** Indirect table: [iova, pa, bytes]. */
  table?: [number, number, number];
}

/** Buffers became available in this order. */
export interface PublishEvent {
  k: 'publish';
  q: number;
  b: number[];
}

/** The device stored `n` bytes at `pa`. Stores of 1, 2 and 4 bytes carry the value, of 8 and 16 the 32-bit words. */
export interface StoreEvent {
  k: 'store';
  pa: number;
  n: number;
  v?: number | number[];
}

/**
 * From here on stores are found by comparing memory with what it held before: a store of what was there already
 * is not seen, and the order is the one in which a right device stores.
 */
export interface ComparedEvent {
  k: 'compared';
}

/** The device loaded `n` bytes at `pa` (only traced where a case asks for it). */
export interface LoadEvent {
  k: 'load';
  pa: number;
  n: number;
}

/** A device access that no mapping permits. */
export interface FaultEvent {
  k: 'fault';
  iova: number;
  n: number;
  access: 'read' | 'write';
  why: 'unmapped' | 'permission' | 'bus';
}

/** Used buffer notification of queue `q`; `old` marks a callback that had been replaced or cleared. */
export interface IrqEvent {
  k: 'irq';
  q: number;
  old?: boolean;
}

/** Configuration change notification, with the status that was read inside the callback. */
export interface ConfigIrqEvent {
  k: 'config-irq';
  status: number;
  old?: boolean;
}

/** The driver consumed a used buffer: `b` is -1 when the device named none that is outstanding. */
export interface UsedEvent {
  k: 'used';
  q: number;
  b: number;
  id: number;
  /** Absent for a buffer that an IN_ORDER batch skipped. */
  len?: number;
  /** Packed: the WRITE flag of the used descriptor. */
  wf?: boolean;
}

/** The device was let run: `n` units of work; `busy` when it was still not idle at the limit. */
export interface PumpEvent {
  k: 'pump';
  n: number;
  busy?: boolean;
  /** It was let run until it had nothing left to do. */
  idle?: boolean;
}

/** From here on the driver has broken a rule; the device may do what resilience permits until a reset. */
export interface BreachEvent {
  k: 'breach';
  what: string;
}

/** Something happened behind the device. */
export interface BackendEvent {
  k: 'backend';
  what: string;
}

/** Which used buffer notifications the driver asks for on queue `q` from here on. */
export interface NotifyEvent {
  k: 'notify';
  q: number;
  mode: 'enable' | 'disable' | 'event';
  /** `event`, split: the used_event value; packed: the ring offset with wrap counter `wrap`. */
  at?: number;
  wrap?: number;
}

/**
 * The driver writes an area of queue `q` by hand, by the rules: what it asks for or offers is no longer known. Without
 * a queue: it writes the device status through its register, and what that is then is not known until a reset.
 */
export interface ByHandEvent {
  k: 'by-hand';
  q?: number;
}

/** The driver had made buffers available and the device did not ask for a kick. */
export interface KickNotNeededEvent {
  k: 'kick-not-needed';
  q: number;
}

/** Device-writable ranges [iova, pa, length] that the driver exposed outside the regular way. */
export interface ExposeEvent {
  k: 'expose';
  w: [number, number, number][];
  /** Packed, after a breach: what every slot of queue `q` holds now: [physical address or −1, length]. */
  slots?: { q: number; at: [number, number][] };
}

/** A dirty log at `pa` of `n` bytes was given to the device (`on`), or is taken back. */
export interface DirtyLogEvent {
  k: 'dirty-log';
  pa: number;
  n: number;
  on: boolean;
}

/**
 * Another device takes the place of this one: it was `stopped`, and nothing may happen any more until the other one
 * is `starting`, with the same rings and buffers, features and status; `done`: all its queues run.
 */
export interface MigrateEvent {
  k: 'migrate';
  phase: 'stopped' | 'starting' | 'done';
  /** Name of the target. */
  to: string;
}

/** The device reads status 0 after a reset: a new session begins. */
export interface ResetEvent {
  k: 'reset-done';
}

/** A step read or wrote (`w`) `n` bytes `v` at `at` of a transport's space: config, BAR0 to BAR5, mmio. */
export interface AccessEvent {
  k: 'access';
  space: string;
  at: number;
  n: number;
  v: number;
  w?: true;
}

/** What step `i` saw. Its meaning belongs to the step. */
export interface ObservationEvent {
  k: 'obs';
  i: number;
  v: unknown;
}

/** The steps could not go on. */
export interface StopEvent {
  k: 'stop';
  i: number;
  why: string;
  /** The parent offers no means for what the step asks: the case does not apply to it. */
  lacks?: true;
}
