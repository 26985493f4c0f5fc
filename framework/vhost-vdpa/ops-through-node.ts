import { F_RING_PACKED } from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import {
  ERRNO,
  type IotlbEntry,
  type Iova,
  type Perm,
  VDPA_RESET_F_CLEAN_MAP,
  type VdpaCallback,
  type VdpaConfigOps,
  type VdpaIovaRange,
  type VdpaNotificationArea,
  type VqState,
} from '../device.ts';
import type { RingFormat, VhostVdpaClient } from './client.ts';
import { BACKEND_F } from './uapi.ts';

/** An eventfd of the process that uses the node, as its user needs it. */
export interface UserEvent {
  readonly fd: number;
  signal(): void;
  /** Call `waiter` at every signal of the other side. */
  wait(waiter: () => void): void;
  /** Give the descriptor back; what was registered with it stays. */
  close(): void;
}

/** What stands around the node. */
export interface Surroundings {
  /** A new eventfd. */
  eventfd(): UserEvent;
  /** User address behind a physical address of guest memory. */
  toUser(pa: number): number;
  /** Address spaces and queues that the device has. */
  readonly nas: number;
  readonly nvqs: number;
  /** For ops that the uAPI has no way to: the parent itself. */
  readonly parent: VdpaConfigOps;
  /** The node itself refuses what the parent was to get: the parent has not seen it. Must throw. */
  refused(what: string, errno: number): never;
}

/**
 * The contract as a driver in a process reaches it through `/dev/vhost-vdpa-N`: each op is an ioctl, an IOTLB
 * message or an eventfd. What the node itself refuses is reported by `refused`; what the parent answers is
 * returned, with the errno values that the node leaves of it.
 *
 * Without a way through the uAPI are `getVqReady`, `getVqAlign`, `getVqNumMin`, `getDriverFeatures`,
 * `getVendorId`, `getGeneration`, `getVendorVqStats`, `getVqIrq`, `getVqNotification` and the affinity ops: these ask the parent. `setMap` and
 * `resetMap` are the node's own business, and notification data do not fit into an eventfd.
 */
export class OpsThroughNode implements VdpaConfigOps {
  readonly #client: VhostVdpaClient;
  readonly #around: Surroundings;
  readonly #kicks: (UserEvent | undefined)[] = [];
  #format: RingFormat = 'split';
  #suspended = false;
  readonly getVqSize?: (idx: number) => number;
  readonly getVqGroup?: (idx: number) => number;
  readonly getVqDescGroup?: (idx: number) => number;
  readonly getVqNumMin?: () => number;
  readonly getGeneration?: () => number;
  readonly getVendorVqStats?: (idx: number) => Record<string, number | bigint> | number;
  readonly getVqIrq?: (idx: number) => number;
  readonly getVqNotification?: (idx: number) => VdpaNotificationArea;
  readonly setVqAffinity?: (idx: number, cpus: readonly number[] | null) => number;
  readonly getVqAffinity?: (idx: number) => readonly number[] | null;
  readonly kickVqWithData?: (data: number) => void;
  readonly setMap?: (asid: number, table: readonly IotlbEntry[]) => number;
  readonly getIovaRange?: () => VdpaIovaRange;
  readonly setGroupAsid?: (group: number, asid: number) => number;
  readonly suspend?: () => number;
  readonly resume?: () => number;
  readonly compatReset?: (flags: number) => number;

  constructor(client: VhostVdpaClient, around: Surroundings) {
    this.#client = client;
    this.#around = around;
    const { parent } = around;
    if (parent.getVqSize) this.getVqSize = (idx) => this.#index('GET_VRING_SIZE', idx, client.size(idx));
    if (parent.getVqGroup) this.getVqGroup = (idx) => this.#index('GET_VRING_GROUP', idx, client.group(idx));
    if (parent.getVqDescGroup)
      this.getVqDescGroup = (idx) => this.#index('GET_VRING_DESC_GROUP', idx, client.descGroup(idx));
    if (parent.getVqNumMin) this.getVqNumMin = () => parent.getVqNumMin!();
    if (parent.getGeneration) this.getGeneration = () => parent.getGeneration!();
    if (parent.getVendorVqStats) this.getVendorVqStats = (idx) => parent.getVendorVqStats!(idx);
    if (parent.getVqIrq) this.getVqIrq = (idx) => parent.getVqIrq!(idx);
    if (parent.getVqNotification) this.getVqNotification = (idx) => parent.getVqNotification!(idx);
    if (parent.setVqAffinity) this.setVqAffinity = (idx, cpus) => parent.setVqAffinity!(idx, cpus);
    if (parent.getVqAffinity) this.getVqAffinity = (idx) => parent.getVqAffinity!(idx);
    if (parent.kickVqWithData)
      this.kickVqWithData = () => around.refused('notification data: an eventfd carries none', ERRNO.EINVAL);
    if (parent.setMap)
      this.setMap = () => around.refused('a whole table: the node makes its own', ERRNO.EINVAL);
    if (parent.getIovaRange) this.getIovaRange = () => client.iovaRange() as VdpaIovaRange;
    if (parent.setGroupAsid) this.setGroupAsid = (group, asid) => this.#assign(group, asid);
    if (parent.suspend) this.suspend = () => this.#stop();
    if (parent.resume) this.resume = () => this.#go();
    if (parent.compatReset) this.compatReset = (flags) => this.#compatReset(flags);
  }

  setVqAddress(idx: number, descArea: Iova, driverArea: Iova, deviceArea: Iova): number {
    const error = this.#index(
      'SET_VRING_ADDR',
      idx,
      this.#client.setAddress(idx, descArea, driverArea, deviceArea),
    );
    if (error >= 0) return error;
    if (driverArea % 2 !== 0 || deviceArea % 4 !== 0)
      this.#around.refused('SET_VRING_ADDR of areas that are not aligned', -error);
    return this.#unlessFrozen('SET_VRING_ADDR', error);
  }
  setVqNum(idx: number, num: number): void {
    const error = this.#index('SET_VRING_NUM', idx, this.#client.setNum(idx, num));
    if (error < 0) this.#around.refused(`SET_VRING_NUM of ${num}`, -error);
  }
  kickVq(idx: number): void {
    let kick = this.#kicks[idx];
    if (kick === undefined) {
      kick = this.#around.eventfd();
      this.#index('SET_VRING_KICK', idx, this.#client.setKick(idx, kick.fd));
      this.#kicks[idx] = kick;
    }
    kick.signal();
  }
  setVqCb(idx: number, { callback }: VdpaCallback): void {
    const error =
      callback === null
        ? this.#client.setCall(idx)
        : this.#listen(callback, (fd) => this.#client.setCall(idx, fd));
    this.#index('SET_VRING_CALL', idx, error);
  }
  setVqReady(idx: number, ready: boolean): void {
    this.#index('SET_VRING_ENABLE', idx, this.#client.enable(idx, ready));
  }
  getVqReady(idx: number): boolean {
    return this.#around.parent.getVqReady(idx);
  }
  setVqState(idx: number, state: VqState): number {
    if (this.#format === 'split' && state.split.availIndex > 0xffff)
      this.#around.refused(`SET_VRING_BASE of ${state.split.availIndex}`, ERRNO.EINVAL);
    const error = this.#index('SET_VRING_BASE', idx, this.#client.setBase(idx, state, this.#format));
    return error < 0 ? this.#unlessFrozen('SET_VRING_BASE', error) : error;
  }
  getVqState(idx: number, state: VqState): number {
    return this.#index('GET_VRING_BASE', idx, this.#client.base(idx, state, this.#format));
  }
  getVqAlign(): number {
    return this.#around.parent.getVqAlign();
  }
  getDeviceFeatures(): bigint {
    return this.#client.features();
  }
  getBackendFeatures(): bigint {
    return this.#client.backendFeatures();
  }
  setDriverFeatures(features: bigint): number {
    const error = this.#client.setFeatures(features);
    if (error === -ERRNO.EBUSY) this.#around.refused('SET_FEATURES after FEATURES_OK', ERRNO.EBUSY);
    if (error >= 0) this.#format = (features & F_RING_PACKED) === 0n ? 'split' : 'packed';
    return error;
  }
  getDriverFeatures(): bigint {
    return this.#around.parent.getDriverFeatures();
  }
  setConfigCb({ callback }: VdpaCallback): void {
    if (callback === null) this.#client.setConfigCall();
    else this.#listen(callback, (fd) => this.#client.setConfigCall(fd));
  }
  getVqNumMax(): number {
    return this.#client.vringNum();
  }
  getDeviceId(): number {
    return this.#client.deviceId();
  }
  getVendorId(): number {
    return this.#around.parent.getVendorId();
  }
  getStatus(): number {
    const status = this.#client.status();
    return status < 0 ? this.#around.refused('GET_STATUS', -status) : status;
  }
  setStatus(status: number): void {
    const error = this.#client.setStatus(status);
    if (error < 0 && status !== 0)
      this.#around.refused(`SET_STATUS of 0x${status.toString(16)}, which clears bits`, -error);
  }
  reset(): number {
    const error = this.#client.reset();
    if (error >= 0) this.#suspended = false;
    return error;
  }
  getConfigSize(): number {
    return this.#client.configSize();
  }
  getConfig(offset: number, buf: Uint8Array): void {
    const error = this.#client.readConfig(offset, buf);
    if (error < 0) this.#around.refused(`GET_CONFIG of ${buf.length} bytes at ${offset}`, -error);
  }
  setConfig(offset: number, buf: Uint8Array): void {
    const error = this.#client.writeConfig(offset, buf);
    if (error < 0) this.#around.refused(`SET_CONFIG of ${buf.length} bytes at ${offset}`, -error);
  }
  dmaMap(asid: number, iova: Iova, size: number, addr: number, perm: Perm): number {
    this.#space(asid);
    return this.#client.map(asid, iova, size, this.#around.toUser(addr), perm);
  }
  dmaUnmap(asid: number, iova: Iova, size: number): number {
    this.#space(asid);
    return this.#client.unmap(asid, iova, size);
  }

  #space(asid: number): void {
    if (asid >= this.#around.nas)
      this.#around.refused(`an IOTLB message for address space ${asid}`, ERRNO.EINVAL);
  }

  /** The result of a command of a queue that exists. */
  #index(command: string, idx: number, result: number): number {
    if (result === -ERRNO.ENOBUFS && idx >= this.#around.nvqs)
      this.#around.refused(`${command} with queue index ${idx}`, ERRNO.ENOBUFS);
    return result;
  }

  /** The node does not let rings move while the device runs; any other error is the parent's. */
  #unlessFrozen(command: string, error: number): number {
    const running = (this.#client.status() & STATUS.DRIVER_OK) !== 0 && !this.#suspended;
    if (running && error === -ERRNO.EINVAL)
      this.#around.refused(`${command} while the device runs`, ERRNO.EINVAL);
    return error;
  }

  #assign(group: number, asid: number): number {
    const error = this.#client.setGroupAsid(group, asid);
    if (error === -ERRNO.ENOBUFS || (error === -ERRNO.EINVAL && asid >= this.#around.nas))
      this.#around.refused(`SET_GROUP_ASID of group ${group} to ${asid}`, -error);
    return error;
  }

  #stop(): number {
    const error = this.#client.suspend();
    if (error >= 0) this.#suspended = true;
    return error;
  }

  #go(): number {
    const error = this.#client.resume();
    if (error >= 0) this.#suspended = false;
    return error;
  }

  /** The clean-map flag is what a reset without the IOTLB_PERSIST acknowledgement means. */
  #compatReset(flags: number): number {
    const offered = this.#client.backendFeatures();
    if ((flags & VDPA_RESET_F_CLEAN_MAP) !== 0)
      this.#client.setBackendFeatures(offered & ~BACKEND_F.IOTLB_PERSIST);
    const error = this.reset();
    this.#client.setBackendFeatures(offered);
    return error;
  }

  /** A fresh eventfd for each listener: a parent that keeps an old one reaches the old listener. */
  #listen(listener: () => void, register: (fd: number) => number): number {
    const event = this.#around.eventfd();
    event.wait(listener);
    const error = register(event.fd);
    event.close();
    return error;
  }
}
