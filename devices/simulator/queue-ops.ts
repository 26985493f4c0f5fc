import { ERRNO, type Iova, type VdpaCallback, type VqState } from '../../framework/device.ts';
import type { DevicePort } from '../../framework/memory/host-memory.ts';
import { createDeviceRing } from '../../framework/virtqueue/device/create.ts';
import type { DeviceRing, DeviceRingConfig } from '../../framework/virtqueue/device/ring.ts';
import { F_EVENT_IDX, F_IN_ORDER, F_INDIRECT_DESC, F_RING_PACKED } from '../../specs/virtio-1.1/features.ts';
import { PACKED_ALIGN, SPLIT_ALIGN } from '../../specs/virtio-1.1/ring-layout.ts';
import { DeviceBase } from './base.ts';
import { type DeviceProfile, QUEUE_ALIGN } from './profile.ts';
import { copyVqState, SimQueue } from './queue.ts';

/** Number of the first queue's interrupt. */
const FIRST_IRQ = 32;

/**
 * The virtqueue ops: what a driver stores for a queue, and how a queue starts and stops. An index that
 * names no queue is answered with -EINVAL, 0 or false, and never does harm.
 */
export abstract class QueueOps extends DeviceBase {
  readonly queues: SimQueue[] = [];

  constructor(profile: DeviceProfile, port: DevicePort, name?: string) {
    super(profile, port, name);
    for (let i = 0; i < profile.nvqs; i++) this.queues.push(new SimQueue(i));
    if (!profile.ringGroup) this.getVqDescGroup = undefined;
    if (!profile.interrupts) this.getVqIrq = undefined;
  }

  /** Finish what was taken from `queue`, so that nothing is in flight any more. */
  abstract drain(queue: SimQueue): void;

  // ── what the driver stores ────────────────────────────────────────────────────────────────────
  setVqAddress(idx: number, descArea: Iova, driverArea: Iova, deviceArea: Iova): number {
    const queue = this.queues[idx];
    if (queue === undefined || !this.addressesFit(descArea, driverArea, deviceArea)) return -ERRNO.EINVAL;
    queue.descArea = descArea;
    queue.driverArea = driverArea;
    queue.deviceArea = deviceArea;
    queue.addressSet = true;
    if (this.suspended) queue.latched = null;
    return 0;
  }

  setVqNum(idx: number, num: number): void {
    const queue = this.queues[idx];
    if (queue === undefined) return;
    queue.num = num;
    if (this.suspended) queue.latched = null;
  }

  setVqCb(idx: number, cb: VdpaCallback): void {
    this.queues[idx]?.setCallback(cb);
  }

  /** Where queue `idx` continues. Refused with -EINVAL while it runs, or when no ring can be there. */
  setVqState(idx: number, state: VqState): number {
    const queue = this.queues[idx];
    if (queue === undefined || queue.ring !== null) return -ERRNO.EINVAL;
    if (!this.stateFits(queue, state)) return -ERRNO.EINVAL;
    copyVqState(state, queue.start);
    return 0;
  }

  /** Where queue `idx` stands. -EBUSY while requests are in flight, because then no position says it all. */
  getVqState(idx: number, state: VqState): number {
    const queue = this.queues[idx];
    if (queue === undefined) return -ERRNO.EINVAL;
    if (queue.ring !== null && queue.ring.outstanding > 0) return -ERRNO.EBUSY;
    copyVqState(queue.ring?.state() ?? queue.start, state);
    return 0;
  }

  /** Make queue `idx` ready or not. It starts now if DRIVER_OK is set, and with DRIVER_OK otherwise. */
  setVqReady(idx: number, ready: boolean): void {
    const queue = this.queues[idx];
    if (queue === undefined || queue.ready === !!ready) return;
    if (!ready) {
      this.stopQueue(queue);
      queue.ready = false;
      queue.latched = null;
    } else if (this.driverOk && !this.broken && !this.suspended) {
      queue.ready = this.startQueue(queue);
    } else {
      queue.ready = true;
    }
  }

  getVqReady(idx: number): boolean {
    return this.queues[idx]?.ready ?? false;
  }

  // ── facts ─────────────────────────────────────────────────────────────────────────────────────
  /** Largest queue size; a power of two unless RING_PACKED is negotiated (section 2.6, 4.1.4.3.1). */
  getVqNumMax(): number {
    const max = this.profile.numMax;
    return this.negotiated(F_RING_PACKED) ? max : 2 ** Math.floor(Math.log2(max));
  }
  getVqNumMin(): number {
    return 1;
  }
  /** Size of a running queue, else the largest one possible; 0 for a queue that does not exist. */
  getVqSize(idx: number): number {
    const queue = this.queues[idx];
    if (queue === undefined) return 0;
    return queue.latched?.num ?? this.getVqNumMax();
  }
  getVqAlign(): number {
    return QUEUE_ALIGN;
  }
  /** Group of queue `idx`; all in group 0 unless a device type says otherwise. */
  getVqGroup(_idx: number): number {
    return 0;
  }
  /** Group of the ring areas: one for all queues, behind those of the buffers. */
  getVqDescGroup?(_idx: number): number {
    return this.ngroups - 1;
  }
  /** Interrupt of queue `idx`; negative for one that does not exist. */
  getVqIrq?(idx: number): number {
    return idx < this.nvqs ? FIRST_IRQ + idx : -ERRNO.EINVAL;
  }
  getVendorVqStats(idx: number): Record<string, number | bigint> | number {
    const queue = this.queues[idx];
    if (queue === undefined) return -ERRNO.EINVAL;
    return { received_desc: queue.received, completed_desc: queue.completed };
  }

  // ── start and stop ────────────────────────────────────────────────────────────────────────────
  /** Whether the addresses have the alignment of sections 2.6 and 2.7.10.1. */
  addressesFit(descArea: Iova, driverArea: Iova, deviceArea: Iova): boolean {
    const driverAlign = this.negotiated(F_RING_PACKED) ? PACKED_ALIGN.driver : SPLIT_ALIGN.avail;
    return (
      descArea % SPLIT_ALIGN.desc === 0 &&
      driverArea % driverAlign === 0 &&
      deviceArea % SPLIT_ALIGN.used === 0
    );
  }

  /** Whether a queue can have `num` descriptors in the format negotiated (sections 2.6 and 2.7). */
  sizeFits(num: number): boolean {
    if (!(Number.isInteger(num) && num >= 1 && num <= this.getVqNumMax())) return false;
    return this.negotiated(F_RING_PACKED) || (num & (num - 1)) === 0;
  }

  /** Whether `state` can be a position of `queue` in the format negotiated. */
  stateFits(queue: SimQueue, state: VqState): boolean {
    if (!this.negotiated(F_RING_PACKED)) return isBelow(state.split.availIndex, 0x1_0000);
    const { lastAvailIdx, lastAvailCounter, lastUsedIdx, lastUsedCounter } = state.packed;
    const num = queue.num === 0 ? this.profile.numMax : queue.num;
    return (
      isBelow(lastAvailIdx, num) &&
      isBelow(lastUsedIdx, num) &&
      isBelow(lastAvailCounter, 2) &&
      isBelow(lastUsedCounter, 2)
    );
  }

  /**
   * Latch what the driver stored and begin at the stored position. The queue then counts as kicked once,
   * because buffers may be waiting. False, and nothing started, when the parameters cannot be right.
   */
  startQueue(queue: SimQueue): boolean {
    const config = queue.latched ?? this.latch(queue);
    if (config === null) return false;
    queue.latched = config;
    this.aimViews(queue);
    queue.ring = this.createRing(queue, config);
    this.wake(queue);
    return true;
  }

  /** The ring parameters as stored now, or null when no ring can be there. */
  latch(queue: SimQueue): DeviceRingConfig | null {
    if (!queue.addressSet || !this.sizeFits(queue.num)) return null;
    if (!this.addressesFit(queue.descArea, queue.driverArea, queue.deviceArea)) return null;
    queue.packed = this.negotiated(F_RING_PACKED);
    return {
      num: queue.num,
      descArea: queue.descArea,
      driverArea: queue.driverArea,
      deviceArea: queue.deviceArea,
      eventIdx: this.negotiated(F_EVENT_IDX),
      indirect: this.negotiated(F_INDIRECT_DESC),
      inOrder: this.negotiated(F_IN_ORDER),
    };
  }

  /** Point ring and buffer accesses of `queue` at the address space of its group. */
  aimViews(queue: SimQueue): void {
    const { translation, dmaPort } = this;
    const table = translation.tableOf(this.getVqGroup(queue.index));
    const rings =
      this.getVqDescGroup === undefined ? table : translation.tableOf(this.getVqDescGroup(queue.index));
    if (queue.ringDma === null || queue.bufferDma === null || queue.ringDma.port !== dmaPort) {
      queue.ringDma = this.createView(rings);
      queue.bufferDma = this.createView(table);
    } else {
      queue.ringDma.retarget(rings);
      queue.bufferDma.retarget(table);
    }
  }

  createRing(queue: SimQueue, config: DeviceRingConfig): DeviceRing {
    return createDeviceRing(queue.packed, queue.ringDma!, queue.bufferDma!, config, queue.start);
  }

  /** The device itself has a reason to look at `queue`, kicked or not. */
  wake(queue: SimQueue): void {
    if (!queue.pending) queue.selfWoken = true;
    queue.pending = true;
  }

  /** Finish what is in flight and stop; the position stays. */
  stopQueue(queue: SimQueue): void {
    if (queue.ring === null) return;
    if (!this.broken) this.drain(queue);
    const ring: DeviceRing | null = queue.ring; // a callback may have reset the device meanwhile
    if (ring === null) return;
    copyVqState(ring.state(), queue.start);
    queue.stop();
  }

  mappingsChanged(): void {
    for (const queue of this.queues) if (queue.awaitsMapping) this.wake(queue);
  }
}

function isBelow(value: number, limit: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < limit;
}
