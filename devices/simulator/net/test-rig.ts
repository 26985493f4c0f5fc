/** For tests only: a driver in front of one simulated network device. */

import { initialVqState, PERM } from '../../../framework/device.ts';
import { HostMemory } from '../../../framework/memory/host-memory.ts';
import type { ParentInstance } from '../../../framework/parent.ts';
import { layoutQueue } from '../../../framework/virtqueue/driver/areas.ts';
import { createDriverRing } from '../../../framework/virtqueue/driver/create.ts';
import type { Area, DriverRing } from '../../../framework/virtqueue/driver/ring.ts';
import {
  F_ACCESS_PLATFORM,
  F_EVENT_IDX,
  F_IN_ORDER,
  F_RING_PACKED,
  F_VERSION_1,
} from '../../../specs/virtio-1.1/features.ts';
import type { NetDevice } from './net-device.ts';
import { simulatorNet } from './parent.ts';
import type { SimulatorPeer } from './peer.ts';

/** Distance of IOVAs from physical addresses. */
const OFFSET = 0x1000_0000;

/** One posted buffer. */
export interface Posted {
  readonly areas: readonly Area[];
  readonly writable: readonly Area[];
}

/** One buffer that came back. */
export interface Done {
  readonly len: number | undefined;
  readonly bytes: Uint8Array;
  readonly posted: Posted;
}

export class Rig {
  readonly memory: HostMemory;
  readonly instance: ParentInstance;
  readonly device: NetDevice;
  readonly peer: SimulatorPeer;
  readonly rings: DriverRing[] = [];
  readonly options: Readonly<Record<string, string>>;
  interrupts = 0;
  configInterrupts = 0;
  #next = 4096;

  constructor(options: Readonly<Record<string, string>> = {}, size = 1 << 22) {
    this.options = options;
    this.memory = new HostMemory(size);
    this.instance = simulatorNet.create({ port: this.memory.port(), seed: 1, options });
    this.device = this.instance.device as NetDevice;
    this.peer = this.instance.peer as SimulatorPeer;
    this.device.dmaMap!(0, OFFSET, size, 0, PERM.RW);
  }

  alloc(size: number, align = 64, poison = 0xa5): Area {
    const pa = Math.ceil(this.#next / align) * align;
    this.#next = pa + size + 64;
    if (this.#next > this.memory.size) throw new RangeError('test memory exhausted');
    this.memory.bytes.fill(poison, pa, pa + size);
    return { pa, iova: pa + OFFSET, size };
  }

  /** Bring the device up with exactly these features and all its queues. */
  start(features: bigint, num = 16, queues: number = this.device.nvqs): this {
    const { ops } = this.device;
    this.#next = 4096;
    ops.reset();
    const all = features | F_VERSION_1 | F_ACCESS_PLATFORM;
    ops.setStatus(1);
    ops.setStatus(3);
    if (ops.setDriverFeatures(all) !== 0) throw new Error('features refused');
    ops.setStatus(11);
    if ((ops.getStatus() & 8) === 0) throw new Error('FEATURES_OK refused');
    const packed = (all & F_RING_PACKED) !== 0n;
    const layout = layoutQueue(packed ? 'packed' : 'split', num);
    this.rings.length = 0;
    for (let i = 0; i < queues; i++) {
      const desc = this.alloc(layout.desc.size, layout.desc.align);
      const driver = this.alloc(layout.driver.size, layout.driver.align);
      const device = this.alloc(layout.device.size, layout.device.align);
      const eventIdx = (all & F_EVENT_IDX) !== 0n;
      const inOrder = (all & F_IN_ORDER) !== 0n;
      this.rings.push(
        createDriverRing(packed, { memory: this.memory, num, desc, driver, device, eventIdx, inOrder }),
      );
      ops.setVqCb(i, { callback: () => void this.interrupts++ });
      ops.setVqNum(i, num);
      ops.setVqAddress(i, desc.iova, driver.iova, device.iova);
      ops.setVqState(i, initialVqState());
      ops.setVqReady(i, true);
    }
    ops.setConfigCb({ callback: () => void this.configInterrupts++ });
    ops.setStatus(15);
    return this;
  }

  /** Work until idle. */
  pump(): number {
    let done = 0;
    for (let i = 0; i < 10_000; i++) {
      const units = this.instance.pump!(64);
      if (units === 0) return done;
      done += units;
    }
    throw new Error('the device is never idle');
  }

  /** Post one buffer: readable pieces, then writable pieces of the sizes given. */
  post(queue: number, readable: readonly Uint8Array[], writable: readonly number[], poison = 0xa5): Posted {
    const areas: Area[] = [];
    for (const bytes of readable) {
      const area = this.alloc(bytes.length, 1);
      this.memory.bytes.set(bytes, area.pa);
      areas.push(area);
    }
    const rest = writable.map((size) => this.alloc(size, 1, poison));
    const posted = { areas: [...areas, ...rest], writable: rest };
    const elements = [
      ...areas.map(({ iova, size }) => ({ iova, len: size, write: false })),
      ...rest.map(({ iova, size }) => ({ iova, len: size, write: true })),
    ];
    this.rings[queue].add(elements, { token: posted });
    return posted;
  }

  kick(queue: number): void {
    this.rings[queue].publish();
    if (this.rings[queue].kickNeeded()) this.device.ops.kickVq(queue);
  }

  /** Everything that came back on a queue. */
  poll(queue: number): Done[] {
    const all: Done[] = [];
    for (let used = this.rings[queue].poll(); used !== null; used = this.rings[queue].poll()) {
      const posted = used.token as Posted;
      const bytes = concat(posted.writable.map((a) => this.memory.bytes.slice(a.pa, a.pa + a.size)));
      all.push({ len: used.len, bytes, posted });
    }
    return all;
  }

  /** Transmit in the layout given by piece sizes (the rest is one piece), and return what the peer gets. */
  send(header: Uint8Array, frame: Uint8Array, layout: readonly number[] = [], queue = 1): Uint8Array[] {
    const whole = concat([header, frame]);
    const pieces: Uint8Array[] = [];
    let at = 0;
    for (const size of layout) {
      pieces.push(whole.subarray(at, at + size));
      at += size;
    }
    pieces.push(whole.subarray(at));
    this.post(queue, pieces, []);
    this.kick(queue);
    this.pump();
    const done = this.poll(queue);
    if (done.length !== 1) throw new Error(`${done.length} transmit buffers came back`);
    return this.peer.take().map((frame) => frame.bytes);
  }

  /** Post receive buffers. */
  fill(count: number, sizes: readonly number[], queue = 0): void {
    for (let i = 0; i < count; i++) this.post(queue, [], sizes);
    this.kick(queue);
  }

  /** Run a control command. Returns the ack byte. */
  control(
    class_: number,
    command: number,
    data: readonly number[] = [],
    cut: readonly number[] = [],
  ): number {
    const queue = this.device.controlAt;
    const whole = Uint8Array.of(class_, command, ...data);
    const pieces: Uint8Array[] = [];
    let at = 0;
    for (const size of cut) {
      pieces.push(whole.subarray(at, at + size));
      at += size;
    }
    if (at < whole.length) pieces.push(whole.subarray(at));
    this.post(queue, pieces, [1], 0xee);
    this.kick(queue);
    this.pump();
    const done = this.poll(queue);
    if (done.length !== 1 || done[0].len! > 1)
      throw new Error('control buffer did not come back as it should');
    return done[0].bytes[0];
  }
}

/** A device that is up with these features. */
export function rig(features: bigint, options: Readonly<Record<string, string>> = {}, num?: number): Rig {
  return new Rig(options).start(features, num);
}

/** Send frames towards the device and return what the driver got on the first queue, whole buffers. */
export function receive(r: Rig, ...frames: Uint8Array[]): Done[] {
  for (const frame of frames) r.peer.send(frame);
  r.pump();
  return r.poll(0);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
