import {
  F_EVENT_IDX,
  F_IN_ORDER,
  F_INDIRECT_DESC,
  F_NOTIFICATION_DATA,
  F_RING_PACKED,
} from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import {
  ERRNO,
  type Iova,
  initialVqState,
  PERM,
  type Perm,
  type VdpaCallback,
  type VdpaConfigOps,
  type VdpaDevice,
  type VdpaIovaRange,
  type VqState,
} from '../device.ts';
import { AddressSpace } from '../memory/address-space.ts';
import type { DevicePort } from '../memory/host-memory.ts';
import { DmaFault } from '../memory/host-memory.ts';
import { DmaView, Iotlb } from '../memory/iotlb.ts';
import { RingError } from '../virtqueue/device/ring.ts';
import type { Area } from '../virtqueue/driver/ring.ts';
import { ShadowQueue, shadowRoom } from './shadow-queue.ts';

/** Descriptors of a shadow queue, as far as the parent has so many. */
const MOST = 256;

/** What the driver stored for a queue. */
interface GuestQueue {
  num: number;
  areas: readonly [desc: Iova, driver: Iova, device: Iova];
  state: VqState;
  ready: boolean;
  callback: (() => void) | null;
  shadow: ShadowQueue | null;
}

const fresh = (): GuestQueue => ({
  num: 0,
  areas: [0, 0, 0],
  state: initialVqState(),
  ready: false,
  callback: null,
  shadow: null,
});

/**
 * A parent behind shadow virtqueues: it works on rings of the monitor's own, always from the start, while the guest's
 * rings are relayed. So a parent that neither tells nor takes positions can be suspended and started at any position,
 * and the addresses that it is given can differ from those that the guest uses, by `shift` bytes.
 *
 * There is no `resume`: to stop the parent means to reset it.
 */
export class ShadowDevice implements VdpaDevice, VdpaConfigOps {
  readonly name: string;
  readonly nvqs: number;
  readonly ngroups = 1;
  readonly nas = 1;
  readonly below: VdpaDevice;
  readonly #ops: VdpaConfigOps;
  readonly #port: DevicePort;
  readonly #table = new Iotlb();
  readonly #space: AddressSpace;
  readonly #shift: number;
  readonly #room: Area;
  readonly #queues: GuestQueue[];
  /** Status and configuration as they were when the parent was stopped. */
  #parked: { status: number; features: bigint; config: Uint8Array } | null = null;
  #broken = false;
  /** Called before the parent is reset because it is to stop. */
  onStop: (() => void) | null = null;

  /** @param room private memory of {@link shadowMemory} bytes that nobody else uses */
  constructor(below: VdpaDevice, port: DevicePort, room: Area, shift: number) {
    this.below = below;
    this.name = below.name;
    this.nvqs = below.nvqs;
    this.#ops = below.ops;
    this.#port = port;
    this.#shift = shift;
    this.#room = room;
    this.#space = new AddressSpace(below.ops);
    this.#space.map({ iova: room.iova, size: room.size, addr: room.pa, perm: PERM.RW });
    this.#queues = Array.from({ length: below.nvqs }, fresh);
  }

  get ops(): VdpaConfigOps {
    return this;
  }

  // ── virtqueue ops ─────────────────────────────────────────────────────────────────────────────
  setVqAddress(idx: number, desc: Iova, driver: Iova, device: Iova): number {
    const queue = this.#queues[idx];
    if (queue === undefined) return -ERRNO.EINVAL;
    queue.areas = [desc, driver, device];
    return 0;
  }
  setVqNum(idx: number, num: number): void {
    const queue = this.#queues[idx];
    if (queue !== undefined) queue.num = num;
  }
  kickVq(_idx: number): void {}
  setVqCb(idx: number, cb: VdpaCallback): void {
    const queue = this.#queues[idx];
    if (queue !== undefined) queue.callback = cb.callback === null ? null : (cb.trigger ?? cb.callback);
  }
  /** A queue that is made not ready is not relayed any more; the parent keeps its shadow until it is reset. */
  setVqReady(idx: number, ready: boolean): void {
    const queue = this.#queues[idx];
    if (queue === undefined || queue.ready === ready) return;
    queue.ready = ready;
    if (ready && this.#driverOk) this.#start(idx);
    if (!ready) this.#stop(queue);
  }
  getVqReady(idx: number): boolean {
    return this.#queues[idx]?.ready ?? false;
  }
  setVqState(idx: number, state: VqState): number {
    const queue = this.#queues[idx];
    if (queue === undefined || (queue.shadow?.state() ?? null) !== null) return -ERRNO.EINVAL;
    queue.state = structuredClone(state);
    return 0;
  }
  getVqState(idx: number, state: VqState): number {
    const queue = this.#queues[idx];
    if (queue === undefined) return -ERRNO.EINVAL;
    const { split, packed } = queue.shadow?.state() ?? queue.state;
    Object.assign(state.split, split);
    Object.assign(state.packed, packed);
    return 0;
  }
  getVqSize(idx: number): number {
    return Math.min(MOST, this.#ops.getVqSize?.(idx) ?? this.#ops.getVqNumMax());
  }
  getVqAlign(): number {
    return this.#ops.getVqAlign();
  }

  // ── device ops ────────────────────────────────────────────────────────────────────────────────
  getDeviceFeatures(): bigint {
    return this.#ops.getDeviceFeatures();
  }
  setDriverFeatures(features: bigint): number {
    return this.#ops.setDriverFeatures(features);
  }
  getDriverFeatures(): bigint {
    return this.#parked?.features ?? this.#ops.getDriverFeatures();
  }
  setConfigCb(cb: VdpaCallback): void {
    this.#ops.setConfigCb(cb);
  }
  getVqNumMax(): number {
    return Math.min(MOST, this.#ops.getVqNumMax());
  }
  getDeviceId(): number {
    return this.#ops.getDeviceId();
  }
  getVendorId(): number {
    return this.#ops.getVendorId();
  }
  getStatus(): number {
    const status = this.#parked?.status ?? this.#ops.getStatus();
    return this.#broken ? status | STATUS.DEVICE_NEEDS_RESET : status;
  }
  setStatus(status: number): void {
    if (this.#parked !== null) return;
    const starts = (status & STATUS.DRIVER_OK) !== 0 && !this.#driverOk;
    if (starts) for (const [idx, queue] of this.#queues.entries()) if (queue.ready) this.#start(idx);
    this.#ops.setStatus(status);
  }
  reset(): number {
    this.#parked = null;
    this.#broken = false;
    this.#queues.splice(0, this.#queues.length, ...this.#queues.map(fresh));
    return this.#ops.reset();
  }
  /** Stop relaying, then the parent: what it has and did not give back is not taken, as far as the guest can see. */
  suspend(): number {
    if (this.#parked !== null) return 0;
    const config = new Uint8Array(this.getConfigSize());
    this.getConfig(0, config);
    this.#parked = { status: this.#ops.getStatus(), features: this.#ops.getDriverFeatures(), config };
    for (const queue of this.#queues) this.#stop(queue);
    this.onStop?.();
    return this.#ops.reset();
  }
  /** What the guest may use, so that the parent can be given it `shift` bytes away. */
  getIovaRange(): VdpaIovaRange {
    const { first, last } = usableIovas(this.#ops);
    return { first: Math.max(0, first - this.#shift), last: last - this.#shift };
  }
  getConfigSize(): number {
    return this.#ops.getConfigSize();
  }
  getConfig(offset: number, buf: Uint8Array): void {
    if (this.#parked === null) this.#ops.getConfig(offset, buf);
    else buf.set(this.#parked.config.subarray(offset, offset + buf.length));
  }
  setConfig(offset: number, buf: Uint8Array): void {
    if (this.#parked === null) this.#ops.setConfig(offset, buf);
  }
  getGeneration(): number {
    return this.#ops.getGeneration?.() ?? 0;
  }

  // ── DMA ops ───────────────────────────────────────────────────────────────────────────────────
  dmaMap(asid: number, iova: Iova, size: number, addr: number, perm: Perm): number {
    if (asid !== 0) return -ERRNO.EINVAL;
    if (!this.#table.map({ iova, size, addr, perm })) return -ERRNO.EEXIST;
    const error = this.#space.map({ iova: iova + this.#shift, size, addr, perm });
    if (error < 0) this.#table.unmap(iova, size);
    return error;
  }
  dmaUnmap(asid: number, iova: Iova, size: number): number {
    if (asid !== 0) return -ERRNO.EINVAL;
    this.#table.unmap(iova, size);
    this.#space.unmap(iova + this.#shift, size);
    return 0;
  }
  free(): void {
    this.reset();
  }

  // ── the relay ─────────────────────────────────────────────────────────────────────────────────
  get #driverOk(): boolean {
    return (this.#ops.getStatus() & STATUS.DRIVER_OK) !== 0;
  }

  /** Relay both ways once. Returns the buffers that moved. */
  relay(): number {
    if (this.#parked !== null || this.#broken || !this.#driverOk) return 0;
    const withData = (this.#ops.getDriverFeatures() & F_NOTIFICATION_DATA) !== 0n;
    let moved = 0;
    try {
      for (const { shadow, callback } of this.#queues) {
        if (shadow === null) continue;
        moved += shadow.backward(() => callback?.());
        moved += shadow.forward(this.#ops, withData);
      }
    } catch (error) {
      if (!(error instanceof RingError || error instanceof DmaFault)) throw error;
      this.#broken = true;
    }
    return moved;
  }

  /** Relay queue `idx`; the parent gets a shadow of it unless it has one since its reset. */
  #start(idx: number): void {
    const queue = this.#queues[idx];
    const features = this.#ops.getDriverFeatures();
    const has = (bit: bigint) => (features & bit) !== 0n;
    const [descArea, driverArea, deviceArea] = queue.areas;
    const made = queue.shadow === null;
    queue.shadow ??= this.#shadowOf(idx, features);
    queue.shadow.connect(
      {
        num: queue.num,
        descArea,
        driverArea,
        deviceArea,
        eventIdx: has(F_EVENT_IDX),
        indirect: has(F_INDIRECT_DESC),
        inOrder: has(F_IN_ORDER),
      },
      queue.state,
    );
    if (!made) return;
    const { areas, num } = queue.shadow;
    this.#ops.setVqCb(idx, { callback: () => {} });
    this.#ops.setVqNum(idx, num);
    this.#ops.setVqAddress(idx, areas.desc.iova, areas.driver.iova, areas.device.iova);
    this.#ops.setVqState(idx, initialVqState());
    this.#ops.setVqReady(idx, true);
  }

  #shadowOf(idx: number, features: bigint): ShadowQueue {
    const size = shadowRoom(MOST);
    return new ShadowQueue({
      idx,
      packed: (features & F_RING_PACKED) !== 0n,
      eventIdx: (features & F_EVENT_IDX) !== 0n,
      inOrder: (features & F_IN_ORDER) !== 0n,
      room: { pa: this.#room.pa + idx * size, iova: this.#room.iova + idx * size, size },
      num: this.getVqSize(idx),
      memory: this.#port.memory,
      view: new DmaView(this.#port, this.#table),
      translate: (iova) => iova + this.#shift,
    });
  }

  #stop(queue: GuestQueue): void {
    const { shadow } = queue;
    if (shadow === null) return;
    shadow.backward(() => queue.callback?.());
    queue.state = shadow.disconnect() ?? queue.state;
  }
}

const EVERY_IOVA: VdpaIovaRange = { first: 0, last: Number.MAX_SAFE_INTEGER };

/** Where the IOVAs of a device may lie. */
export const usableIovas = (ops: VdpaConfigOps): VdpaIovaRange => ops.getIovaRange?.() ?? EVERY_IOVA;

/** Bytes of private memory that the shadow queues of a device with `nvqs` queues need. */
export const shadowMemory = (nvqs: number): number => Math.ceil((nvqs * shadowRoom(MOST)) / 4096) * 4096;
