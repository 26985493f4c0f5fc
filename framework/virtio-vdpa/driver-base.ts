import { configField, readField } from '../../specs/virtio-1.1/config-space.ts';
import {
  F_EVENT_IDX,
  F_IN_ORDER,
  F_INDIRECT_DESC,
  F_NOTIFICATION_DATA,
  F_RING_PACKED,
  F_VERSION_1,
} from '../../specs/virtio-1.1/features.ts';
import { DESC_SIZE } from '../../specs/virtio-1.1/ring-layout.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { BoundDevice } from '../bound-device.ts';
import { GUARD, GuestMemory, type RamBlock, type Region } from '../memory/guest-memory.ts';
import { type AreaLayout, layoutQueue } from '../virtqueue/driver/areas.ts';
import { createDriverRing } from '../virtqueue/driver/create.ts';
import type { Area, DriverRing } from '../virtqueue/driver/ring.ts';
import { DriverError, type DriverErrorCode } from './driver-error.ts';
import { commonFeatures, type DriverOptions, withoutOrphans } from './driver-options.ts';
import { DriverQueue } from './driver-queue.ts';

/** Units of device work asked for at a time. */
const PUMP_BUDGET = 1000;

/** How often a device is let to work before it counts as busy for ever. */
export const PATIENCE = 10_000;

/** Size of the RAM blocks that small allocations share. */
const BLOCK = 64 << 10;

/** Elements that an indirect table of a packed queue may have; a split chain ends at the queue size (2.6.5.3.1). */
const TABLE_ELEMENTS = 128;

/**
 * What virtio drivers have in common: initialisation (section 3.1.1), mapped memory, queues, and waiting.
 * A driver's constructor calls {@link addQueue} for its queues and {@link goLive} at the end.
 */
export abstract class DriverBase {
  readonly virtio: BoundDevice;
  /** The features in force. */
  readonly features: bigint;
  readonly queues: DriverQueue<unknown>[] = [];
  protected readonly options: DriverOptions;
  /** The configuration changed since a driver last looked (section 2.3). */
  protected configChanged = false;
  readonly #type: 'net' | 'blk';
  readonly #blocks: RamBlock[] = [];
  #left = 0;

  /**
   * Steps 1 to 6 of section 3.1.1. Of `understood` and the common features, those are accepted that are
   * offered and whose dependencies are (section 2.2.1).
   *
   * @throws DriverError `reset` or `features`
   */
  constructor(type: 'net' | 'blk', virtio: BoundDevice, options: DriverOptions, understood: bigint) {
    this.#type = type;
    this.virtio = virtio;
    this.options = options;
    const { error, reads } = virtio.reset();
    if (error < 0 || reads.at(-1) !== 0)
      throw new DriverError('reset', `reset gave ${error}, status ${reads.at(-1)}`);
    virtio.addStatus(STATUS.ACKNOWLEDGE);
    virtio.addStatus(STATUS.DRIVER);
    const wanted = understood | commonFeatures(virtio, options);
    const features = withoutOrphans(virtio.ops.getDeviceFeatures() & wanted, type);
    this.features = features;
    if ((features & F_VERSION_1) === 0n)
      this.fail('features', 'the device does not offer VIRTIO_F_VERSION_1');
    if (!virtio.negotiate(features)) this.fail('features', `the device refused 0x${features.toString(16)}`);
  }

  /** Whether all features of `mask` are in force. */
  has(mask: bigint): boolean {
    return (this.features & mask) === mask;
  }

  /** Buffers that the device has and the driver waits for, in all queues. */
  get outstanding(): number {
    return this.queues.reduce((sum, { ring }) => sum + ring.outstanding, 0);
  }

  /** Reset the device and take its mappings away. The driver is of no use afterwards. */
  close(): void {
    this.virtio.reset();
    for (const { iova, size } of this.#blocks) this.virtio.spaces[0].unmap(iova, size);
    this.#blocks.length = 0;
    this.#left = 0;
  }

  /** Value of a configuration field (section 2.4), as a number. */
  protected configNumber(field: string): number {
    const row = configField(this.#type, field);
    return Number(readField(this.virtio.readConfig(0, row.offset + row.width), row));
  }

  /** Zeroed memory that the device can reach. @throws DriverError `set-up` when a mapping is refused */
  protected alloc(size: number, align = 16): Region {
    const { memory } = this.options;
    const most = size + align + GUARD;
    if (most > this.#left) {
      const block = memory.addBlock(Math.max(BLOCK, most + GUARD));
      const error = this.virtio.spaces[0].map(GuestMemory.mapping(block));
      if (error < 0) this.fail('set-up', `mapping ${block.size} bytes was refused: ${error}`);
      this.#blocks.push(block);
      this.#left = block.size - GUARD;
    }
    this.#left -= most;
    return memory.alloc(this.#blocks.at(-1)!, size, align);
  }

  /** The bytes of a region. */
  protected bytes(region: Region): Uint8Array {
    return this.options.memory.host.bytes.subarray(region.pa, region.pa + region.size);
  }

  /**
   * Set queue `idx` up (section 3.1.1, step 7) for buffers of at most `elements` elements.
   * A queue that is not `watched` starts with notifications off.
   *
   * @throws DriverError `set-up`
   */
  protected addQueue<T>(idx: number, elements: number, watched: boolean): DriverQueue<T> {
    const { virtio } = this;
    const packed = this.has(F_RING_PACKED);
    const most = virtio.maxSize(idx);
    if (most === 0) this.fail('set-up', `the device has no queue ${idx}`);
    let num = Math.min(most, Math.max(this.options.queueSize ?? 64, virtio.ops.getVqNumMin?.() ?? 1));
    if (!packed) num = 2 ** Math.floor(Math.log2(num));
    const layout = layoutQueue(packed ? 'packed' : 'split', num);
    const area = ({ size, align }: AreaLayout): Area => this.alloc(size, align);
    const areas = { desc: area(layout.desc), driver: area(layout.driver), device: area(layout.device) };
    const ring = createDriverRing(packed, {
      memory: this.options.memory.host,
      num,
      ...areas,
      eventIdx: this.has(F_EVENT_IDX),
      inOrder: this.has(F_IN_ORDER),
    });
    const indirect = this.has(F_INDIRECT_DESC);
    const limit = indirect && packed ? TABLE_ELEMENTS : num;
    const tables: Area[] = [];
    const perTable = Math.min(limit, elements);
    if (indirect && perTable > 1) for (let i = 0; i < num; i++) tables.push(this.alloc(DESC_SIZE * perTable));
    const queue = new DriverQueue<T>(idx, ring, limit, tables, () => this.#kick(idx, ring));
    const error = virtio.setupQueue(idx, { num, ...areas, callback: () => queue.signal() });
    if (error < 0) this.fail('set-up', `queue ${idx} of ${num} was refused: ${error}`);
    if (!virtio.ops.getVqReady(idx)) this.fail('set-up', `queue ${idx} did not become ready`);
    if (watched) ring.armInterrupts();
    else ring.setInterrupts({ mode: 'disable' });
    this.queues.push(queue);
    return queue;
  }

  /** Step 8 of section 3.1.1: the device is live. Buffers may be in the queues already. */
  protected goLive(): void {
    this.virtio.onConfigChange(() => {
      this.configChanged = true;
    });
    this.virtio.addStatus(STATUS.DRIVER_OK);
    if ((this.virtio.ops.getStatus() & STATUS.DEVICE_NEEDS_RESET) !== 0)
      this.fail('needs-reset', 'the device needs a reset at DRIVER_OK');
    for (const queue of this.queues) queue.kickIfNeeded();
  }

  /** Let the device work. Returns whether it did anything. */
  protected work(budget = PUMP_BUDGET): boolean {
    return this.options.pump(budget) > 0;
  }

  /**
   * Let the device work until it has signalled `queue`. A driver that lives by notifications does not look
   * into the ring before.
   *
   * @throws DriverError `hang` or `needs-reset`
   */
  protected waitFor(queue: DriverQueue<unknown>): void {
    for (let i = 0; i < PATIENCE && !queue.signalled; i++) {
      if (this.work() || queue.signalled) continue;
      if ((this.virtio.ops.getStatus() & STATUS.DEVICE_NEEDS_RESET) !== 0)
        this.fail('needs-reset', `the device needs a reset; ${queue.ring.outstanding} buffers are lost`);
      this.fail(
        'hang',
        `queue ${queue.idx}: idle with ${queue.ring.outstanding} buffers, and no notification`,
      );
    }
    if (!queue.signalled) this.fail('hang', `queue ${queue.idx}: the device is busy for ever`);
  }

  /** Give the device up (section 2.1.1: FAILED). */
  protected fail(code: DriverErrorCode, message: string): never {
    this.virtio.addStatus(STATUS.FAILED);
    throw new DriverError(code, message);
  }

  /** Kick, with notification data where negotiated (section 2.7.23). */
  #kick(idx: number, ring: DriverRing): void {
    const { ops } = this.virtio;
    if (this.has(F_NOTIFICATION_DATA)) ops.kickVqWithData!((ring.notificationData() | idx) >>> 0);
    else ops.kickVq(idx);
  }
}
