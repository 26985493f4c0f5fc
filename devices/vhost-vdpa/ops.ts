import {
  ERRNO,
  type IotlbEntry,
  type Iova,
  type Perm,
  type VdpaCallback,
  type VdpaConfigOps,
  type VdpaIovaRange,
  type VqState,
} from '../../framework/device.ts';
import { NoMeans } from '../../framework/parent.ts';
import type { RingFormat, VhostVdpaClient } from '../../framework/vhost-vdpa/client.ts';
import { BACKEND_F } from '../../framework/vhost-vdpa/uapi.ts';
import { F_RING_PACKED } from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { Signals } from './signals.ts';
import type { NodeTraits } from './traits.ts';

/** Largest queue size that SET_VRING_NUM takes; it wants powers of 2 as well. */
const MOST_DESCRIPTORS = 0xffff;

/**
 * The contract by way of an open `/dev/vhost-vdpa-N`: each op is an ioctl, an IOTLB message or an eventfd.
 *
 * What the kernel's generic part refuses by itself never reaches the device, and what the uAPI cannot ask cannot
 * be known: both throw {@link NoMeans}, which skips the case. A reset takes the mappings of parents along unless
 * the kernel offers IOTLB_PERSIST; they are then made again, as every user of such a kernel has to.
 */
export class VhostVdpaOps implements VdpaConfigOps {
  readonly #client: VhostVdpaClient;
  readonly #traits: NodeTraits;
  readonly #signals: Signals;
  readonly #address: bigint;
  /** What is mapped, by address space and IOVA. */
  readonly #maps = new Map<number, Map<Iova, IotlbEntry>>();
  #format: RingFormat = 'split';
  readonly getVqGroup?: (idx: number) => number;
  readonly getVqDescGroup?: (idx: number) => number;
  readonly getVqSize?: (idx: number) => number;
  readonly setGroupAsid?: (group: number, asid: number) => number;
  readonly suspend?: () => number;
  readonly resume?: () => number;

  /** @param address where guest memory begins in this process */
  constructor(client: VhostVdpaClient, traits: NodeTraits, signals: Signals, address: bigint) {
    this.#client = client;
    this.#traits = traits;
    this.#signals = signals;
    this.#address = address;
    if (traits.groups) this.getVqGroup = (idx) => this.#queue('GET_VRING_GROUP', idx, client.group(idx));
    if (traits.descGroups)
      this.getVqDescGroup = (idx) => this.#queue('GET_VRING_DESC_GROUP', idx, client.descGroup(idx));
    if (traits.sizes) this.getVqSize = (idx) => this.#queue('GET_VRING_SIZE', idx, client.size(idx));
    if (traits.nas > 1) this.setGroupAsid = (group, asid) => this.#assign(group, asid);
    if ((traits.backend & BACKEND_F.SUSPEND) !== 0n) this.suspend = () => client.suspend();
    if ((traits.backend & BACKEND_F.RESUME) !== 0n) this.resume = () => client.resume();
  }

  // ── virtqueues ────────────────────────────────────────────────────────────────────────────────
  setVqAddress(idx: number, descArea: Iova, driverArea: Iova, deviceArea: Iova): number {
    const result = this.#client.setAddress(idx, descArea, driverArea, deviceArea);
    if (result === -ERRNO.EINVAL && (driverArea % 2 !== 0 || deviceArea % 4 !== 0))
      throw refused('SET_VRING_ADDR of areas that are not aligned', result);
    return this.#queue('SET_VRING_ADDR', idx, result);
  }
  setVqNum(idx: number, num: number): void {
    const result = this.#queue('SET_VRING_NUM', idx, this.#client.setNum(idx, num));
    const generic =
      num === 0 || num > MOST_DESCRIPTORS || (num & (num - 1)) !== 0 || num > this.#traits.numMax;
    if (result < 0 && generic) throw refused(`SET_VRING_NUM of ${num}`, result);
  }
  kickVq(idx: number): void {
    this.#attachKick(idx).signal();
  }
  setVqCb(idx: number, { callback }: VdpaCallback): void {
    const fd = this.#signals.listen(idx, callback);
    this.#queue('SET_VRING_CALL', idx, this.#client.setCall(idx, callback === null ? undefined : fd));
  }
  setVqReady(idx: number, ready: boolean): void {
    if (ready) this.#attachKick(idx);
    this.#queue('SET_VRING_ENABLE', idx, this.#client.enable(idx, ready));
    if (!ready) this.#signals.deliver();
  }
  getVqReady(): boolean {
    throw unasked('whether a queue is enabled');
  }
  setVqState(idx: number, state: VqState): number {
    if (this.#format === 'split' && state.split.availIndex > 0xffff)
      throw refused(`SET_VRING_BASE of ${state.split.availIndex}`, -ERRNO.EINVAL);
    return this.#queue('SET_VRING_BASE', idx, this.#client.setBase(idx, state, this.#format));
  }
  getVqState(idx: number, state: VqState): number {
    return this.#queue('GET_VRING_BASE', idx, this.#client.base(idx, state, this.#format));
  }
  getVqAlign(): number {
    throw unasked('the alignment of queues');
  }

  // ── device ────────────────────────────────────────────────────────────────────────────────────
  getDeviceFeatures(): bigint {
    return this.#client.features();
  }
  getBackendFeatures(): bigint {
    return this.#client.backendFeatures();
  }
  setDriverFeatures(features: bigint): number {
    const result = this.#client.setFeatures(features);
    if (result === -ERRNO.EBUSY) throw refused('SET_FEATURES after FEATURES_OK', result);
    if (result >= 0) this.#format = (features & F_RING_PACKED) === 0n ? 'split' : 'packed';
    return result;
  }
  getDriverFeatures(): bigint {
    throw unasked('the features in force');
  }
  setConfigCb({ callback }: VdpaCallback): void {
    const fd = this.#signals.listen('config', callback);
    this.#client.setConfigCall(callback === null ? undefined : fd);
  }
  getVqNumMax(): number {
    return this.#traits.numMax;
  }
  getDeviceId(): number {
    return this.#client.deviceId();
  }
  getVendorId(): number {
    throw unasked('the vendor id');
  }
  getStatus(): number {
    return this.#client.status();
  }
  setStatus(status: number): void {
    const before = this.#client.status();
    const result = this.#client.setStatus(status);
    if (result === -ERRNO.EINVAL && (before & ~status) !== 0)
      throw refused(`SET_STATUS of 0x${status.toString(16)}, which clears bits`, result);
    if ((status & STATUS.DRIVER_OK) === 0) this.#signals.deliver();
  }
  reset(): number {
    const result = this.#client.reset();
    if (result < 0) return result;
    // Signals of the time before the reset are not held against the time after it.
    this.#signals.deliver();
    this.#format = 'split';
    if ((this.#traits.backend & BACKEND_F.IOTLB_PERSIST) === 0n) this.#mapAgain();
    return 0;
  }
  getConfigSize(): number {
    return this.#traits.configSize;
  }
  getConfig(offset: number, buf: Uint8Array): void {
    const part = this.#within(offset, buf);
    if (part.length > 0) this.#client.readConfig(offset, part);
  }
  setConfig(offset: number, buf: Uint8Array): void {
    const part = this.#within(offset, buf);
    if (part.length > 0) this.#client.writeConfig(offset, part);
  }
  getIovaRange(): VdpaIovaRange {
    return this.#traits.iovaRange;
  }

  // ── memory ────────────────────────────────────────────────────────────────────────────────────
  dmaMap(asid: number, iova: Iova, size: number, addr: number, perm: Perm): number {
    const result = this.#client.map(asid, iova, size, Number(this.#address) + addr, perm);
    if (result >= 0) this.#space(asid).set(iova, { iova, size, addr, perm });
    return result;
  }
  dmaUnmap(asid: number, iova: Iova, size: number): number {
    const result = this.#client.unmap(asid, iova, size);
    if (result >= 0) this.#space(asid).delete(iova);
    return result;
  }

  /** Tell the kernel about all mappings once more: its own table still has them, the parent has not. */
  #mapAgain(): void {
    for (const [asid, maps] of this.#maps) {
      if (maps.size === 0) continue;
      this.#client.beginBatch(asid);
      for (const { iova, size } of maps.values()) this.#client.unmap(asid, iova, size);
      for (const { iova, size, addr, perm } of maps.values())
        this.#client.map(asid, iova, size, Number(this.#address) + addr, perm);
      this.#client.endBatch(asid);
    }
  }

  #space(asid: number): Map<Iova, IotlbEntry> {
    let space = this.#maps.get(asid);
    if (space === undefined) {
      space = new Map();
      this.#maps.set(asid, space);
    }
    return space;
  }

  #attachKick(idx: number) {
    return this.#signals.kick(idx, (fd) => {
      this.#queue('SET_VRING_KICK', idx, this.#client.setKick(idx, fd));
    });
  }

  #assign(group: number, asid: number): number {
    const result = this.#client.setGroupAsid(group, asid);
    if (result === -ERRNO.ENOBUFS || (result === -ERRNO.EINVAL && asid >= this.#traits.nas))
      throw refused(`SET_GROUP_ASID of group ${group} to ${asid}`, result);
    return result;
  }

  /** The part of `buf` that lies in the configuration space: the kernel refuses accesses beyond its end. */
  #within(offset: number, buf: Uint8Array): Uint8Array {
    return buf.subarray(0, Math.max(0, Math.min(buf.length, this.#traits.configSize - offset)));
  }

  /** The result of a command for queue `idx`. */
  #queue(command: string, idx: number, result: number): number {
    if (result === -ERRNO.ENOBUFS && idx >= this.#traits.nvqs)
      throw refused(`${command} with queue index ${idx}`, result);
    return result;
  }
}

const refused = (what: string, result: number): NoMeans =>
  new NoMeans(`vhost-vdpa itself refuses ${what} (errno ${-result}): the device does not hear of it`);
const unasked = (what: string): NoMeans => new NoMeans(`vhost-vdpa cannot be asked ${what}`);
