/**
 * A parent of your own: a block device with one queue, in memory, written from the contract alone.
 *
 *     npx vdpa-cts run --target ./examples/my-parent.ts
 *
 * Read it from top to bottom; README.md beside it goes through the same steps. A driver for real hardware has
 * the same shape: its ops write registers, and there is no `pump`, because the hardware works by itself.
 */
import {
  BLK_F,
  createDeviceRing,
  type DeviceBuffer,
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
  PERM,
  type Perm,
  RingError,
  readableBytes,
  SPLIT_ALIGN,
  STATUS,
  type VdpaCallback,
  type VdpaConfigOps,
  type VdpaDevice,
  type VqState,
  writableBytes,
} from 'vdpa-cts';

const SECTOR = 512;
const QUEUE_MAX = 128;
/** What the device offers (sections 5.2.3 and 6). Offer only what you serve: every bit brings cases with it. */
const OFFERED = F_VERSION_1 | F_ACCESS_PLATFORM | F_RING_PACKED | F_EVENT_IDX | F_INDIRECT_DESC | BLK_F.FLUSH;

/** What it does not do without (section 6.2). */
const REQUIRED = F_VERSION_1 | F_ACCESS_PLATFORM;

/** Request types and status (section 5.2.6). */
const T = { IN: 0, OUT: 1, FLUSH: 4, GET_ID: 8 };
const S = { OK: 0, IOERR: 1, UNSUPP: 2 };

// Step 1: the parent is what a module exports. `create` makes one device, fresh, for every case.
export const parent = defineParent({
  name: 'my-disk',
  deviceType: 'blk',
  description: 'a small block device in memory: the example for vendors',
  options: [{ name: 'sectors', description: 'size of the disk', default: '256' }],
  create({ port, options }) {
    const sectors = Number(options.sectors ?? 256);
    if (!(Number.isInteger(sectors) && sectors > 0))
      throw new RangeError(`sectors=${options.sectors}: no size`);
    const disk = new MyDisk(port, sectors);
    return {
      device: disk,
      // Step 2: say what can be seen and done beyond the contract; cases that need more are skipped.
      abilities: ['pump', 'track', 'rtrack', 'perm-map', 'vq-state', 'drvfeat', 'not-pci'],
      facts: { capacity: disk.sectors },
      pump: (budget) => disk.pump(budget),
    };
  },
});

class MyDisk implements VdpaDevice, VdpaConfigOps {
  readonly name = 'vdpa0';
  readonly nvqs = 1;
  readonly ngroups = 1;
  readonly nas = 1;
  readonly sectors: number;
  readonly #data: Uint8Array;
  readonly #config = new Uint8Array(60);
  /** Translation of what drivers put into rings, and access to memory through it. */
  readonly #mappings = new Iotlb();
  readonly #dma: DmaView;

  #status = 0;
  #features = 0n;
  #configCallback: (() => void) | null = null;
  #queue = freshQueue();
  #ring: DeviceRing | null = null;
  /** Whether to look at the queue: because the driver kicked, or on the device's own account. */
  #wake: 'kicked' | 'own' | null = null;

  constructor(port: DevicePort, sectors: number) {
    this.sectors = sectors;
    this.#data = new Uint8Array(sectors * SECTOR);
    this.#dma = new DmaView(port, this.#mappings);
    // `capacity`, little-endian; the fields of features that are not offered stay 0 (section 5.2.4).
    new DataView(this.#config.buffer).setBigUint64(0, BigInt(sectors), true);
  }

  get ops(): VdpaConfigOps {
    return this;
  }

  // Step 3: who the device is.
  getDeviceId = () => deviceId('blk');
  getVendorId = () => 0x1af4;
  getVqNumMax = () => QUEUE_MAX;
  getVqAlign = () => SPLIT_ALIGN.desc;
  getIovaRange = () => ({ first: 0, last: 2 ** 52 - 1 });
  getConfigSize = () => this.#config.length;
  /** What lies beyond the end stays as it is in `buf`. */
  getConfig(offset: number, buf: Uint8Array): void {
    buf.set(this.#config.subarray(offset, offset + buf.length));
  }
  /** No field is writable (section 5.2.4: only `writeback`, with a feature that is not offered). */
  setConfig(): void {}
  setConfigCb(cb: VdpaCallback): void {
    this.#configCallback = notifier(cb);
  }

  // Step 4: features and status (sections 2.1 and 2.2).
  getDeviceFeatures = () => OFFERED;
  getDriverFeatures = () => this.#features;
  setDriverFeatures(features: bigint): number {
    if ((this.#status & STATUS.FEATURES_OK) !== 0) return -ERRNO.EBUSY;
    if ((features & ~OFFERED) !== 0n) return -ERRNO.EINVAL;
    this.#features = features;
    return 0;
  }
  getStatus = () => this.#status;
  /** Bits only get set. FEATURES_OK stays clear if the features do not do, DRIVER_OK if FEATURES_OK is. */
  setStatus(status: number): void {
    let bits = this.#status | (status & ~STATUS.DEVICE_NEEDS_RESET);
    if ((this.#features & REQUIRED) !== REQUIRED) bits &= ~STATUS.FEATURES_OK;
    if ((bits & STATUS.FEATURES_OK) === 0) bits &= ~STATUS.DRIVER_OK;
    const goesLive = (bits & ~this.#status & STATUS.DRIVER_OK) !== 0;
    this.#status = bits;
    if (goesLive && this.#queue.ready && !this.#start()) this.#needsReset();
  }
  /** Back to the beginning. Mappings stay, and so does what is on the disk. */
  reset(): number {
    this.#status = 0;
    this.#features = 0n;
    this.#configCallback = null;
    this.#queue = freshQueue();
    this.#ring = null;
    this.#wake = null;
    return 0;
  }
  /** An error that only a reset clears (section 2.1.2): stop, and tell the driver. */
  #needsReset(): void {
    this.#status |= STATUS.DEVICE_NEEDS_RESET;
    this.#ring = null;
    this.#configCallback?.();
  }

  // Step 5: mappings. They may come and go at any time.
  dmaMap(asid: number, iova: Iova, size: number, addr: number, perm: Perm): number {
    if (asid !== 0 || !(iova >= 0 && size > 0 && iova + size <= 2 ** 52)) return -ERRNO.EINVAL;
    if (!this.#mappings.map({ iova, size, addr, perm })) return -ERRNO.EEXIST;
    this.#wake ??= 'own';
    return 0;
  }
  dmaUnmap(asid: number, iova: Iova, size: number): number {
    if (asid !== 0) return -ERRNO.EINVAL;
    this.#mappings.unmap(iova, size);
    return 0;
  }

  // Step 6: the queue. What the driver stores takes effect when the queue starts.
  setVqAddress(idx: number, descArea: Iova, driverArea: Iova, deviceArea: Iova): number {
    const driverAlign = this.#has(F_RING_PACKED) ? PACKED_ALIGN.driver : SPLIT_ALIGN.avail;
    const aligned =
      descArea % SPLIT_ALIGN.desc === 0 &&
      driverArea % driverAlign === 0 &&
      deviceArea % SPLIT_ALIGN.used === 0;
    if (idx !== 0 || !aligned) return -ERRNO.EINVAL;
    Object.assign(this.#queue, { descArea, driverArea, deviceArea, addressSet: true });
    return 0;
  }
  setVqNum(idx: number, num: number): void {
    if (idx === 0) this.#queue.num = num;
  }
  setVqCb(idx: number, cb: VdpaCallback): void {
    if (idx === 0) this.#queue.notify = notifier(cb);
  }
  /** Live from DRIVER_OK on; when it is stopped, the queue remembers where it stood. */
  setVqReady(idx: number, ready: boolean): void {
    if (idx !== 0 || ready === this.#queue.ready) return;
    if (!ready && this.#ring !== null) {
      this.#queue.position = this.#ring.state();
      this.#ring = null;
    }
    const running = STATUS.DRIVER_OK | STATUS.DEVICE_NEEDS_RESET;
    const live = (this.#status & running) === STATUS.DRIVER_OK;
    this.#queue.ready = ready && (!live || this.#start());
  }
  getVqReady = (idx: number) => idx === 0 && this.#queue.ready;
  setVqState(idx: number, state: VqState): number {
    if (idx !== 0 || this.#ring !== null) return -ERRNO.EINVAL;
    this.#queue.position = { split: { ...state.split }, packed: { ...state.packed } };
    return 0;
  }
  getVqState(idx: number, state: VqState): number {
    if (idx !== 0) return -ERRNO.EINVAL;
    const { split, packed } = this.#ring?.state() ?? this.#queue.position;
    Object.assign(state, { split: { ...split }, packed: { ...packed } });
    return 0;
  }
  kickVq(idx: number): void {
    if (idx === 0 && this.#ring !== null) this.#wake = 'kicked';
  }

  /** Start the queue where it stands. False when its parameters cannot be right (sections 2.6 and 2.7). */
  #start(): boolean {
    const { num, addressSet, descArea, driverArea, deviceArea, position } = this.#queue;
    const packed = this.#has(F_RING_PACKED);
    if (!addressSet || !(num >= 1 && num <= QUEUE_MAX) || (!packed && (num & (num - 1)) !== 0)) return false;
    const config = {
      ...{ num, descArea, driverArea, deviceArea },
      eventIdx: this.#has(F_EVENT_IDX),
      indirect: this.#has(F_INDIRECT_DESC),
      inOrder: false,
    };
    this.#ring = createDeviceRing(packed, this.#dma, this.#dma, config, position);
    this.#wake = 'own'; // buffers may be waiting already
    return true;
  }
  #has(feature: bigint): boolean {
    return (this.#features & feature) === feature;
  }

  // Step 7: the work. At most `budget` requests, then return how many there were; 0 is idle.
  pump(budget: number): number {
    let done = 0;
    while (done < budget && this.#wake !== null && this.#ring !== null && this.#serve(this.#ring)) done++;
    return done;
  }
  /** One request. A ring that makes no sense, or cannot be reached, is an error that only a reset clears. */
  #serve(ring: DeviceRing): boolean {
    // The driver has not kicked yet: its rings may not even be mapped.
    if (this.#wake === 'own' && !this.#ringMapped()) {
      this.#wake = null;
      return false;
    }
    try {
      const buffer = ring.pop();
      if (buffer === null) {
        // Idle: ask for a kick, and look once more, because one may just have been missed.
        if (!ring.enableKicks()) this.#wake = null;
        return this.#wake !== null;
      }
      ring.push(buffer, this.#request(buffer));
      ring.publish();
      if (ring.needsNotification()) this.#queue.notify?.();
      return true;
    } catch (error) {
      if (!(error instanceof RingError)) throw error;
      this.#needsReset();
      return false;
    }
  }
  #ringMapped(): boolean {
    const { descArea, driverArea, deviceArea } = this.#queue;
    return (
      this.#dma.permits(descArea, 16, this.#has(F_RING_PACKED) ? PERM.RW : PERM.RO) &&
      this.#dma.permits(driverArea, 4, PERM.RO) &&
      this.#dma.permits(deviceArea, 4, PERM.WO)
    );
  }

  // Step 8: requests (section 5.2.6), however the driver cut them into descriptors (section 2.6.4).
  /** Carry out one request. Returns the used length: bytes stored from the first writable one on. */
  #request(buffer: DeviceBuffer): number {
    const room = writableBytes(buffer) - 1;
    if (room < 0) return 0; // no place even for the status
    const answer = new Uint8Array(Math.min(room, this.#data.length) + 1);
    const last = answer.length - 1;
    const run = () => {
      answer[last] = this.#command(buffer, room, answer);
    };
    if (!inReach(run)) answer[last] = S.IOERR;
    if (last === room && inReach(() => this.#store(buffer, 0, answer))) return answer.length;
    // There is no way to store all of it: at least the status, at the very end, and it is not OK.
    inReach(() => this.#store(buffer, room, Uint8Array.of(answer[last] || S.IOERR)));
    return 0;
  }
  /** The command itself: fills `answer`, which has `room` bytes before the status, and returns the status. */
  #command(buffer: DeviceBuffer, room: number, answer: Uint8Array): number {
    const header = new Uint8Array(16);
    if (this.#load(buffer, 0, header) < header.length) return S.IOERR;
    const view = new DataView(header.buffer);
    const at = Number(view.getBigUint64(8, true)) * SECTOR;
    const out = readableBytes(buffer) - header.length;
    const fits = (length: number) => length % SECTOR === 0 && at + length <= this.#data.length;
    switch (view.getUint32(0, true)) {
      case T.IN:
        if (!fits(room)) return S.IOERR;
        answer.set(this.#data.subarray(at, at + room));
        return S.OK;
      case T.OUT:
        if (!fits(out)) return S.IOERR;
        this.#load(buffer, header.length, this.#data.subarray(at, at + out));
        return S.OK;
      case T.FLUSH: // every write is stable when it completes
        return this.#has(BLK_F.FLUSH) ? S.OK : S.UNSUPP;
      case T.GET_ID:
        answer.set(new TextEncoder().encode('my-disk').subarray(0, Math.min(room, 20)));
        return S.OK;
      default:
        return S.UNSUPP;
    }
  }
  #load(buffer: DeviceBuffer, offset: number, into: Uint8Array): number {
    return this.#copy(buffer, 0, buffer.readable, offset, into, false);
  }
  #store(buffer: DeviceBuffer, offset: number, from: Uint8Array): number {
    return this.#copy(buffer, buffer.readable, buffer.readable + buffer.writable, offset, from, true);
  }
  /** Copy `bytes` from or to elements `first` to `end`, taken as one stretch of bytes, from `offset` on. */
  #copy(
    { addr, len }: DeviceBuffer,
    first: number,
    end: number,
    offset: number,
    bytes: Uint8Array,
    out: boolean,
  ) {
    let done = 0;
    for (let i = first; i < end && done < bytes.length; i++) {
      const size = Math.min(len[i] - offset, bytes.length - done);
      if (size > 0) {
        if (out) this.#dma.store(addr[i] + offset, bytes, done, size);
        else this.#dma.load(addr[i] + offset, size, bytes, done);
        done += size;
      }
      offset = Math.max(0, offset - len[i]);
    }
    return done;
  }
}

/** Do something with the driver's buffer. False if it is out of reach: not mapped, or not with that permission. */
function inReach(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (error instanceof DmaFault) return false;
    throw error;
  }
}

/** What a driver stores for a queue, as it is after a reset. */
function freshQueue() {
  return {
    ...{ num: 0, addressSet: false, descArea: 0, driverArea: 0, deviceArea: 0, ready: false },
    notify: null as (() => void) | null,
    position: initialVqState(),
  };
}

/** What to call for a notification; nothing if nobody listens. */
function notifier(cb: VdpaCallback): (() => void) | null {
  return cb.callback === null ? null : (cb.trigger ?? cb.callback);
}
