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
  readonly size: number;

  constructor(size: number) {
    this.size = size;
    this.bytes = new Uint8Array(new ArrayBuffer(size));
    this.view = new DataView(this.bytes.buffer);
  }

  /** A new port onto this memory, for one device. */
  port(): DevicePort {
    return new DevicePort(this);
  }
}

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
export class DmaFault extends Error {
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
  readonly #memory: HostMemory;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly size: number;
  tracer: MemoryTracer | null = null;
  #traceReads = false;

  constructor(memory: HostMemory) {
    this.#memory = memory;
    this.#view = memory.view;
    this.#bytes = memory.bytes;
    this.size = memory.size;
  }

  /** Attach or detach the observer of this port. */
  trace(tracer: MemoryTracer | null): void {
    this.tracer = tracer;
    this.#traceReads = tracer?.traceReads ?? false;
  }

  get16(addr: number): number {
    this.#check(addr, 2, 'read');
    return this.#view.getUint16(addr, true);
  }
  get32(addr: number): number {
    this.#check(addr, 4, 'read');
    return this.#view.getUint32(addr, true);
  }
  /** 64-bit load as a number: exact below 2^53, rounded above (such addresses are never mapped). */
  get64(addr: number): number {
    this.#check(addr, 8, 'read');
    return this.#view.getUint32(addr + 4, true) * 0x1_0000_0000 + this.#view.getUint32(addr, true);
  }
  put8(addr: number, value: number): void {
    this.#check(addr, 1, 'write');
    this.#bytes[addr] = value;
    if (this.tracer !== null) this.tracer.wrote(addr, 1);
  }
  put16(addr: number, value: number): void {
    this.#check(addr, 2, 'write');
    this.#view.setUint16(addr, value, true);
    if (this.tracer !== null) this.tracer.wrote(addr, 2);
  }
  put32(addr: number, value: number): void {
    this.#check(addr, 4, 'write');
    this.#view.setUint32(addr, value, true);
    if (this.tracer !== null) this.tracer.wrote(addr, 4);
  }
  /** Store two 32-bit words as one access (e.g. a used ring element: id, len). */
  put32x2(addr: number, low: number, high: number): void {
    this.#check(addr, 8, 'write');
    this.#view.setUint32(addr, low, true);
    this.#view.setUint32(addr + 4, high, true);
    if (this.tracer !== null) this.tracer.wrote(addr, 8);
  }
  /** Copy `length` bytes at `addr` into `into` from `at`. */
  load(addr: number, length: number, into: Uint8Array, at = 0): void {
    this.#check(addr, length, 'read');
    into.set(this.#bytes.subarray(addr, addr + length), at);
  }
  /** Copy `length` bytes of `from`, starting at `at`, to `addr`. */
  store(addr: number, from: Uint8Array, at = 0, length: number = from.length - at): void {
    this.#check(addr, length, 'write');
    this.#bytes.set(at === 0 && length === from.length ? from : from.subarray(at, at + length), addr);
    if (this.tracer !== null) this.tracer.wrote(addr, length);
  }

  /** Tell the observer about an access that translation refused. */
  refuse(fault: DmaFault): DmaFault {
    this.tracer?.fault(fault);
    return fault;
  }

  #check(addr: number, length: number, access: 'read' | 'write'): void {
    if (!(addr >= 0 && addr + length <= this.size))
      throw this.refuse(new DmaFault(addr, length, access, 'bus'));
    if (this.#traceReads && access === 'read') this.tracer!.read(addr, length);
  }

  /** The memory behind the port; for bus drivers and allocators, not for devices. */
  get memory(): HostMemory {
    return this.#memory;
  }
}
