import type { ProcessAddresses } from '../device.ts';
import { PAGE } from './guest-memory.ts';
import { DevicePort, DmaFault } from './host-memory.ts';

/**
 * A device's window onto the memory of a process (shared virtual addressing): addresses are user addresses, looked
 * up page by page at every access, so that the device sees the pages that the process sees now.
 */
export class ProcessPort extends DevicePort {
  readonly #inner: DevicePort;
  readonly #process: ProcessAddresses;

  constructor(inner: DevicePort, process: ProcessAddresses) {
    super(inner.memory);
    this.#inner = inner;
    this.#process = process;
  }

  override get16(addr: number): number {
    return this.#inner.get16(this.#physical(addr, 2, 'read'));
  }
  override get32(addr: number): number {
    return this.#inner.get32(this.#physical(addr, 4, 'read'));
  }
  override get64(addr: number): number {
    return this.#inner.get64(this.#physical(addr, 8, 'read'));
  }
  override put8(addr: number, value: number): void {
    this.#inner.put8(this.#physical(addr, 1, 'write'), value);
  }
  override put16(addr: number, value: number): void {
    this.#inner.put16(this.#physical(addr, 2, 'write'), value);
  }
  override put32(addr: number, value: number): void {
    this.#inner.put32(this.#physical(addr, 4, 'write'), value);
  }
  override put32x2(addr: number, low: number, high: number): void {
    this.#inner.put32x2(this.#physical(addr, 8, 'write'), low, high);
  }
  override load(addr: number, length: number, into: Uint8Array, at = 0): void {
    for (let done = 0; done < length; ) {
      const size = pieceOf(addr + done, length - done);
      this.#inner.load(this.#physical(addr + done, size, 'read'), size, into, at + done);
      done += size;
    }
  }
  override store(addr: number, from: Uint8Array, at = 0, length: number = from.length - at): void {
    for (let done = 0; done < length; ) {
      const size = pieceOf(addr + done, length - done);
      this.#inner.store(this.#physical(addr + done, size, 'write'), from, at + done, size);
      done += size;
    }
  }
  override refuse(fault: DmaFault): DmaFault {
    return this.#inner.refuse(fault);
  }

  #physical(addr: number, length: number, access: 'read' | 'write'): number {
    const pa = this.#process.physical(addr);
    if (pa < 0) throw this.refuse(new DmaFault(addr, length, access, 'bus'));
    return pa;
  }
}

/** Bytes from `addr` on, at most `wanted`, that lie in one page. */
const pieceOf = (addr: number, wanted: number) => Math.min(wanted, PAGE - (addr % PAGE));
