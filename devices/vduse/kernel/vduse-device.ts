import {
  ERRNO,
  type IotlbEntry,
  type Iova,
  type VdpaCallback,
  type VdpaConfigOps,
  type VdpaDevice,
  type VqState,
} from '../../../framework/device.ts';
import type { DevicePort } from '../../../framework/memory/host-memory.ts';
import { Iotlb } from '../../../framework/memory/iotlb.ts';
import type { DeviceBacking } from '../../../framework/parent.ts';
import { F_ACCESS_PLATFORM, F_RING_PACKED, F_VERSION_1 } from '../../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import { CELL, GIVEN, MOST_QUEUES, pageOf } from '../channel.ts';
import type { Command } from '../daemon/main.ts';
import { ALL, CREATE, INFO, IOCTL, MESSAGE } from '../protocol.ts';
import { VduseNode } from './vduse-node.ts';
import { VduseQueue } from './vduse-queue.ts';

/** CONFIG_WCE of a block device: VDUSE has no means for it. */
const BLK_CONFIG_WCE = 1n << 11n;
/** CTRL_VQ of a network device: the kernel wants no control queue in a daemon. */
const NET_CTRL_VQ = 1n << 17n;
/** Where the carrier shows in the configuration of a network device (section 5.1.4). */
const LINK_AT = 6;
const DEVICE_ID = { NET: 1, BLK: 2 } as const;
/** vhost backend feature: queues may be made ready after DRIVER_OK. */
const ENABLE_AFTER_DRIVER_OK = 1n << 6n;

/** What a device is made with. */
export interface VduseSetup {
  readonly type: 'net' | 'blk';
  /** Options of the target; the daemon reads them as well. */
  readonly options: Readonly<Record<string, string>>;
  /** Milliseconds that an answer may take. */
  readonly timeout: number;
  readonly controlQueue?: boolean;
}

/**
 * The kernel's side of a VDUSE device: the vDPA contract, said to a daemon in messages. It speaks API version 1 with
 * the queue-ready and suspend messages.
 */
export class VduseDevice implements VdpaDevice, VdpaConfigOps {
  readonly name = 'vdpa0';
  readonly ngroups = 1;
  readonly nas = 1;
  readonly node: VduseNode;
  readonly queues: VduseQueue[] = [];
  #deviceId = 0;
  #vendorId = 0;
  #features = 0n;
  #align = 0;
  #config = new Uint8Array(0);
  #driverFeatures = 0n;
  #status = 0;
  #generation = 0;
  #suspended = false;
  #freed = false;
  #configCallback: (() => void) | null = null;

  /** The kernel is one that lets a network device have a control queue. */
  readonly #controlQueue: boolean;

  /** @throws Error when the daemon of `setup` creates no device */
  constructor(port: DevicePort, { type, options, timeout, controlQueue }: VduseSetup) {
    this.#controlQueue = controlQueue ?? false;
    this.node = new VduseNode(port, timeout, (request, area, length) => this.#ioctl(request, area, length));
    this.node.command({ do: 'create', type, options });
    if (this.queues.length > 0 && this.queues.every(({ numMax }) => numMax > 0)) return;
    this.node.break('late');
    this.node.close();
    throw new Error('the VDUSE daemon created no device');
  }

  get ops(): VdpaConfigOps {
    return this;
  }
  get nvqs(): number {
    return this.queues.length;
  }

  // ── ioctls of the daemon ──────────────────────────────────────────────────────────────────────
  #ioctl(request: number, area: DataView, length: number): number {
    if (request === IOCTL.CREATE_DEV) return this.#create(area, length);
    if (request === IOCTL.DEV_GET_FEATURES) {
      area.setBigUint64(0, this.#driverFeatures, true);
      return 0;
    }
    if (request === IOCTL.DEV_SET_CONFIG) return this.storeConfig(area);
    const queue = this.queues[area.getUint32(0, true)];
    if (queue === undefined) return -ERRNO.EINVAL;
    if (request === IOCTL.VQ_SETUP) queue.numMax = area.getUint16(4, true);
    else if (request === IOCTL.VQ_GET_INFO) this.describe(queue, area);
    else if (request === IOCTL.VQ_SETUP_KICKFD) queue.kickable = area.getInt32(4, true) >= 0;
    else return -ERRNO.ENOTTY;
    return 0;
  }

  #create(area: DataView, length: number): number {
    const features = area.getBigUint64(CREATE.FEATURES, true);
    const nvqs = area.getUint32(CREATE.VQ_NUM, true);
    const size = area.getUint32(CREATE.CONFIG_SIZE, true);
    const align = area.getUint32(CREATE.VQ_ALIGN, true);
    if (this.queues.length > 0) return -ERRNO.EEXIST;
    if (area.getUint8(CREATE.NAME) === 0) return -ERRNO.EINVAL;
    if (!this.#allows(area.getUint32(CREATE.DEVICE, true), features)) return -ERRNO.EINVAL;
    if (nvqs > MOST_QUEUES || align < 4 || align > 4096 || (align & (align - 1)) !== 0) return -ERRNO.EINVAL;
    if (area.getUint32(CREATE.NGROUPS, true) !== 1 || area.getUint32(CREATE.NAS, true) !== 1)
      return -ERRNO.EINVAL;
    if (size > 4096 || CREATE.CONFIG + size !== length) return -ERRNO.EINVAL;
    this.#deviceId = area.getUint32(CREATE.DEVICE, true);
    this.#vendorId = area.getUint32(CREATE.VENDOR, true);
    this.#features = features;
    this.#align = align;
    this.#config = Uint8Array.from({ length: size }, (_, i) => area.getUint8(CREATE.CONFIG + i));
    for (let i = 0; i < nvqs; i++) this.queues.push(new VduseQueue());
    return 0;
  }

  /** Which devices the kernel lets be: block without CONFIG_WCE, net with VERSION_1 and no control queue. */
  #allows(deviceId: number, features: bigint): boolean {
    if ((features & F_ACCESS_PLATFORM) === 0n) return false;
    if (deviceId === DEVICE_ID.BLK) return (features & BLK_CONFIG_WCE) === 0n;
    if (deviceId !== DEVICE_ID.NET || (features & F_VERSION_1) === 0n) return false;
    return (features & NET_CTRL_VQ) === 0n || this.#controlQueue;
  }

  /** DEV_SET_CONFIG: also before DRIVER_OK; only the interrupt is bound to it. */
  storeConfig(area: DataView): number {
    const offset = area.getUint32(0, true);
    const length = area.getUint32(4, true);
    if (length === 0 || offset + length > this.#config.length) return -ERRNO.EINVAL;
    for (let i = 0; i < length; i++) this.#config[offset + i] = area.getUint8(8 + i);
    this.#generation++;
    return 0;
  }

  /** VQ_GET_INFO: all that the driver said of a queue. */
  describe({ num, desc, driver, device, state, ready }: VduseQueue, area: DataView): void {
    area.setUint32(INFO.NUM, num, true);
    area.setBigUint64(INFO.DESC, BigInt(desc), true);
    area.setBigUint64(INFO.DRIVER, BigInt(driver), true);
    area.setBigUint64(INFO.DEVICE, BigInt(device), true);
    const { lastAvailCounter, lastAvailIdx, lastUsedCounter, lastUsedIdx } = state.packed;
    const words = this.#packed
      ? [lastAvailCounter, lastAvailIdx, lastUsedCounter, lastUsedIdx]
      : [state.split.availIndex, 0, 0, 0];
    words.forEach((word, i) => {
      area.setUint16(INFO.STATE + 2 * i, word, true);
    });
    area.setUint8(INFO.READY, ready ? 1 : 0);
  }

  // ── queues ────────────────────────────────────────────────────────────────────────────────────
  get #packed(): boolean {
    return (this.#driverFeatures & F_RING_PACKED) !== 0n;
  }
  get #driverOk(): boolean {
    return (this.#status & STATUS.DRIVER_OK) !== 0;
  }
  /** Whether the daemon serves `queue`. */
  #runs(queue: VduseQueue): boolean {
    return queue.ready && this.#driverOk && !this.#suspended;
  }

  setVqAddress(idx: number, desc: Iova, driver: Iova, device: Iova): number {
    const queue = this.queues[idx];
    const fits = desc % 16 === 0 && driver % (this.#packed ? 4 : 2) === 0 && device % 4 === 0;
    if (queue === undefined || !fits) return -ERRNO.EINVAL;
    Object.assign(queue, { desc, driver, device, addressSet: true });
    return 0;
  }
  setVqNum(idx: number, num: number): void {
    const queue = this.queues[idx];
    if (queue !== undefined) queue.num = num;
  }
  setVqCb(idx: number, cb: VdpaCallback): void {
    this.queues[idx]?.setCallback(cb);
  }
  /** The eventfd is signalled for a queue that is ready; without one the kick is lost only if nothing runs. */
  kickVq(idx: number): void {
    const queue = this.queues[idx];
    if (!this.#freed && queue?.kickable && this.#runs(queue))
      Atomics.store(this.node.cells, CELL.KICK + idx, 1);
  }
  /** SET_VQ_READY; a daemon that cannot makes the device broken. */
  setVqReady(idx: number, ready: boolean): void {
    const queue = this.queues[idx];
    if (queue === undefined || queue.ready === ready || (ready && this.#driverOk && !this.#startable(queue)))
      return;
    queue.ready = ready;
    const answer = this.node.request(MESSAGE.SET_VQ_READY, (payload) => {
      payload.setUint32(0, idx, true);
      payload.setUint32(4, ready ? 1 : 0, true);
    });
    if (answer === null) {
      queue.ready = false;
      this.node.break('late');
    } else if (!ready && this.#driverOk) this.pull(idx, queue);
    this.deliver();
  }
  getVqReady(idx: number): boolean {
    return this.queues[idx]?.ready ?? false;
  }
  #startable({ addressSet, num, numMax, driver }: VduseQueue): boolean {
    if (!addressSet || !Number.isInteger(num) || num < 1 || num > numMax) return false;
    return this.#packed ? driver % 4 === 0 : (num & (num - 1)) === 0;
  }

  /** Not while the queue runs. Only what the ring's format knows is taken. */
  setVqState(idx: number, { split, packed }: VqState): number {
    const queue = this.queues[idx];
    if (queue === undefined || this.#runs(queue)) return -ERRNO.EINVAL;
    const below = (value: number, limit: number) => Number.isInteger(value) && value >= 0 && value < limit;
    const num = queue.num === 0 ? queue.numMax : queue.num;
    const fits = this.#packed
      ? below(packed.lastAvailIdx, num) &&
        below(packed.lastUsedIdx, num) &&
        below(packed.lastAvailCounter, 2) &&
        below(packed.lastUsedCounter, 2)
      : below(split.availIndex, 0x1_0000);
    if (!fits) return -ERRNO.EINVAL;
    queue.state = { split: { ...split }, packed: { ...packed } };
    return 0;
  }
  /** GET_VQ_STATE for a queue that runs; what the driver set, or the daemon told when it stopped, for others. */
  getVqState(idx: number, state: VqState): number {
    const queue = this.queues[idx];
    if (queue === undefined) return -ERRNO.EINVAL;
    if (this.node.broken !== undefined) return -ERRNO.EIO;
    if (this.#runs(queue) && !this.pull(idx, queue)) return -ERRNO.EIO;
    Object.assign(state.split, queue.state.split);
    Object.assign(state.packed, queue.state.packed);
    return 0;
  }
  /** Take over the position that the daemon tells. */
  pull(idx: number, queue: VduseQueue): boolean {
    const told = this.node.request(MESSAGE.GET_VQ_STATE, (payload) => payload.setUint32(0, idx, true), true);
    if (told === null) return false;
    const word = (i: number) => told.getUint16(4 + 2 * i, true);
    const { packed } = queue.state;
    if (!this.#packed) queue.state = { split: { availIndex: word(0) }, packed };
    else
      queue.state = {
        split: queue.state.split,
        packed: {
          lastAvailCounter: word(0) & 1,
          lastAvailIdx: word(1) & 0x7fff,
          lastUsedCounter: word(2) & 1,
          lastUsedIdx: word(3) & 0x7fff,
        },
      };
    return true;
  }
  getVqSize(idx: number): number {
    const queue = this.queues[idx];
    if (queue === undefined) return 0;
    return this.#runs(queue) ? queue.num : this.getVqNumMax();
  }
  getVqNumMax(): number {
    const max = Math.max(...this.queues.map(({ numMax }) => numMax));
    return this.#packed ? max : 2 ** Math.floor(Math.log2(max));
  }
  getVqAlign(): number {
    return this.#align;
  }
  getVqGroup(_idx: number): number {
    return 0;
  }

  // ── device ────────────────────────────────────────────────────────────────────────────────────
  getDeviceId(): number {
    return this.#deviceId;
  }
  getVendorId(): number {
    return this.#vendorId;
  }
  getDeviceFeatures(): bigint {
    return this.#features;
  }
  getBackendFeatures(): bigint {
    return ENABLE_AFTER_DRIVER_OK;
  }
  /** Any value is stored; the daemon judges it when FEATURES_OK is set. */
  setDriverFeatures(features: bigint): number {
    if ((this.#status & STATUS.FEATURES_OK) !== 0) return -ERRNO.EBUSY;
    this.#driverFeatures = features;
    return 0;
  }
  getDriverFeatures(): bigint {
    return this.#driverFeatures;
  }
  getStatus(): number {
    return this.#status;
  }

  /** SET_STATUS with the bits that the driver adds; what the daemon refuses of them is left out, and the rest said again. */
  setStatus(status: number): void {
    if (status === 0) {
      this.reset();
      return;
    }
    let next = this.#status | (status & 0xff & ~STATUS.DEVICE_NEEDS_RESET);
    const starts = (next & ~this.#status & STATUS.DRIVER_OK) !== 0;
    if (starts && !this.queues.every((queue) => !queue.ready || this.#startable(queue)))
      next &= ~STATUS.DRIVER_OK;
    if (next !== this.#status && !this.tellStatus(next)) {
      // Features, or a start without them: neither bit appears, the others do.
      next = this.#status | (next & ~(STATUS.FEATURES_OK | STATUS.DRIVER_OK));
      if (next !== this.#status) this.tellStatus(next);
    }
    this.deliver();
  }
  /** SET_STATUS. Returns whether the daemon took it. */
  tellStatus(status: number): boolean {
    const blind = (status & STATUS.DRIVER_OK) === 0;
    if (this.node.request(MESSAGE.SET_STATUS, (payload) => payload.setUint8(0, status), blind) === null)
      return false;
    this.#status = status;
    return true;
  }

  /** SET_STATUS 0; what the kernel keeps is reset whatever the daemon says. */
  reset(): number {
    // The daemon and its cells may serve another device by now.
    if (this.#freed) return 0;
    this.#status = 0;
    this.#driverFeatures = 0n;
    this.#suspended = false;
    this.#configCallback = null;
    for (const queue of this.queues) queue.reset();
    this.node.cells.fill(0, CELL.KICK);
    this.node.cells[CELL.BUSY] = 0;
    const answer = this.node.request(MESSAGE.SET_STATUS, (payload) => payload.setUint8(0, 0), true);
    this.node.dropInterrupts();
    return answer === null ? -ERRNO.EIO : 0;
  }

  /** SUSPEND. There is no way back but a reset. */
  suspend(): number {
    if (this.#suspended) return 0;
    if (this.node.request(MESSAGE.SUSPEND) === null) return -ERRNO.EIO;
    for (const [idx, queue] of this.queues.entries()) if (this.#runs(queue)) this.pull(idx, queue);
    this.deliver();
    this.#suspended = true;
    return 0;
  }

  // ── configuration ─────────────────────────────────────────────────────────────────────────────
  setConfigCb(cb: VdpaCallback): void {
    this.#configCallback = cb.callback === null ? null : (cb.trigger ?? cb.callback);
  }
  getConfigSize(): number {
    return this.#config.length;
  }
  getConfig(offset: number, buf: Uint8Array): void {
    if (offset < 0 || offset >= this.#config.length) return;
    buf.set(this.#config.subarray(offset, Math.min(this.#config.length, offset + buf.length)));
  }
  /** Ignored: a daemon is not told of writes. */
  setConfig(_offset: number, _buf: Uint8Array): void {}
  getGeneration(): number {
    return this.#generation;
  }

  // ── mappings ──────────────────────────────────────────────────────────────────────────────────
  /** UPDATE_IOTLB for everything; on failure nothing is mapped. */
  setMap(asid: number, table: readonly IotlbEntry[]): number {
    if (asid !== 0) return -ERRNO.EINVAL;
    const good = table.every(({ iova, size, addr, perm }) => iova >= 0 && size > 0 && addr >= 0 && perm >= 1);
    const fits = good && new Iotlb().replace(table);
    this.node.setTable(fits ? table.map((entry) => ({ ...entry })).sort((a, b) => a.iova - b.iova) : []);
    const told = this.node.request(MESSAGE.UPDATE_IOTLB, (payload) => {
      payload.setBigUint64(0, 0n, true);
      payload.setBigUint64(8, ALL, true);
    });
    if (told === null) {
      this.node.setTable([]);
      return -ERRNO.EIO;
    }
    this.node.cells[CELL.BUSY] = 1;
    return fits ? 0 : -ERRNO.EINVAL;
  }
  resetMap(asid: number): number {
    return this.setMap(asid, []);
  }

  // ── time ──────────────────────────────────────────────────────────────────────────────────────
  /** Let the daemon work on at most `budget` requests. */
  pump(budget: number): number {
    if (this.#freed) return 0;
    let done = 0;
    while (done < budget && this.#driverOk && !this.#suspended && this.#wanted()) {
      const units = this.node.work(budget - done);
      this.deliver();
      if (units === 0) break;
      done += units;
    }
    this.node.check();
    return done;
  }
  /** Whether the daemon was kicked, or has work left. */
  #wanted(): boolean {
    const { cells } = this.node;
    return cells[CELL.BUSY] !== 0 || this.queues.some((_, idx) => cells[CELL.KICK + idx] !== 0);
  }

  /** Carry out a command of the daemon's own control. */
  command(command: Command, bytes?: Uint8Array): void {
    this.node.command(command, bytes);
    this.deliver();
  }

  // ── what lies behind ──────────────────────────────────────────────────────────────────────────
  /** What the daemon gives away, and the fields of the configuration that are its own. */
  backing(): DeviceBacking {
    this.command({ do: 'hand-over' });
    const { sent } = this.node;
    const given = sent.filter(({ queue = 0 }) => queue >= GIVEN.FRAME);
    sent.splice(0, sent.length, ...sent.filter(({ queue = 0 }) => queue < GIVEN.FRAME));
    const of = (queue: number) => given.filter((one) => one.queue === queue);
    const pages = (queue: number) => of(queue).map(({ bytes }) => pageOf(bytes));
    if (this.#deviceId === DEVICE_ID.NET) {
      const frames = of(GIVEN.FRAME).map(({ bytes, meta }) => ({ bytes, meta }));
      return { config: [[LINK_AT, Uint8Array.of(this.#config[LINK_AT] & 1)]], frames };
    }
    const disk = { stable: pages(GIVEN.STABLE), cache: pages(GIVEN.CACHE) };
    return { config: [[0, this.#config.slice(0, 8)]], disk };
  }

  adopt({ disk, config }: DeviceBacking): void {
    for (const kind of ['stable', 'cache'] as const)
      for (const [number, page] of disk?.[kind] ?? [])
        this.command({ do: 'page', number, stable: kind === 'stable', length: page.length }, page);
    for (const [offset, bytes] of config) {
      if (this.#deviceId === DEVICE_ID.NET) this.command({ do: 'link', up: (bytes[0] & 1) !== 0 });
      else this.command({ do: 'config', offset, bytes: [...bytes] });
    }
  }

  /** Call the driver for the interrupts that were injected; none before DRIVER_OK, no configuration change while suspended. */
  deliver(): void {
    for (let idx = this.node.nextInterrupt(); idx !== undefined; idx = this.node.nextInterrupt()) {
      if (!this.#driverOk) continue;
      if (idx < 0 && this.#suspended) continue;
      if (idx < 0) this.#configCallback?.();
      else this.queues[idx]?.callback?.();
    }
  }

  free(): void {
    if (this.#freed) return;
    this.reset();
    this.#freed = true;
    this.node.setTable([]);
    this.node.close();
  }
}
