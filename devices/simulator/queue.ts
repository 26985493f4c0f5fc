import { type Iova, initialVqState, type VdpaCallback, type VqState } from '../../framework/device.ts';
import type { DmaView } from '../../framework/memory/iotlb.ts';
import type { DeviceBuffer, DeviceRing, DeviceRingConfig } from '../../framework/virtqueue/device/ring.ts';

/**
 * One virtqueue of a simulated device: what the driver stored for it, what was latched when it started,
 * and what is to be done. It holds no behaviour beyond bookkeeping; that is in `engine.ts`.
 */
export class SimQueue {
  readonly index: number;

  // stored by the driver; takes effect when the queue starts
  num = 0;
  addressSet = false;
  descArea: Iova = 0;
  driverArea: Iova = 0;
  deviceArea: Iova = 0;
  ready = false;
  /** What to call when a buffer was used; null: nobody listens. */
  callback: (() => void) | null = null;
  /** Where the queue starts next time; while it runs, the ring knows its position. */
  start: VqState = initialVqState();

  // latched at start
  /** The running ring; null while the queue is stopped or not ready, and while the device is suspended. */
  ring: DeviceRing | null = null;
  /** Parameters latched at the last ready transition; null when the next start latches anew. */
  latched: DeviceRingConfig | null = null;
  packed = false;
  ringDma: DmaView | null = null;
  bufferDma: DmaView | null = null;

  // work
  /** There may be something to do. Set by kicks and starts, cleared when the ring was found empty. */
  pending = false;
  /** The device woke the queue itself: the driver has not yet said that its rings are usable. */
  selfWoken = false;
  /** Woken by itself, the queue found its ring unmapped and waits for mappings or a kick. */
  awaitsMapping = false;
  /** Kicks were switched off because the queue is busy. */
  kicksOff = false;
  /** Buffers taken and not yet executed (`hold`, reordering), oldest first. */
  readonly inFlight: DeviceBuffer[] = [];
  /** How many further requests to hold back. */
  holdCount = 0;
  /** Work through `inFlight` before taking more. */
  releasing = false;
  /** Publication or notification was put off to the end of the pump; see `flush`. */
  flushDue = false;

  // statistics since reset
  received = 0;
  completed = 0;

  constructor(index: number) {
    this.index = index;
  }

  /** Copy the callback: the caller may reuse its structure. */
  setCallback(cb: VdpaCallback): void {
    this.callback = cb.callback === null ? null : (cb.trigger ?? cb.callback);
  }

  /** Back to the state after creation. */
  reset(): void {
    this.num = 0;
    this.addressSet = false;
    this.descArea = 0;
    this.driverArea = 0;
    this.deviceArea = 0;
    this.ready = false;
    this.callback = null;
    this.start = initialVqState();
    this.latched = null;
    this.stop();
    this.holdCount = 0;
    this.received = 0;
    this.completed = 0;
  }

  /** Forget the ring and all work on it, done or not. */
  stop(): void {
    this.ring = null;
    this.pending = false;
    this.selfWoken = false;
    this.awaitsMapping = false;
    this.kicksOff = false;
    this.inFlight.length = 0;
    this.releasing = false;
    this.flushDue = false;
  }
}

/** Copy `from` into `to`, so that neither side keeps the other's object. */
export function copyVqState(from: VqState, to: VqState): void {
  to.split.availIndex = from.split.availIndex;
  to.packed.lastAvailCounter = from.packed.lastAvailCounter;
  to.packed.lastAvailIdx = from.packed.lastAvailIdx;
  to.packed.lastUsedCounter = from.packed.lastUsedCounter;
  to.packed.lastUsedIdx = from.packed.lastUsedIdx;
}
