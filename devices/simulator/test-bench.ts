import type { Perm } from '../../framework/device.ts';
import { HostMemory } from '../../framework/memory/host-memory.ts';
import { createDriverRing } from '../../framework/virtqueue/driver/create.ts';
import type { Area, DriverRing, Element, UsedBuffer } from '../../framework/virtqueue/driver/ring.ts';
import {
  F_ACCESS_PLATFORM,
  F_EVENT_IDX,
  F_IN_ORDER,
  F_INDIRECT_DESC,
  F_RING_PACKED,
  F_VERSION_1,
} from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { BlkDevice } from './blk/blk-device.ts';
import { simulatorBlk } from './blk/parent.ts';
import type { SimulatorInstance } from './instance.ts';

/** Distance between physical addresses and IOVAs, so that a device that skips translation is noticed. */
export const IOVA_BASE = 0x1_0000_0000;
export const BASELINE = F_VERSION_1 | F_ACCESS_PLATFORM;

/** What a test's driver negotiates. */
export interface Session {
  features?: bigint;
  num?: number;
  packed?: boolean;
}

/** For tests: a simulated block device with memory, one queue and a driver that follows the rules. */
export class BlkBench {
  readonly memory = new HostMemory(1 << 20);
  readonly port = this.memory.port();
  readonly instance: SimulatorInstance<BlkDevice>;
  readonly device: BlkDevice;
  ring!: DriverRing;
  interrupts = 0;
  configInterrupts = 0;
  #next = 0x1000;

  constructor(options: Record<string, string> = {}) {
    const environment = { port: this.port, seed: 1, options };
    this.instance = simulatorBlk.create(environment) as SimulatorInstance<BlkDevice>;
    this.device = this.instance.device;
  }

  /** Map all of memory into address space 0. */
  map(perm: Perm = 3): void {
    const entry = { iova: IOVA_BASE, size: this.memory.size, addr: 0, perm };
    if (this.device.dmaMap !== undefined) this.device.dmaMap(0, entry.iova, entry.size, entry.addr, perm);
    else this.device.setMap!(0, [entry]);
  }

  /** Zeroed memory. */
  alloc(size: number, align = 16): Area {
    this.#next = Math.ceil(this.#next / align) * align;
    const pa = this.#next;
    this.#next += size + 16;
    return { pa, iova: pa + IOVA_BASE, size };
  }

  negotiate(features: bigint): number {
    const { device } = this;
    device.setStatus(STATUS.ACKNOWLEDGE);
    device.setStatus(3);
    device.setDriverFeatures(features);
    device.setStatus(11);
    return device.getStatus();
  }

  /** Set queue 0 up and make it ready. */
  setupQueue(num: number, features: bigint): void {
    const { device } = this;
    const has = (mask: bigint): boolean => (features & mask) !== 0n;
    const packed = has(F_RING_PACKED);
    const [desc, driver, used] = [this.alloc(16 * num), this.alloc(8 + 2 * num), this.alloc(8 + 8 * num)];
    this.ring = createDriverRing(packed, {
      memory: this.memory,
      num,
      desc,
      driver,
      device: used,
      eventIdx: has(F_EVENT_IDX),
      inOrder: has(F_IN_ORDER),
    });
    device.setVqCb(0, { callback: () => void this.interrupts++ });
    device.setVqNum(0, num);
    device.setVqAddress(0, desc.iova, driver.iova, used.iova);
    device.setConfigCb({ callback: () => void this.configInterrupts++ });
    device.setVqReady(0, true);
  }

  /** The whole way to DRIVER_OK. */
  start({ features = BASELINE, num = 16, packed = false }: Session = {}): this {
    const wanted = features | BASELINE | (packed ? F_RING_PACKED : 0n);
    if (this.device.translation.tables[0].entries.length === 0) this.map();
    this.negotiate(wanted);
    this.setupQueue(num, wanted);
    this.device.setStatus(15);
    return this;
  }

  /** Make one buffer available, kick if the device wants that, and pump until idle. */
  submit(elements: Element[]): UsedBuffer | null {
    this.ring.add(elements);
    this.ring.publish();
    this.kick();
    this.pump();
    return this.ring.poll();
  }

  kick(): void {
    if (this.ring.kickNeeded()) this.device.kickVq(0);
  }

  pump(): number {
    let units = 0;
    for (let done = 1; done > 0 && units < 10_000; units += done) done = this.instance.pump(100);
    return units;
  }

  /** Bytes of an area, as they are now. */
  bytes(area: Area, from = 0, to = area.size): Uint8Array {
    return this.memory.bytes.slice(area.pa + from, area.pa + to);
  }

  /** A request header (section 5.2.6) in memory of its own. */
  header(type: number, sector: number | bigint = 0): Area {
    const area = this.alloc(16);
    this.memory.view.setUint32(area.pa, type, true);
    this.memory.view.setBigUint64(area.pa + 8, BigInt(sector), true);
    return area;
  }

  /** A discard or write zeroes segment. */
  segment(sector: number, count: number, flags = 0): Area {
    const area = this.alloc(16);
    this.memory.view.setBigUint64(area.pa, BigInt(sector), true);
    this.memory.view.setUint32(area.pa + 8, count, true);
    this.memory.view.setUint32(area.pa + 12, flags, true);
    return area;
  }

  /** Elements of a request with data areas and a status byte of 0xff. */
  request(
    type: number,
    sector: number | bigint,
    data: Area[],
    write: boolean,
  ): { elements: Element[]; status: Area } {
    const status = this.alloc(1, 1);
    this.memory.bytes[status.pa] = 0xff;
    const elements = [
      element(this.header(type, sector)),
      ...data.map((area) => element(area, write)),
      element(status, true),
    ];
    return { elements, status };
  }

  /** Carry out one request. */
  run(
    type: number,
    sector: number | bigint,
    data: Area[] = [],
    write = false,
  ): { status: number; len: number | undefined } {
    const { elements, status } = this.request(type, sector, data, write);
    const used = this.submit(elements);
    return { status: this.memory.bytes[status.pa], len: used?.len };
  }

  write(sector: number | bigint, fill: number, sectors = 1): number {
    const data = this.alloc(512 * sectors);
    this.memory.bytes.fill(fill, data.pa, data.pa + data.size);
    return this.run(1, sector, [data]).status;
  }

  /** The first byte of each sector, or the status when the read failed. */
  read(sector: number | bigint, sectors = 1): number[] | string {
    const data = this.alloc(512 * sectors);
    const { status } = this.run(0, sector, [data], true);
    if (status !== 0) return `status ${status}`;
    return Array.from({ length: sectors }, (_, i) => this.memory.bytes[data.pa + 512 * i]);
  }
}

export function element(area: Area, write = false): Element {
  return { iova: area.iova, len: area.size, write };
}

export { F_EVENT_IDX, F_IN_ORDER, F_INDIRECT_DESC, F_RING_PACKED };
