import { configField, readField } from '../../specs/virtio-1.1/config-space.ts';
import {
  bitMask,
  F_ACCESS_PLATFORM,
  F_EVENT_IDX,
  F_IN_ORDER,
  F_INDIRECT_DESC,
  F_NOTIFICATION_DATA,
  F_ORDER_PLATFORM,
  F_RING_PACKED,
  F_VERSION_1,
  unmetDependencies,
} from '../../specs/virtio-1.1/features.ts';
import { DESC_SIZE } from '../../specs/virtio-1.1/ring-layout.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { BoundDevice } from '../bound-device.ts';
import { GUARD, GuestMemory, type RamBlock, type Region } from '../memory/guest-memory.ts';
import type { AreaLayout } from '../virtqueue/driver/areas.ts';
import { layoutQueue } from '../virtqueue/driver/areas.ts';
import { createDriverRing } from '../virtqueue/driver/create.ts';
import type { Area, DriverRing, Element, UsedBuffer } from '../virtqueue/driver/ring.ts';

/** How a driver runs a device. */
export interface DriverOptions {
  /** Memory to work in; the device must have been created with a port of it. */
  readonly memory: GuestMemory;
  /**
   * Let the device do at most `budget` units of work, as `ParentInstance.pump`; 0 means idle. For a device
   * that runs by itself: wait a little and return 1, or 0 once patience is at an end.
   */
  readonly pump: (budget: number) => number;
  /** Descriptors per queue, within what the device allows (default 64). */
  readonly queueSize?: number;
  /** Accept VIRTIO_F_RING_PACKED (default false). */
  readonly packed?: boolean;
  /** Accept VIRTIO_F_EVENT_IDX (default true). */
  readonly eventIdx?: boolean;
  /** Accept VIRTIO_F_INDIRECT_DESC (default true). */
  readonly indirect?: boolean;
  /** Accept VIRTIO_F_IN_ORDER (default false). */
  readonly inOrder?: boolean;
  /** Accept VIRTIO_F_NOTIFICATION_DATA, if the parent has `kickVqWithData` (default false). */
  readonly notificationData?: boolean;
}

/** Why a driver gives up. */
export type DriverErrorCode =
  /** The reset did not end with status 0. */
  | 'reset'
  /** The device did not accept the features, or lacks one that the call needs. */
  | 'features'
  /** A queue or a mapping was refused, or the queue is too small for the driver's buffers. */
  | 'set-up'
  /** The device broke a rule: a used buffer that was never given, an impossible length. */
  | 'device'
  /** The device set DEVICE_NEEDS_RESET. */
  | 'needs-reset'
  /** The device is idle, or busy for ever, and has not answered. */
  | 'hang'
  /** The device refused a command (`ack` is not VIRTIO_NET_OK). */
  | 'refused';

/** A driver cannot go on with its device. */
export class DriverError extends Error {
  readonly code: DriverErrorCode;
  constructor(code: DriverErrorCode, message: string) {
    super(message);
    this.name = 'DriverError';
    this.code = code;
  }
}

/** A buffer that the device gave back: the caller's handle, and how many bytes it says it wrote. */
export interface Done<T> {
  readonly token: T;
  /** Undefined for a buffer that an IN_ORDER batch skipped: used in full (sections 2.6.9 and 2.7.8). */
  readonly length: number | undefined;
}

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

/** A virtqueue as drivers use it: buffers with handles, notifications both ways, suppression both ways. */
export class DriverQueue<T> {
  readonly idx: number;
  readonly ring: DriverRing;
  /** Most elements that a buffer can have. */
  readonly limit: number;
  /** The device has signalled since {@link collect} last began. */
  signalled = false;
  readonly #tables: Area[];
  readonly #kick: () => void;

  constructor(idx: number, ring: DriverRing, limit: number, tables: Area[], kick: () => void) {
    this.idx = idx;
    this.ring = ring;
    this.limit = limit;
    this.#tables = tables;
    this.#kick = kick;
  }

  /** The used buffer notification arrived. */
  signal(): void {
    this.signalled = true;
  }

  /**
   * Write a buffer into the ring, through an indirect table if there is one for it (sections 2.6.5.3 and
   * 2.7.7). False when there is no room now. The device sees it with {@link publish}.
   */
  add(elements: readonly Element[], token: T): boolean {
    const table = elements.length > 1 ? this.#tables.pop() : undefined;
    if (this.ring.free < (table === undefined ? elements.length : 1)) {
      if (table !== undefined) this.#tables.push(table);
      return false;
    }
    const handle: Handle<T> = { token, table };
    this.ring.add(elements, table === undefined ? { token: handle } : { token: handle, indirect: { table } });
    return true;
  }

  /** Make everything added available, and kick if the device wants that (sections 2.6.10 and 2.7.10). */
  publish(): void {
    this.ring.publish();
    this.kickIfNeeded();
  }

  kickIfNeeded(): void {
    if (this.ring.kickNeeded()) this.#kick();
  }

  /**
   * Take back what the device used: notifications off, until nothing is left, then on if `watch`, and one more
   * look for what came in between (section 5.1.6.4).
   *
   * @throws DriverError `device` for a used buffer that makes no sense
   */
  collect(watch = true): Done<T>[] {
    const done: Done<T>[] = [];
    for (;;) {
      this.signalled = false;
      this.ring.setInterrupts({ mode: 'disable' });
      for (let used = this.ring.poll(); used !== null; used = this.ring.poll())
        done.push(this.#release(used));
      if (!watch) return done;
      this.ring.armInterrupts();
      const late = this.ring.poll();
      if (late === null) return done;
      done.push(this.#release(late));
    }
  }

  #release(used: UsedBuffer): Done<T> {
    if (!used.known || used.fault !== undefined)
      throw new DriverError('device', `queue ${this.idx}: used buffer ${used.id} is wrong (${used.fault})`);
    const { token, table } = used.token as Handle<T>;
    if (table !== undefined) this.#tables.push(table);
    return { token, length: used.len };
  }
}

interface Handle<T> {
  readonly token: T;
  readonly table: Area | undefined;
}

/** Features of section 6 that a driver accepts, whatever the device type. */
function commonFeatures(virtio: BoundDevice, options: DriverOptions): bigint {
  let features = F_VERSION_1 | F_ACCESS_PLATFORM | F_ORDER_PLATFORM;
  if (options.eventIdx ?? true) features |= F_EVENT_IDX;
  if (options.indirect ?? true) features |= F_INDIRECT_DESC;
  if (options.packed ?? false) features |= F_RING_PACKED;
  if (options.inOrder ?? false) features |= F_IN_ORDER;
  if (options.notificationData && virtio.ops.kickVqWithData !== undefined) features |= F_NOTIFICATION_DATA;
  return features;
}

/** `features` without those whose dependencies are not among them (section 2.2.1). */
function withoutOrphans(features: bigint, type: 'net' | 'blk'): bigint {
  for (;;) {
    const open = unmetDependencies(features, type);
    if (open.length === 0) return features;
    features &= ~bitMask(open.map(({ feature }) => feature));
  }
}
