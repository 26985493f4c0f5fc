import {
  ERRNO,
  type Iova,
  type Perm,
  type VdpaCallback,
  type VdpaConfigOps,
  type VdpaDevice,
  type VqState,
} from '../../../framework/device.ts';
import type { PciAccess } from '../../../framework/transport/access.ts';
import {
  EVERY_FEATURE,
  F_ACCESS_PLATFORM,
  F_NOTIFICATION_DATA,
  F_RING_PACKED,
} from '../../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import { IfcvfDirtyTracking, type RunningRing } from './dirty-log.ts';
import { IfcvfHardware } from './hardware.ts';
import { IfcvfInterrupts } from './interrupts.ts';
import { type StateLayout, StateWords, toVqState } from './ring-state.ts';

/** Alignment of the queue areas: a page, as Linux has it. */
const PAGE = 4096;
/** Polls of a register that the device takes its time to change. */
const POLLS = 10_000;
const CONFIG_READINGS = 8;

interface IfcvfQueue {
  callback: (() => void) | null;
  /** Set while the queue was enabled, to be written when it is not. */
  num: number | null;
  areas: readonly [Iova, Iova, Iova] | null;
  enabled: boolean;
  /** Size and areas that the registers hold. */
  size: number;
  placed: readonly [Iova, Iova, Iova];
}

const NOWHERE = [0, 0, 0] as const;
const freshQueue = (): IfcvfQueue => ({
  callback: null,
  num: null,
  areas: null,
  enabled: false,
  size: 0,
  placed: NOWHERE,
});

/**
 * The IFCVF parent driver: the contract in terms of the registers of a virtual function, as Linux's `ifcvf` does
 * it. Translation is the platform IOMMU's.
 */
export class IfcvfDevice implements VdpaDevice, VdpaConfigOps {
  readonly name: string;
  readonly nvqs: number;
  readonly ngroups = 1;
  readonly nas = 1;
  readonly hardware: IfcvfHardware;
  readonly interrupts: IfcvfInterrupts;
  readonly states: StateWords;
  readonly dirty: IfcvfDirtyTracking;
  readonly queues: IfcvfQueue[] = [];
  configCallback: (() => void) | null = null;
  readonly #numMax: [split: number, packed: number] = [0, 0];

  /** Features that the device may offer at most. */
  readonly #provisioned: bigint;

  /** @throws IfcvfProbeError when the function is none that the driver can drive */
  constructor(access: PciAccess, layout: StateLayout, name = 'vdpa0', provisioned = EVERY_FEATURE) {
    this.name = name;
    this.#provisioned = provisioned;
    this.hardware = new IfcvfHardware(access);
    this.interrupts = new IfcvfInterrupts(this.hardware, this);
    this.states = new StateWords(this.hardware, layout);
    this.dirty = new IfcvfDirtyTracking(this.hardware, () => this.#runningRings());
    this.nvqs = this.hardware.queueCount;
    for (let q = 0; q < this.nvqs; q++) this.queues.push(freshQueue());
    this.reset();
    if ((this.getDeviceFeatures() & F_NOTIFICATION_DATA) === 0n) this.kickVqWithData = undefined;
  }

  get ops(): VdpaConfigOps {
    return this;
  }
  queueInterrupt(q: number): void {
    if (this.queues[q]?.enabled) this.queues[q].callback?.();
  }
  configInterrupt(): void {
    this.configCallback?.();
  }

  // ── virtqueue ops ─────────────────────────────────────────────────────────────────────────────
  setVqAddress(idx: number, descArea: Iova, driverArea: Iova, deviceArea: Iova): number {
    const queue = this.queues[idx];
    if (queue === undefined) return -ERRNO.EINVAL;
    queue.areas = [descArea, driverArea, deviceArea];
    this.#program(idx, queue);
    return 0;
  }
  setVqNum(idx: number, num: number): void {
    const queue = this.queues[idx];
    if (queue === undefined) return;
    queue.num = num & 0xffff;
    this.#program(idx, queue);
  }
  kickVq(idx: number): void {
    if (this.queues[idx] !== undefined) this.hardware.notify(idx);
  }
  kickVqWithData?(data: number): void {
    if (this.queues[data & 0xffff] !== undefined) this.hardware.notifyWithData(data >>> 0);
  }
  setVqCb(idx: number, cb: VdpaCallback): void {
    const queue = this.queues[idx];
    if (queue !== undefined) queue.callback = cb.callback === null ? null : (cb.trigger ?? cb.callback);
  }
  /** Disabling waits until `queue_enable` reads 0: only then the ring state is valid. */
  setVqReady(idx: number, ready: boolean): void {
    const queue = this.queues[idx];
    if (queue === undefined || queue.enabled === !!ready) return;
    if (ready) {
      this.#program(idx, queue);
      queue.enabled = true;
      this.hardware.setOf(idx, 'queue_enable', 1);
      return;
    }
    this.hardware.setOf(idx, 'queue_enable', 0);
    this.#poll(() => this.hardware.getOf(idx, 'queue_enable') === 0);
    this.dirty.markRing(this.#ringOf(idx));
    queue.enabled = false;
  }
  getVqReady(idx: number): boolean {
    return this.queues[idx] !== undefined && this.hardware.getOf(idx, 'queue_enable') === 1;
  }
  setVqState(idx: number, state: VqState): number {
    const queue = this.queues[idx];
    if (queue === undefined || queue.enabled) return -ERRNO.EINVAL;
    const taken = this.#packed() ? this.states.writePacked(idx, state) : this.states.writeSplit(idx, state);
    return taken ? 0 : -ERRNO.EINVAL;
  }
  /** -EBUSY while buffers of a running queue are under way: then the avail position alone misleads. */
  getVqState(idx: number, state: VqState): number {
    const queue = this.queues[idx];
    if (queue === undefined) return -ERRNO.EINVAL;
    const position = this.states.read(idx);
    if (queue.enabled && this.#running() && position.avail !== position.used) return -ERRNO.EBUSY;
    toVqState(position, this.#packed(), state);
    return 0;
  }
  /** Vector of queue `idx` while every queue has its own; -EINVAL otherwise. */
  getVqIrq(idx: number): number {
    const own = this.interrupts.mode === 'own' && this.queues[idx] !== undefined;
    return own ? idx : -ERRNO.EINVAL;
  }
  getVqSize(idx: number): number {
    return this.queues[idx] === undefined ? 0 : this.hardware.getOf(idx, 'queue_size');
  }
  getVqAlign(): number {
    return PAGE;
  }
  getVqGroup(_idx: number): number {
    return 0;
  }

  // ── device ops ────────────────────────────────────────────────────────────────────────────────
  getDeviceFeatures(): bigint {
    return this.hardware.features('device') & this.#provisioned;
  }
  /** -EINVAL without ACCESS_PLATFORM: the device always goes through the IOMMU. */
  setDriverFeatures(features: bigint): number {
    if (features !== 0n && (features & F_ACCESS_PLATFORM) === 0n) return -ERRNO.EINVAL;
    this.hardware.setFeatures(features);
    return 0;
  }
  getDriverFeatures(): bigint {
    return this.hardware.features('guest');
  }
  setConfigCb(cb: VdpaCallback): void {
    this.configCallback = cb.callback === null ? null : (cb.trigger ?? cb.callback);
  }
  /** Largest size that any queue shows; once for each ring format, because a size that was written takes its place. */
  getVqNumMax(): number {
    const format = this.#packed() ? 1 : 0;
    if (this.#numMax[format] === 0)
      this.#numMax[format] = Math.max(...this.queues.map((_, q) => this.hardware.getOf(q, 'queue_size')));
    return this.#numMax[format];
  }
  getDeviceId(): number {
    return this.hardware.type;
  }
  /** Vendor of the subsystem. */
  getVendorId(): number {
    return this.hardware.subsystemVendor;
  }
  getStatus(): number {
    return this.hardware.get('device_status');
  }
  /** DRIVER_OK needs interrupts: without them the status stays. */
  setStatus(status: number): void {
    if (status === 0) {
      this.reset();
      return;
    }
    const now = this.getStatus();
    if (now === status) return;
    const starts = (status & ~now & STATUS.DRIVER_OK) !== 0;
    if (starts && this.interrupts.mode === null && !this.interrupts.request()) return;
    this.hardware.set('device_status', status & 0xff);
  }
  /** Dirty tracking ends, callbacks and vectors go, then the status becomes 0. -EIO when it never reads so. */
  reset(): number {
    this.dirty.stop();
    this.configCallback = null;
    for (const queue of this.queues) queue.callback = null;
    this.interrupts.free();
    this.hardware.set('device_status', 0);
    if (!this.#poll(() => this.getStatus() === 0)) return -ERRNO.EIO;
    for (const queue of this.queues) Object.assign(queue, freshQueue());
    return 0;
  }
  getConfigSize(): number {
    return this.hardware.configSize;
  }
  /** Byte by byte, between two equal generations. */
  getConfig(offset: number, buf: Uint8Array): void {
    const end = Math.min(offset + buf.length, this.getConfigSize());
    for (let reading = 0; reading < CONFIG_READINGS; reading++) {
      const generation = this.getGeneration();
      for (let at = offset; at < end; at++) buf[at - offset] = this.hardware.readConfigByte(at);
      if (this.getGeneration() === generation) return;
    }
  }
  setConfig(offset: number, buf: Uint8Array): void {
    const end = Math.min(offset + buf.length, this.getConfigSize());
    for (let at = offset; at < end; at++) this.hardware.writeConfigByte(at, buf[at - offset]);
  }
  getGeneration(): number {
    return this.hardware.get('config_generation');
  }

  // ── DMA ops ───────────────────────────────────────────────────────────────────────────────────
  dmaMap(asid: number, iova: Iova, size: number, addr: number, perm: Perm): number {
    return asid === 0 ? this.hardware.access.dma.map(iova, size, addr, perm) : -ERRNO.EINVAL;
  }
  dmaUnmap(asid: number, iova: Iova, size: number): number {
    return asid === 0 ? this.hardware.access.dma.unmap(iova, size) : -ERRNO.EINVAL;
  }
  free(): void {
    this.reset();
  }

  /** Write what is new about a queue, unless it runs: then at its next start. */
  #program(idx: number, queue: IfcvfQueue): void {
    if (queue.enabled) return;
    if (queue.num !== null) {
      this.getVqNumMax();
      this.hardware.setOf(idx, 'queue_size', queue.num);
      queue.size = queue.num;
    }
    if (queue.areas !== null) {
      this.hardware.setAreas(idx, queue.areas);
      queue.placed = queue.areas;
    }
    queue.num = null;
    queue.areas = null;
  }
  #ringOf(idx: number): RunningRing {
    const { size, placed } = this.queues[idx];
    return { num: size, areas: placed, packed: this.#packed() };
  }
  *#runningRings(): Iterable<RunningRing> {
    for (const [idx, queue] of this.queues.entries()) if (queue.enabled) yield this.#ringOf(idx);
  }
  #packed(): boolean {
    return (this.getDriverFeatures() & F_RING_PACKED) !== 0n;
  }
  #running(): boolean {
    return (this.getStatus() & STATUS.DRIVER_OK) !== 0;
  }
  #poll(done: () => boolean): boolean {
    for (let poll = 0; poll < POLLS; poll++) {
      if (done()) return true;
      this.hardware.access.pause?.();
    }
    return false;
  }
}
