/**
 * The parent of the tutorial in `devices/README.md`: a source of random bytes (section 5.4), split and packed rings.
 *
 *     npx vdpa-cts run --target ./examples/vendor-parent.ts
 */
import {
  createDeviceRing,
  type DevicePort,
  type DeviceRing,
  DmaFault,
  DmaView,
  defineParent,
  deviceId,
  ERRNO,
  F_ACCESS_PLATFORM,
  F_EVENT_IDX,
  F_INDIRECT_DESC,
  F_RING_PACKED,
  F_VERSION_1,
  Iotlb,
  type Iova,
  initialVqState,
  PACKED_ALIGN,
  type Perm,
  RingError,
  SPLIT_ALIGN,
  STATUS,
  type VdpaCallback,
  type VdpaConfigOps,
  type VdpaDevice,
  type VqState,
} from 'vdpa-cts';

const OFFERED = F_VERSION_1 | F_ACCESS_PLATFORM | F_RING_PACKED | F_EVENT_IDX | F_INDIRECT_DESC;
const NEEDED = F_VERSION_1 | F_ACCESS_PLATFORM;
const QUEUE_MAX = 64;
/** Bytes for one buffer: a driver may ask for 4 GiB, and has to do with less (section 5.4.6.1). */
const MOST_BYTES = 4096;

// 1. What a module exports: how to make one device.
export const parent = defineParent({
  name: 'vendor-entropy',
  deviceType: 'entropy',
  description: 'the parent of the tutorial: random bytes from a seed',
  create({ port, seed }) {
    const device = new Entropy(port, seed);
    const abilities = ['pump', 'track', 'rtrack', 'perm-map', 'vq-state', 'drvfeat', 'not-pci'] as const;
    return { device, abilities, pump: (budget) => device.pump(budget) };
  },
});

const freshQueue = () => ({
  num: 0,
  areas: null as { descArea: Iova; driverArea: Iova; deviceArea: Iova } | null,
  position: initialVqState(),
  ready: false,
  kicked: false,
  notify: null as (() => void) | null,
});

class Entropy implements VdpaDevice, VdpaConfigOps {
  // 2. Who the device is.
  readonly name = 'vdpa0';
  readonly nvqs = 1;
  readonly ngroups = 1;
  readonly nas = 1;
  readonly ops: VdpaConfigOps = this;
  getDeviceId = () => deviceId('entropy');
  getVendorId = () => 0x1af4;
  getVqNumMax = () => QUEUE_MAX;
  getVqAlign = () => SPLIT_ALIGN.desc;
  getConfigSize = () => 0;
  getConfig = () => {};
  setConfig = () => {};
  setConfigCb = ({ callback, trigger }: VdpaCallback) => {
    this.#notifyConfig = callback && (trigger ?? callback);
  };

  #status = 0;
  #features = 0n;
  #queue = freshQueue();
  #ring: DeviceRing | null = null;
  #notifyConfig: (() => void) | null = null;
  #random: number;
  readonly #table = new Iotlb();
  readonly #dma: DmaView;
  constructor(port: DevicePort, seed: number) {
    this.#dma = new DmaView(port, this.#table);
    this.#random = seed | 1;
  }

  // 3. Features and status (sections 2.1 and 2.2).
  getDeviceFeatures = () => OFFERED;
  getDriverFeatures = () => this.#features;
  setDriverFeatures(features: bigint): number {
    if ((this.#status & STATUS.FEATURES_OK) !== 0) return -ERRNO.EBUSY;
    if ((features & ~OFFERED) !== 0n || (features !== 0n && (features & NEEDED) !== NEEDED))
      return -ERRNO.EINVAL;
    this.#features = features;
    return 0;
  }
  getStatus = () => this.#status;
  setStatus(status: number): void {
    let bits = this.#status | (status & ~STATUS.DEVICE_NEEDS_RESET);
    if ((this.#features & NEEDED) !== NEEDED) bits &= ~STATUS.FEATURES_OK;
    if ((bits & STATUS.FEATURES_OK) === 0) bits &= ~STATUS.DRIVER_OK;
    const starts = (bits & ~this.#status & STATUS.DRIVER_OK) !== 0;
    const failed = starts && this.#queue.ready && !this.#start();
    this.#status = failed ? bits & ~STATUS.DRIVER_OK : bits;
    if (failed) this.#fail();
  }
  reset(): number {
    this.#status = 0;
    this.#features = 0n;
    this.#queue = freshQueue();
    this.#ring = null;
    this.#notifyConfig = null;
    return 0;
  }
  #fail(): void {
    this.#status |= STATUS.DEVICE_NEEDS_RESET;
    this.#ring = null;
    this.#notifyConfig?.();
  }

  // 4. Mappings.
  setMap(asid: number, table: readonly { iova: Iova; size: number; addr: number; perm: Perm }[]): number {
    return asid === 0 && this.#table.replace(table) ? 0 : -ERRNO.EINVAL;
  }

  // 5. The queue: stored by the driver, started when it is ready and DRIVER_OK is set.
  setVqAddress(idx: number, descArea: Iova, driverArea: Iova, deviceArea: Iova): number {
    const driverAlign = this.#has(F_RING_PACKED) ? PACKED_ALIGN.driver : SPLIT_ALIGN.avail;
    const fits = descArea % SPLIT_ALIGN.desc === 0 && driverArea % driverAlign === 0 && deviceArea % 4 === 0;
    if (idx !== 0 || !fits) return -ERRNO.EINVAL;
    this.#queue.areas = { descArea, driverArea, deviceArea };
    return 0;
  }
  setVqNum(idx: number, num: number): void {
    if (idx === 0) this.#queue.num = num;
  }
  setVqCb(idx: number, { callback, trigger }: VdpaCallback): void {
    if (idx === 0) this.#queue.notify = callback && (trigger ?? callback);
  }
  getVqReady = (idx: number) => idx === 0 && this.#queue.ready;
  setVqReady(idx: number, ready: boolean): void {
    if (idx !== 0 || ready === this.#queue.ready) return;
    if (!ready && this.#ring !== null) this.#queue.position = this.#ring.state();
    if (!ready) this.#ring = null;
    const live = (this.#status & (STATUS.DRIVER_OK | STATUS.DEVICE_NEEDS_RESET)) === STATUS.DRIVER_OK;
    this.#queue.ready = ready && (!live || this.#start());
  }
  setVqState(idx: number, { split, packed }: VqState): number {
    if (idx !== 0 || this.#ring !== null) return -ERRNO.EINVAL;
    this.#queue.position = { split: { ...split }, packed: { ...packed } };
    return 0;
  }
  getVqState(idx: number, state: VqState): number {
    if (idx === 0) Object.assign(state, structuredClone(this.#ring?.state() ?? this.#queue.position));
    return idx === 0 ? 0 : -ERRNO.EINVAL;
  }
  kickVq(idx: number): void {
    if (idx === 0) this.#queue.kicked = this.#ring !== null;
  }
  #has = (feature: bigint) => (this.#features & feature) !== 0n;

  #start(): boolean {
    const { num, areas, position } = this.#queue;
    const packed = this.#has(F_RING_PACKED);
    if (areas === null || !(num >= 1 && num <= QUEUE_MAX) || (!packed && (num & (num - 1)) !== 0))
      return false;
    const features = {
      eventIdx: this.#has(F_EVENT_IDX),
      indirect: this.#has(F_INDIRECT_DESC),
      inOrder: false,
    };
    this.#ring = createDeviceRing(packed, this.#dma, this.#dma, { num, ...areas, ...features }, position);
    return true;
  }

  // 6. The work: at most `budget` buffers, then say how many; 0 is idle.
  pump(budget: number): number {
    let done = 0;
    while (done < budget && this.#queue.kicked && this.#ring !== null && this.#serve(this.#ring)) done++;
    return done;
  }
  #serve(ring: DeviceRing): boolean {
    try {
      const buffer = ring.pop();
      if (buffer === null) {
        this.#queue.kicked = ring.enableKicks(); // true: one came in meanwhile, look again
        return false;
      }
      let written = 0;
      for (let i = buffer.readable; i < buffer.readable + buffer.writable && written < MOST_BYTES; i++)
        written += this.#fill(buffer.addr[i], Math.min(buffer.len[i], MOST_BYTES - written));
      ring.push(buffer, written);
      ring.publish();
      if (ring.needsNotification()) this.#queue.notify?.();
      return true;
    } catch (error) {
      if (!(error instanceof RingError || error instanceof DmaFault)) throw error;
      this.#fail();
      return false;
    }
  }
  #fill(addr: Iova, length: number): number {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      this.#random = (Math.imul(this.#random, 1103515245) + 12345) | 0;
      bytes[i] = this.#random >>> 16;
    }
    this.#dma.store(addr, bytes);
    return length;
  }
}
