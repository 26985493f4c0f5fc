import { initialVqState, type VqState } from '../../../framework/device.ts';
import type { DmaView } from '../../../framework/memory/iotlb.ts';
import type { DeviceBuffer, DeviceRing, DeviceRingConfig } from '../../../framework/virtqueue/device/ring.ts';

/** One queue as the daemon serves it. */
export class DaemonQueue {
  readonly index: number;
  readonly dma: DmaView;
  ring: DeviceRing | null = null;
  config: DeviceRingConfig | null = null;
  /** Where it stood when it was stopped last. */
  position: VqState = initialVqState();
  /** There may be something to do. */
  pending = false;
  /** It was not kicked since it started, so its ring may not be reachable yet. */
  unasked = false;
  /** Requests of which the back end holds back the answer. */
  readonly held: DeviceBuffer[] = [];
  holdCount = 0;
  releasing = false;

  constructor(index: number, dma: DmaView) {
    this.index = index;
    this.dma = dma;
  }

  /** The same, as the request logic of simulated devices calls it. */
  get bufferDma(): DmaView {
    return this.dma;
  }

  /** Forget the ring and all work on it. */
  stop(): void {
    this.ring = null;
    this.config = null;
    this.pending = false;
    this.unasked = false;
    this.held.length = 0;
    this.releasing = false;
  }
}
