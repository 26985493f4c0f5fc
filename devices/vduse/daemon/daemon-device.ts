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
  /** A ring was malformed: nothing is served until a reset. VDUSE has no way to say so. */
  broken = false;

  constructor(shape: DaemonShape, kernel: KernelCalls) {
    this.shape = shape;
    this.kernel = kernel;
    const { memory } = kernel.channel;
    this.port = new DevicePort(new HostMemory(memory.byteLength, memory));
    this.port.trace(kernel);
    for (let i = 0; i < shape.nvqs; i++)
      this.queues.push(new DaemonQueue(i, new DmaView(this.port, this.#table)));
  }

  /** Serve one request. Returns the used length. */
  abstract execute(queue: DaemonQueue, buffer: DeviceBuffer): number;

  /** Whether the driver accepted all bits of `mask`. */
  negotiated(mask: bigint): boolean {
    return (this.features & mask) === mask;
  }

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
    }
    if ((added & STATUS.DRIVER_OK) !== 0) {
      if ((status & STATUS.FEATURES_OK) === 0) return false;
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
  }

  /** The position of a queue; none while requests are in flight, because then no position says it all. */
  tellState(idx: number): boolean {
    const queue = this.queues[idx];
    if (queue === undefined || (queue.ring !== null && queue.ring.outstanding > 0)) return false;
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
    else if ((this.status & STATUS.DRIVER_OK) !== 0 && !this.suspended) this.start(queue);
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
    let done = 0;
    const journal = { told: false };
    for (let idle = 0; done < budget && idle < this.queues.length && !journal.told; ) {
      const queue = this.queues[this.#cursor];
      this.#cursor = (this.#cursor + 1) % this.queues.length;
      const served = queue.pending && !this.broken && this.#guard(() => this.serve(queue, journal));
      idle = served ? 0 : idle + 1;
      if (served) done++;
    }
    cells[CELL.BUSY] = !this.broken && this.queues.some(({ pending }) => pending) ? 1 : 0;
    return done;
  }

  /** One request of `queue`; false when there is none. */
  serve(queue: DaemonQueue, journal: { told: boolean }): boolean {
    const ring = queue.ring!;
    if (queue.unasked && !areasMapped(queue.dma, queue.config!, this.negotiated(F_RING_PACKED))) {
      queue.pending = false;
      return false;
    }
    queue.unasked = false;
    const held = queue.releasing ? queue.held.shift() : undefined;
    if (queue.held.length === 0) queue.releasing = false;
    const buffer = held ?? this.take(queue);
    if (buffer === null) return false;
    if (held === undefined && queue.holdCount > 0) {
      queue.holdCount--;
      queue.held.push(buffer);
      return true;
    }
    journal.told = this.complete(queue, buffer);
    return ring === queue.ring;
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
    const ring = queue.ring!;
    ring.push(buffer, this.run(queue, buffer));
    ring.publish();
    if (!ring.needsNotification()) return false;
    this.kernel.interrupt(queue.index);
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

  changeConfig(offset: number, bytes: Uint8Array): void {
    this.kernel.setConfig(offset, bytes);
  }

  powerCut(): void {}
}
