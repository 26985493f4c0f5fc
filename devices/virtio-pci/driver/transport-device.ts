import {
  ERRNO,
  type Iova,
  initialVqState,
  type Perm,
  type VdpaCallback,
  type VdpaConfigOps,
  type VdpaDevice,
  type VqState,
} from '../../../framework/device.ts';
import type { AccessSize, DmaWindow } from '../../../framework/transport/access.ts';
import type { ConfigDevice } from '../../../specs/virtio-1.1/config-space.ts';
import { deviceName } from '../../../specs/virtio-1.1/device-ids.ts';
import { F_NOTIFICATION_DATA, F_RING_PACKED } from '../../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import { type AccessPlan, accesses, planAccesses } from './config-accesses.ts';
import { putValue, takeValue } from './registers.ts';

/** Polls of the status after a reset before it is given up; with a pause of a millisecond it is ten seconds. */
const RESET_POLLS = 10_000;
/** Readings of the configuration before an ever-changing generation is put up with. */
const CONFIG_READINGS = 8;
/** Alignment that every queue area of both ring formats fits (sections 2.6 and 2.7.10.1). */
const QUEUE_ALIGN = 16;

/** The device below is none that the parent can drive. */
export class ProbeError extends Error {
  readonly code = 'PROBE_FAILED';
}

/** What the driver knows about one queue. */
export interface TransportQueue {
  readonly index: number;
  callback: (() => void) | null;
  /** Size and areas to write before the queue is enabled next; null: nothing new. */
  num: number | null;
  areas: readonly [Iova, Iova, Iova] | null;
  /** A size was written since the last reset: its register no longer tells the largest one (4.1.4.3). */
  sized: boolean;
  /** Areas were set since the last reset. */
  placed: boolean;
  /** Enabled by us since the last reset. */
  enabled: boolean;
}

/**
 * A vDPA parent on top of a virtio transport, the kind that Linux's `vp_vdpa` is: what the contract asks for,
 * said in registers. The registers themselves are the business of the classes for PCI and MMIO.
 */
export abstract class TransportDevice implements VdpaDevice, VdpaConfigOps {
  readonly name: string;
  abstract readonly nvqs: number;
  readonly ngroups = 1;
  readonly nas = 1;
  readonly dma: DmaWindow;
  readonly queues: TransportQueue[] = [];
  configCallback: (() => void) | null = null;
  #plan: AccessPlan | null = null;
  /** The driver's choice of features, once it is in the registers. */
  #chosen: bigint | null = null;
  /** Largest queue size for each ring format: split, packed. */
  readonly #numMax: [number, number] = [0, 0];

  constructor(name: string, dma: DmaWindow) {
    this.name = name;
    this.dma = dma;
  }

  get ops(): VdpaConfigOps {
    return this;
  }

  // ── registers ─────────────────────────────────────────────────────────────────────────────────
  abstract readStatus(): number;
  abstract writeStatus(value: number): void;
  abstract readDeviceFeatures(word: number): number;
  abstract readDriverFeatures(word: number): number;
  abstract writeDriverFeatures(word: number, value: number): void;
  /** Size of queue `idx` as the registers show it: the maximum before one was written. */
  abstract readQueueSize(idx: number): number;
  abstract writeQueueSize(idx: number, num: number): void;
  abstract writeQueueAreas(idx: number, areas: readonly [Iova, Iova, Iova]): void;
  abstract readQueueEnabled(idx: number): boolean;
  abstract writeQueueEnabled(idx: number, on: boolean): void;
  /** Size, areas and enabling of queue `idx` at once. */
  abstract startQueue(idx: number, num: number, areas: readonly [Iova, Iova, Iova]): void;
  /** Reads whose values are wanted some time before the next read that is waited for. */
  abstract readStatusSoon(take: (value: number) => void): void;
  abstract readDeviceFeaturesSoon(word: number, take: (value: number) => void): void;
  abstract readConfigRegister(offset: number, size: AccessSize): number;
  abstract writeConfigRegister(offset: number, size: AccessSize, value: number): void;
  abstract notify(idx: number): void;
  abstract notifyWithData(data: number): void;
  abstract getGeneration(): number;
  abstract getConfigSize(): number;
  abstract getDeviceId(): number;
  abstract getVendorId(): number;
  /** An interrupt does not tell which event it is for (ability `shared-irq`). */
  abstract readonly sharedInterrupts: boolean;
  /** Let time pass between two polls. */
  abstract pause(): void;

  /** Interrupts are to come from here on: called before DRIVER_OK. */
  abstract startInterrupts(): void;
  /** Before queue `idx` is enabled. */
  abstract prepareQueue(idx: number): void;
  /** The device was reset: no event is mapped any more, and nothing that came before counts. */
  abstract forgetInterrupts(): void;
  /** Look for interrupts, where they do not come by themselves. */
  abstract poll(): void;

  /** Take the device over: to be called by the constructors of derived classes, last. */
  protected probed(): void {
    for (let index = 0; index < this.nvqs; index++)
      this.queues.push({
        index,
        callback: null,
        num: null,
        areas: null,
        sized: false,
        placed: false,
        enabled: false,
      });
    this.reset();
    if ((this.getDeviceFeatures() & F_NOTIFICATION_DATA) === 0n) this.kickVqWithData = undefined;
    this.#numMax[0] = this.#largestSize();
  }

  // ── interrupts ────────────────────────────────────────────────────────────────────────────────
  /** Used buffer notification for one queue, or for all that are enabled. */
  queueInterrupt(idx?: number): void {
    if (idx !== undefined) this.queues[idx]?.callback?.();
    else for (const queue of this.queues) if (queue.enabled) queue.callback?.();
  }
  configInterrupt(): void {
    this.configCallback?.();
  }

  // ── virtqueue ops ─────────────────────────────────────────────────────────────────────────────
  setVqAddress(idx: number, descArea: Iova, driverArea: Iova, deviceArea: Iova): number {
    const queue = this.queues[idx];
    if (queue === undefined) return -ERRNO.EINVAL;
    queue.areas = [descArea, driverArea, deviceArea];
    queue.placed = true;
    if (!queue.enabled) this.#writeParameters(queue);
    return 0;
  }
  setVqNum(idx: number, num: number): void {
    const queue = this.queues[idx];
    if (queue === undefined) return;
    this.getVqNumMax();
    queue.num = num;
    if (!queue.enabled) this.#writeParameters(queue);
  }
  kickVq(idx: number): void {
    if (this.queues[idx] !== undefined) this.notify(idx);
  }
  kickVqWithData?(data: number): void {
    if (this.queues[data & 0xffff] !== undefined) this.notifyWithData(data >>> 0);
  }
  setVqCb(idx: number, cb: VdpaCallback): void {
    const queue = this.queues[idx];
    if (queue !== undefined) queue.callback = cb.callback === null ? null : (cb.trigger ?? cb.callback);
  }
  setVqReady(idx: number, ready: boolean): void {
    const queue = this.queues[idx];
    if (queue === undefined) return;
    if (!ready) {
      if (queue.enabled) {
        this.writeQueueEnabled(idx, false);
        // What it did before it stopped is told before this returns.
        this.poll();
      }
      queue.enabled = false;
    } else if (!queue.enabled) {
      this.#writeParameters(queue);
      this.prepareQueue(idx);
      queue.enabled = true;
      this.writeQueueEnabled(idx, true);
    }
  }
  getVqReady(idx: number): boolean {
    return this.queues[idx] !== undefined && this.readQueueEnabled(idx);
  }
  /** Only the state of a queue that never ran: registers have no place for another. */
  setVqState(idx: number, state: VqState): number {
    const queue = this.queues[idx];
    if (queue === undefined || queue.enabled) return -ERRNO.EINVAL;
    const fresh = initialVqState();
    if (!this.#packed()) return state.split.availIndex === 0 ? 0 : -ERRNO.EOPNOTSUPP;
    const { lastAvailIdx, lastAvailCounter, lastUsedIdx, lastUsedCounter } = state.packed;
    const same =
      lastAvailIdx === fresh.packed.lastAvailIdx &&
      lastAvailCounter === fresh.packed.lastAvailCounter &&
      lastUsedIdx === fresh.packed.lastUsedIdx &&
      lastUsedCounter === fresh.packed.lastUsedCounter;
    return same ? 0 : -ERRNO.EOPNOTSUPP;
  }
  getVqState(idx: number, _state: VqState): number {
    return this.queues[idx] === undefined ? -ERRNO.EINVAL : -ERRNO.EOPNOTSUPP;
  }
  getVqSize(idx: number): number {
    return this.queues[idx] === undefined ? 0 : this.readQueueSize(idx);
  }
  getVqAlign(): number {
    return QUEUE_ALIGN;
  }

  // ── device ops ────────────────────────────────────────────────────────────────────────────────
  getDeviceFeatures(): bigint {
    return BigInt(this.readDeviceFeatures(0)) | (BigInt(this.readDeviceFeatures(1)) << 32n);
  }
  setDriverFeatures(features: bigint): number {
    this.writeDriverFeatures(0, Number(BigInt.asUintN(32, features)));
    this.writeDriverFeatures(1, Number(BigInt.asUintN(32, features >> 32n)));
    this.#chosen = features;
    return 0;
  }
  getDriverFeatures(): bigint {
    if (this.#chosen === null) return 0n;
    return BigInt(this.readDriverFeatures(0)) | (BigInt(this.readDriverFeatures(1)) << 32n);
  }
  setConfigCb(cb: VdpaCallback): void {
    this.configCallback = cb.callback === null ? null : (cb.trigger ?? cb.callback);
  }
  /** Largest size that any queue shows in the ring format in force; before packed rings show theirs, that of split. */
  getVqNumMax(): number {
    const format = this.#packed() ? 1 : 0;
    if (this.#numMax[format] === 0) this.#numMax[format] = this.#largestSize();
    return this.#numMax[format] || this.#numMax[0];
  }
  getStatus(): number {
    return this.readStatus();
  }
  setStatus(status: number): void {
    if (status === 0) {
      this.reset();
      return;
    }
    if ((status & STATUS.DRIVER_OK) !== 0) this.startInterrupts();
    this.writeStatus(status & 0xff);
  }
  /** Write 0 and wait until it reads back. -EIO when it never does. */
  reset(): number {
    this.writeStatus(0);
    for (let poll = 0; this.readStatus() !== 0; poll++) {
      if (poll === RESET_POLLS) return -ERRNO.EIO;
      this.pause();
    }
    this.#chosen = null;
    this.configCallback = null;
    for (const queue of this.queues) {
      queue.callback = null;
      queue.num = null;
      queue.areas = null;
      queue.sized = false;
      queue.placed = false;
      queue.enabled = false;
    }
    this.forgetInterrupts();
    return 0;
  }
  getConfig(offset: number, buf: Uint8Array): void {
    const places = [...accesses(this.#accessPlan(), offset, buf.length)];
    for (let reading = 0; reading < CONFIG_READINGS; reading++) {
      const { before, values, after } = this.readConfiguration(places);
      places.forEach(([at, size], i) => {
        putValue(buf, at - offset, size, values[i]);
      });
      if (before === after) return;
    }
  }
  /** Registers of the configuration in order, between two readings of the generation. */
  protected readConfiguration(places: readonly (readonly [number, AccessSize])[]): {
    before: number;
    values: number[];
    after: number;
  } {
    const before = this.getGeneration();
    const values = places.map(([at, size]) => this.readConfigRegister(at, size));
    return { before, values, after: this.getGeneration() };
  }
  setConfig(offset: number, buf: Uint8Array): void {
    for (const [at, size] of accesses(this.#accessPlan(), offset, buf.length))
      this.writeConfigRegister(at, size, takeValue(buf, at - offset, size));
  }

  // ── DMA ops ───────────────────────────────────────────────────────────────────────────────────
  dmaMap(asid: number, iova: Iova, size: number, addr: number, perm: Perm): number {
    return asid === 0 ? this.dma.map(iova, size, addr, perm) : -ERRNO.EINVAL;
  }
  dmaUnmap(asid: number, iova: Iova, size: number): number {
    return asid === 0 ? this.dma.unmap(iova, size) : -ERRNO.EINVAL;
  }
  free(): void {
    this.reset();
  }

  #writeParameters(queue: TransportQueue): void {
    if (queue.num !== null) {
      this.writeQueueSize(queue.index, queue.num);
      queue.sized = true;
    }
    if (queue.areas !== null) this.writeQueueAreas(queue.index, queue.areas);
    queue.num = null;
    queue.areas = null;
  }
  #packed(): boolean {
    return this.#chosen !== null && (this.#chosen & F_RING_PACKED) !== 0n;
  }
  #largestSize(): number {
    const untouched = this.queues.filter(({ sized }) => !sized);
    return Math.max(0, ...untouched.map(({ index }) => this.readQueueSize(index)));
  }
  #accessPlan(): AccessPlan {
    this.#plan ??= planAccesses(deviceName(this.getDeviceId()) as ConfigDevice, this.getConfigSize());
    return this.#plan;
  }
}
