import { type Iova, PERM, type VqState } from '../../device.ts';
import { type DmaFault, HostMemory, type MemoryTracer } from '../../memory/host-memory.ts';
import { DmaView, Iotlb } from '../../memory/iotlb.ts';
import { createDeviceRing } from './create.ts';
import type { PackedDeviceRing } from './packed.ts';
import { type DeviceBuffer, type DeviceRingConfig, RingError } from './ring.ts';
import type { SplitDeviceRing } from './split.ts';

// For the tests of this folder: a memory, its mappings, and raw access to ring bytes.

/** Where the fixture puts things; IOVAs are physical addresses plus `IOVA`. */
export const IOVA = 0x1_0000_0000;
export const DESC = 0x1000;
export const DRIVER = 0x3000;
export const DEVICE = 0x4000;
export const TABLE = 0x6000;
export const DATA = 0x8000;
const SIZE = 0x10000;

export const NEXT = 1;
export const WRITE = 2;
export const INDIRECT = 4;

export class RingFixture implements MemoryTracer {
  readonly memory = new HostMemory(SIZE);
  readonly view = this.memory.view;
  readonly table = new Iotlb();
  readonly dma: DmaView;
  /** Stores of the device as [address, length]. */
  readonly stores: [number, number][] = [];
  readonly loads: [number, number][] = [];
  readonly traceReads = true;

  constructor() {
    const port = this.memory.port();
    port.trace(this);
    this.dma = new DmaView(port, this.table);
    this.table.map({ iova: IOVA + 0x1000, size: SIZE - 0x1000, addr: 0x1000, perm: PERM.RW });
  }

  wrote(addr: number, length: number): void {
    this.stores.push([addr, length]);
  }
  read(addr: number, length: number): void {
    this.loads.push([addr, length]);
  }
  fault(_fault: DmaFault): void {}

  config(num: number, options: Partial<DeviceRingConfig> = {}): DeviceRingConfig {
    const areas = { descArea: IOVA + DESC, driverArea: IOVA + DRIVER, deviceArea: IOVA + DEVICE };
    return { num, ...areas, eventIdx: false, indirect: true, inOrder: false, ...options };
  }

  split(num: number, options?: Partial<DeviceRingConfig>, start?: VqState): SplitDeviceRing {
    return createDeviceRing(false, this.dma, this.dma, this.config(num, options), start) as SplitDeviceRing;
  }

  packed(num: number, options?: Partial<DeviceRingConfig>, start?: VqState): PackedDeviceRing {
    return createDeviceRing(true, this.dma, this.dma, this.config(num, options), start) as PackedDeviceRing;
  }

  /** Store a descriptor: the last two words are flags, next (split) or id, flags (packed). */
  desc(at: number, addr: Iova, len: number, third: number, fourth: number): void {
    this.view.setBigUint64(at, BigInt(addr), true);
    this.view.setUint32(at + 8, len, true);
    this.view.setUint16(at + 12, third, true);
    this.view.setUint16(at + 14, fourth, true);
  }

  put16(at: number, value: number): void {
    this.view.setUint16(at, value, true);
  }
  get16(at: number): number {
    return this.view.getUint16(at, true);
  }
  get32(at: number): number {
    return this.view.getUint32(at, true);
  }

  /** The stores since the last call. */
  takeStores(): [number, number][] {
    return this.stores.splice(0);
  }
}

/** What a buffer holds, as plain data. */
export function content(buffer: DeviceBuffer | null): unknown {
  if (buffer === null) return null;
  const { id, slots, readable, writable } = buffer;
  const elements: [number, number][] = [];
  for (let i = 0; i < readable + writable; i++) elements.push([buffer.addr[i], buffer.len[i]]);
  return { id, slots, readable, writable, elements };
}

/** The RingError that `run` throws; anything else fails the test. */
export function ringError(run: () => unknown): RingError {
  try {
    run();
  } catch (error) {
    if (error instanceof RingError) return error;
    throw error;
  }
  throw new Error('no RingError was thrown');
}

/** `code: message` of the RingError that `run` throws. */
export function refusal(run: () => unknown): string {
  const { code, message } = ringError(run);
  return `${code}: ${message}`;
}
