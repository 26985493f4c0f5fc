import { initialVqState } from '../../../framework/device.ts';
import { DevicePort, DmaFault, HostMemory } from '../../../framework/memory/host-memory.ts';
import { DmaView, Iotlb } from '../../../framework/memory/iotlb.ts';
import { createDeviceRing } from '../../../framework/virtqueue/device/create.ts';
import { type DeviceBuffer, RingError } from '../../../framework/virtqueue/device/ring.ts';
import {
  F_EVENT_IDX,
  F_IN_ORDER,
  F_INDIRECT_DESC,
  F_RING_PACKED,
} from '../../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import { isConsistent } from '../../simulator/feature-offer.ts';
import { areasMapped } from '../../simulator/ring-areas.ts';
import { CELL, SAID } from '../channel.ts';
import { MESSAGE, PAYLOAD } from '../protocol.ts';
import type { KernelCalls } from './kernel-calls.ts';
import { DaemonQueue } from './queue.ts';

/** What a daemon says about its device when it creates it. */
export interface DaemonShape {
  readonly deviceType: 'net' | 'blk';
  readonly deviceId: number;
  readonly nvqs: number;
  readonly numMax: number;
  readonly features: bigint;
  readonly config: Uint8Array;
}

/** A device in a daemon: what it answers to the kernel, and how it serves its queues. */
export abstract class DaemonDevice {
  readonly shape: DaemonShape;
  readonly kernel: KernelCalls;
  readonly port: DevicePort;
  readonly queues: DaemonQueue[] = [];
  readonly #table = new Iotlb();
  #stale = true;
  #cursor = 0;
  status = 0;
  /** Features in force: asked of the kernel when FEATURES_OK is set. */
  features = 0n;
  suspended = false;
  /** The configuration space as the kernel has it. */
  readonly config: Uint8Array;
  /** Changes of the configuration that wait for the end of a suspension. */
  #deferred: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  /** A ring was malformed: nothing is served until a reset. VDUSE has no way to say so. */
  broken = false;

  constructor(shape: DaemonShape, kernel: KernelCalls) {
    this.shape = shape;
    this.kernel = kernel;
    this.config = shape.config.slice();
    const { memory } = kernel.channel;
    this.port = new DevicePort(new HostMemory(memory.byteLength, memory));
    this.port.trace(kernel);
    for (let i = 0; i < shape.nvqs; i++)
      this.queues.push(new DaemonQueue(i, new DmaView(this.port, this.#table)));
  }

  /** Serve one request. Returns the used length. */
  abstract execute(queue: DaemonQueue, buffer: DeviceBuffer): number;

  /** Give away what lies behind the device: another one takes its place. */
  handOver(): void {}

  /** Whether the driver accepted all bits of `mask`. */
  negotiated(mask: bigint): boolean {
    return (this.features & mask) === mask;
  }

  /** DRIVER_OK is set. */
  get running(): boolean {
    return (this.status & STATUS.DRIVER_OK) !== 0;
  }

  /** Features came into force. */
  featuresAccepted(): void {}

  /** DRIVER_OK is being set. */
  starts(): void {}

  // ── messages ──────────────────────────────────────────────────────────────────────────────────
  /** Carry out a message. Returns whether that was possible. */
  handle(type: number): boolean {
    const { message } = this.kernel.channel;
    switch (type) {
      case MESSAGE.SET_STATUS:
        return this.setStatus(message.getUint8(PAYLOAD));
      case MESSAGE.UPDATE_IOTLB:
        this.#table.clear();
        this.#stale = true;
        return true;
      case MESSAGE.GET_VQ_STATE:
        return this.tellState(message.getUint32(PAYLOAD, true));
      case MESSAGE.SET_VQ_READY:
        return this.setReady(message.getUint32(PAYLOAD, true), message.getUint32(PAYLOAD + 4, true) !== 0);
      case MESSAGE.SUSPEND:
        for (const queue of this.queues) this.stop(queue);
        this.suspended = true;
        return true;
      default:
        return false;
    }
  }

  setStatus(status: number): boolean {
    if (status === 0) {
      this.reset();
      return true;
    }
    const added = status & ~this.status;
    if ((added & STATUS.FEATURES_OK) !== 0) {
      const features = this.kernel.features();
      if (!isConsistent(features, this.shape.features, this.shape.deviceType)) return false;
      this.features = features;
      this.featuresAccepted();
    }
    if ((added & STATUS.DRIVER_OK) !== 0) {
      if ((status & STATUS.FEATURES_OK) === 0) return false;
      this.starts();
      for (const queue of this.queues) this.start(queue);
    }
    this.status = status;
    return true;
  }

  reset(): void {
    this.status = 0;
    this.features = 0n;
    this.suspended = false;
    this.broken = false;
    this.#cursor = 0;
    for (const queue of this.queues) {
      queue.stop();
      queue.holdCount = 0;
      queue.position = initialVqState();
    }
    for (const { offset, bytes } of this.#deferred.splice(0)) this.storeConfig(offset, bytes);
  }

  /** Whether the position of `queue` says it all: no request is in flight. */
  settled({ ring }: DaemonQueue): boolean {
    return ring === null || ring.outstanding === 0;
  }

  /** The position of a queue; none while requests are in flight, because then no position says it all. */
  tellState(idx: number): boolean {
    const queue = this.queues[idx];
    if (queue === undefined || !this.settled(queue)) return false;
    const { message } = this.kernel.channel;
    const { split, packed } = queue.ring?.state() ?? queue.position;
    message.setUint32(PAYLOAD, idx, true);
    const words = this.negotiated(F_RING_PACKED)
      ? [packed.lastAvailCounter, packed.lastAvailIdx, packed.lastUsedCounter, packed.lastUsedIdx]
      : [split.availIndex];
    words.forEach((word, i) => {
      message.setUint16(PAYLOAD + 4 + 2 * i, word, true);
    });
    return true;
  }

  setReady(idx: number, ready: boolean): boolean {
    const queue = this.queues[idx];
    if (queue === undefined) return false;
    if (!ready) this.stop(queue);
    else if (this.running && !this.suspended) this.start(queue);
    return true;
  }

  // ── queues ────────────────────────────────────────────────────────────────────────────────────
  /** Begin to serve `queue` if the driver made it ready; buffers may be waiting. */
  start(queue: DaemonQueue): void {
    const packed = this.negotiated(F_RING_PACKED);
    const info = this.kernel.queueInfo(queue.index, packed);
    if (!info.ready || queue.ring !== null) return;
    queue.config = {
      num: info.num,
      descArea: info.desc,
      driverArea: info.driver,
      deviceArea: info.device,
      eventIdx: this.negotiated(F_EVENT_IDX),
      indirect: this.negotiated(F_INDIRECT_DESC),
      inOrder: this.negotiated(F_IN_ORDER),
    };
    queue.ring = createDeviceRing(packed, queue.dma, queue.dma, queue.config, info.state);
    queue.pending = true;
    queue.unasked = true;
    this.kernel.setupKick(queue.index);
    this.kernel.channel.cells[CELL.BUSY] = 1;
  }

  /** Finish what was taken, and keep the position. */
  stop(queue: DaemonQueue): void {
    if (queue.ring === null) return;
    this.refresh();
    this.#guard(() => {
      while (queue.held.length > 0) this.complete(queue, queue.held.shift()!);
      return true;
    });
    queue.position = queue.ring.state();
    queue.stop();
  }

  /** Ask for the mappings anew after they have changed. */
  refresh(): void {
    const { kernel, port } = this;
    if (port.traceReads !== kernel.traceReads) port.trace(kernel);
    if (!this.#stale) return;
    this.#stale = false;
    this.#table.replace(kernel.mappings());
    for (const queue of this.queues) if (queue.unasked) queue.pending = queue.ring !== null;
  }

  /** At most `budget` requests, ending with the first that the driver is told of: what it does then is to be seen. */
  work(budget: number): number {
    const { cells } = this.kernel.channel;
    this.refresh();
    for (const queue of this.queues)
      if (Atomics.exchange(cells, CELL.KICK + queue.index, 0) !== 0 && queue.ring !== null) {
        queue.pending = true;
        queue.unasked = false;
      }
    let done = this.arrivals(budget);
    const turn = { told: false };
    for (let idle = 0; done < budget && idle < this.queues.length && !turn.told; ) {
      const queue = this.queues[this.#cursor];
      this.#cursor = (this.#cursor + 1) % this.queues.length;
      const served = this.runnable(queue) && this.#guard(() => this.serve(queue, turn));
      idle = served ? 0 : idle + 1;
      if (served) done++;
    }
    cells[CELL.BUSY] = this.waiting || this.queues.some((queue) => this.runnable(queue)) ? 1 : 0;
    return done;
  }

  /** What came from the far side and goes nowhere, at most `budget` of it. Returns the units done. */
  arrivals(_budget: number): number {
    return 0;
  }

  /** Something from the far side was not looked at yet. */
  get waiting(): boolean {
    return false;
  }

  /** Whether `queue` may be worked on. */
  runnable(queue: DaemonQueue): boolean {
    return queue.pending && queue.ring !== null && !this.broken;
  }

  /** One unit of work on `queue`; false when there is none. */
  serve(queue: DaemonQueue, turn: { told: boolean }): boolean {
    if (queue.unasked && !areasMapped(queue.dma, queue.config!, this.negotiated(F_RING_PACKED))) {
      queue.pending = false;
      return false;
    }
    queue.unasked = false;
    return this.serveBuffer(queue, turn);
  }

  /** One buffer of `queue`; false when there is none. */
  serveBuffer(queue: DaemonQueue, turn: { told: boolean }): boolean {
    const held = queue.releasing ? queue.held.shift() : undefined;
    if (queue.held.length === 0) queue.releasing = false;
    const buffer = held ?? this.take(queue);
    if (buffer === null) return false;
    if (held === undefined && queue.holdCount > 0) {
      queue.holdCount--;
      queue.held.push(buffer);
      return true;
    }
    turn.told = this.complete(queue, buffer);
    return true;
  }

  /** The next buffer; null, with kicks asked for, when there is none. */
  take(queue: DaemonQueue): DeviceBuffer | null {
    const ring = queue.ring!;
    ring.disableKicks();
    const buffer = ring.pop();
    if (buffer !== null) return buffer;
    if (ring.enableKicks()) return ring.pop();
    // The driver may have added buffers before it could see that kicks are wanted again.
    this.kernel.yield(SAID.JOURNAL);
    if (ring.hasAvailable()) return ring.pop();
    queue.pending = false;
    return null;
  }

  /** Serve `buffer` and give it back. Returns whether the driver was told. */
  complete(queue: DaemonQueue, buffer: DeviceBuffer): boolean {
    return this.give(queue, [buffer], [this.run(queue, buffer)]);
  }

  /** Give buffers back together. Returns whether the driver was told. */
  give({ ring, index }: DaemonQueue, buffers: readonly DeviceBuffer[], lengths: readonly number[]): boolean {
    buffers.forEach((buffer, i) => {
      ring!.push(buffer, lengths[i]);
    });
    ring!.publish();
    if (!ring!.needsNotification()) return false;
    this.kernel.interrupt(index);
    return true;
  }

  /** The used length of a request; nothing is claimed where memory was out of reach. */
  run(queue: DaemonQueue, buffer: DeviceBuffer): number {
    try {
      return this.execute(queue, buffer);
    } catch (error) {
      if (!(error instanceof DmaFault)) throw error;
      return 0;
    }
  }

  /** A ring that is malformed or out of reach ends all work. */
  #guard(work: () => boolean): boolean {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof RingError || error instanceof DmaFault)) throw error;
      this.broken = true;
      return false;
    }
  }

  // ── the daemon's own control ──────────────────────────────────────────────────────────────────
  hold(idx: number, count: number): void {
    const queue = this.queues[idx];
    if (queue !== undefined) queue.holdCount = count;
  }

  release(): void {
    for (const queue of this.queues) {
      queue.holdCount = 0;
      queue.releasing = queue.held.length > 0;
      if (queue.releasing) queue.pending = true;
    }
    this.kernel.channel.cells[CELL.BUSY] = 1;
  }

  /** The device changes its configuration and tells the driver; while suspended it waits. */
  changeConfig(offset: number, bytes: Uint8Array): void {
    if (this.suspended) this.#deferred.push({ offset, bytes: bytes.slice() });
    else if (this.storeConfig(offset, bytes)) this.kernel.configInterrupt();
  }

  /** Store `bytes` as far as there is room for them. Returns whether anything changed. */
  storeConfig(offset: number, bytes: Uint8Array): boolean {
    const fitting = bytes.subarray(0, Math.max(0, this.config.length - offset));
    if (fitting.every((byte, i) => byte === this.config[offset + i])) return false;
    this.config.set(fitting, offset);
    this.kernel.setConfig(offset, fitting);
    this.configStored(offset, fitting.length);
    return true;
  }

  /** The configuration holds something else now. */
  configStored(_offset: number, _length: number): void {}

  powerCut(): void {}
}
