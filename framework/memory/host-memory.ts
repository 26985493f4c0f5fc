import { OutcomeError } from '../outcome-error.ts';

/**
 * Memory that driver and device share, addressed by host physical address (byte offset into `bytes`).
 *
 * The driver uses `bytes` and `view` directly. A device gets a {@link DevicePort} only: every access it
 * makes passes there and can be traced, so that afterwards it is known which bytes the device touched.
 * All multi-byte accesses are little-endian.
 */
export class HostMemory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The same in host byte order, for aligned stores of hot paths: V8 forgets what it knows at others. */
  readonly words: Uint32Array;
  readonly halves: Uint16Array;
  readonly size: number;

  /** `buffer` has `size` bytes; one of its own unless it is shared with another thread. */
  constructor(size: number, buffer: ArrayBufferLike = new ArrayBuffer(size)) {
    this.size = size;
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.words = new Uint32Array(buffer, 0, size >> 2);
    this.halves = new Uint16Array(buffer, 0, size >> 1);
  }

  /** A new port onto this memory, for one device. */
  port(): DevicePort {
    return new DevicePort(this);
  }
}

/** Whether typed arrays in the byte order of the host serve for memory (all hosts but s390x). */
export const LITTLE_ENDIAN: boolean = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * Moves with every change of any translation table, view or tracer: a physical address that was derived from
 * them holds for as long as this stands still.
 */
export const EPOCH = { now: 0 };

/** Receives every access of a device, in order, before it takes effect. */
export interface MemoryTracer {
  /** The device stored `length` bytes at physical `addr`; called after the bytes are in memory. */
  wrote(addr: number, length: number): void;
  /** The device loaded `length` bytes from physical `addr`; only called when `traceReads` is set. */
  read(addr: number, length: number): void;
  /** A device access was refused: no mapping, missing permission, or outside memory. */
  fault(fault: DmaFault): void;
  /** Read tracing is costly and off unless a test asks for it. */
  readonly traceReads: boolean;
}

/** An access that no mapping permits, or that leaves physical memory. */
export class DmaFault extends OutcomeError {
  readonly code = 'DMA_FAULT';
  readonly iova: number;
  readonly length: number;
  readonly access: 'read' | 'write';
  /** `bus`: a physical address outside memory; the device skipped translation or got it wrong. */
  readonly reason: 'unmapped' | 'permission' | 'bus';
  constructor(
    iova: number,
    length: number,
    access: 'read' | 'write',
    reason: 'unmapped' | 'permission' | 'bus',
  ) {
    super(`DMA ${access} of ${length} bytes at 0x${iova.toString(16)}: ${reason}`);
    this.iova = iova;
    this.length = length;
    this.access = access;
    this.reason = reason;
  }
}

/**
 * A device's window onto host memory, by physical address. Throws {@link DmaFault} (reason `bus`) outside
 * memory. With no tracer attached an access costs one extra branch.
 */
export class DevicePort {
  /** The memory behind the port; for bus drivers, allocators and windows, not for devices. */
  readonly memory: HostMemory;
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly halves: Uint16Array;
  readonly size: number;
  tracer: MemoryTracer | null = null;
  /** Whether the tracer wants to hear of loads. */
  traceReads = false;

  constructor(memory: HostMemory) {
    this.memory = memory;
    this.view = memory.view;
    this.bytes = memory.bytes;
    this.words = memory.words;
    this.halves = memory.halves;
    this.size = memory.size;
  }

  /** Attach or detach the observer of this port. */
  trace(tracer: MemoryTracer | null): void {
    EPOCH.now++;
    this.tracer = tracer;
    this.traceReads = tracer?.traceReads ?? false;
  }

  get16(addr: number): number {
    this.checkLoad(addr, 2);
    return this.view.getUint16(addr, true);
  }
  get32(addr: number): number {
    this.checkLoad(addr, 4);
    return this.view.getUint32(addr, true);
  }
  /** 64-bit load as a number: exact below 2^53, rounded above (such addresses are never mapped). */
  get64(addr: number): number {
    this.checkLoad(addr, 8);
    return this.view.getUint32(addr + 4, true) * 0x1_0000_0000 + this.view.getUint32(addr, true);
  }
  put8(addr: number, value: number): void {
    this.checkStore(addr, 1);
    this.bytes[addr] = value;
    if (this.tracer !== null) this.tracer.wrote(addr, 1);
  }
  put16(addr: number, value: number): void {
    this.checkStore(addr, 2);
    this.view.setUint16(addr, value, true);
    if (this.tracer !== null) this.tracer.wrote(addr, 2);
  }
  put32(addr: number, value: number): void {
    this.checkStore(addr, 4);
    this.view.setUint32(addr, value, true);
    if (this.tracer !== null) this.tracer.wrote(addr, 4);
  }
  /** Store two 32-bit words as one access (e.g. a used ring element: id, len). */
  put32x2(addr: number, low: number, high: number): void {
    this.checkStore(addr, 8);
    this.view.setUint32(addr, low, true);
    this.view.setUint32(addr + 4, high, true);
    if (this.tracer !== null) this.tracer.wrote(addr, 8);
  }
  /** As {@link put32x2} at a place that is known to be in memory, by index into `words`. */
  putWords(at: number, low: number, high: number): void {
    this.words[at] = low;
    this.words[at + 1] = high;
    if (this.tracer !== null) this.tracer.wrote(at << 2, 8);
  }
  /** Copy `length` bytes at `addr` into `into` from `at`. */
  load(addr: number, length: number, into: Uint8Array, at = 0): void {
    this.checkLoad(addr, length);
    into.set(this.bytes.subarray(addr, addr + length), at);
  }
  /** Copy `length` bytes of `from`, starting at `at`, to `addr`. */
  store(addr: number, from: Uint8Array, at = 0, length: number = from.length - at): void {
    this.checkStore(addr, length);
    this.bytes.set(at === 0 && length === from.length ? from : from.subarray(at, at + length), addr);
    if (this.tracer !== null) this.tracer.wrote(addr, length);
  }

  /** Tell the observer about an access that translation refused. */
  refuse(fault: DmaFault): DmaFault {
    this.tracer?.fault(fault);
    return fault;
  }

  /** Refuse a load outside memory, and tell the tracer about any other if it wants that. */
  checkLoad(addr: number, length: number): void {
    if (!(addr >= 0 && addr + length <= this.size)) throw this.outside(addr, length, 'read');
    if (this.traceReads) this.tracer!.read(addr, length);
  }

  checkStore(addr: number, length: number): void {
    if (!(addr >= 0 && addr + length <= this.size)) throw this.outside(addr, length, 'write');
  }

  outside(addr: number, length: number, access: 'read' | 'write'): DmaFault {
    return this.refuse(new DmaFault(addr, length, access, 'bus'));
  }
}
