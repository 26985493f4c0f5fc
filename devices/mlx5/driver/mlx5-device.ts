import {
  ERRNO,
  type IotlbEntry,
  type Iova,
  VDPA_RESET_F_CLEAN_MAP,
  type VdpaCallback,
  type VdpaConfigOps,
  type VdpaDevice,
  type VdpaNotificationArea,
  type VqState,
} from '../../../framework/device.ts';
import type { DevicePort } from '../../../framework/memory/host-memory.ts';
import type { Iotlb } from '../../../framework/memory/iotlb.ts';
import { F_ACCESS_PLATFORM, NET_F } from '../../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import { isConsistent } from '../../simulator/feature-offer.ts';
import { EQE, EQE_OBJECT, EVENT } from '../prm/completion.ts';
import { getField } from '../prm/fields.ts';
import { EVENT_MODE, MODIFY } from '../prm/net-queue.ts';
import type { FunctionAccess } from './access.ts';
import { ADDRESS_SPACES, AddressSpaces, GROUP } from './address-spaces.ts';
import { CommandFailed } from './commands.ts';
import { NetConfigSpace } from './config-space.ts';
import { type ControlTarget, executeControl } from './control-commands.ts';
import { type ControlHost, ControlQueue } from './control-queue.ts';
import type { MemoryRegion } from './memory-region.ts';
import { offerable, type Provision } from './provision.ts';
import { ReceiveSteering } from './receive-steering.ts';
import { Resources } from './resources.ts';
import { Mlx5Virtqueue, type QueueSetting } from './virtqueue.ts';

const MELLANOX = 0x15b3;
const NET = 1;
const PAGE = 4096;

/** vhost backend feature: queues may be made ready after DRIVER_OK. */
const BACKEND_F_ENABLE_AFTER_DRIVER_OK = 1n << 6n;
const NOBODY: VdpaCallback = { callback: null };

/**
 * The mlx5 parent driver: data queues are queue objects of the firmware, the control queue and the configuration
 * are the driver's own, as in Linux's `mlx5_vdpa`.
 */
export class Mlx5Device implements VdpaDevice, VdpaConfigOps, ControlHost, ControlTarget {
  readonly name: string;
  readonly nvqs: number;
  readonly ngroups: number;
  readonly nas = ADDRESS_SPACES;
  readonly port: DevicePort;
  readonly access: FunctionAccess;
  readonly resources: Resources;
  readonly spaces: AddressSpaces;
  readonly steering: ReceiveSteering;
  readonly control: ControlQueue;
  readonly config: NetConfigSpace;
  readonly queues: Mlx5Virtqueue[] = [];
  readonly features: bigint;
  readonly maxPairs: number;
  readonly mac: Uint8Array;
  vlans: ReadonlySet<number> = new Set();

  status = 0;
  driverFeatures = 0n;
  suspended = false;
  /** Only a reset leads on. */
  broken = false;
  /** Pairs in use. */
  pairs = 1;
  configCallback: (() => void) | null = null;
  /** Configuration changes that wait for the end of a suspension. */
  #deferred: (() => void)[] = [];

  /** @throws Mlx5ProbeError, CommandFailed when the function is none that the driver can drive */
  constructor(access: FunctionAccess, port: DevicePort, provision: Provision = {}, name = 'vdpa0') {
    this.name = name;
    this.access = access;
    this.port = port;
    this.resources = new Resources(access, provision.vectors ?? false);
    this.features = offerable(this.resources.features) & (provision.features ?? -1n);
    const most = this.resources.maxQueues / 2;
    this.maxPairs = (this.features & NET_F.MQ) === 0n ? 1 : Math.min(most, provision.maxPairs ?? most);
    this.nvqs = 2 * this.maxPairs + ((this.features & NET_F.CTRL_VQ) !== 0n ? 1 : 0);
    for (let i = 0; i < 2 * this.maxPairs; i++) this.queues.push(new Mlx5Virtqueue(i, this.resources));
    this.mac = provision.mac ?? this.resources.mac;
    this.config = new NetConfigSpace(this.mac, this.maxPairs, provision.mtu ?? this.resources.mtu);
    this.config.setLink(this.resources.linkUp());
    this.spaces = new AddressSpaces(this.resources);
    this.ngroups = this.spaces.groups.length;
    this.steering = new ReceiveSteering(this.resources, () => ({
      mac: this.config.mac,
      vlans: this.negotiated(NET_F.CTRL_VLAN) ? this.vlans : null,
    }));
    this.control = new ControlQueue(this);
    if (!this.resources.freezeToReady) this.resume = undefined;
    if (!this.resources.descGroup) this.getVqDescGroup = undefined;
    if (this.resources.eventMode !== EVENT_MODE.MSIX) this.getVqIrq = undefined;
    access.onEvent((entry) => this.event(entry));
    access.onInterrupt((vector) => this.queues[vector]?.callback?.());
  }

  get ops(): VdpaConfigOps {
    return this;
  }
  get driverOk(): boolean {
    return (this.status & STATUS.DRIVER_OK) !== 0;
  }
  /** Whether the queues are to run now. */
  get live(): boolean {
    return this.driverOk && !this.suspended && !this.broken;
  }
  negotiated(features: bigint): boolean {
    return (this.driverFeatures & features) === features;
  }
  /** Where the control queue is with the features that the driver set; -1 without one. */
  get controlIndex(): number {
    if ((this.features & NET_F.CTRL_VQ) === 0n) return -1;
    return this.negotiated(NET_F.MQ) ? 2 * this.maxPairs : 2;
  }
  /** The data queue of that index, if the features that the driver set leave it one. */
  dataQueue(idx: number): Mlx5Virtqueue | undefined {
    return idx < 2 || (idx !== this.controlIndex && this.negotiated(NET_F.MQ)) ? this.queues[idx] : undefined;
  }
  queue(idx: number): Mlx5Virtqueue | ControlQueue | undefined {
    return idx === this.controlIndex ? this.control : this.dataQueue(idx);
  }
  /** Data queues of the pairs in use. */
  get active(): readonly Mlx5Virtqueue[] {
    return this.queues.slice(0, 2 * this.pairs);
  }

  setVqAddress(idx: number, descArea: Iova, driverArea: Iova, deviceArea: Iova): number {
    const queue = this.queue(idx);
    if (queue === undefined || descArea % 16 !== 0 || driverArea % 2 !== 0 || deviceArea % 4 !== 0)
      return -ERRNO.EINVAL;
    queue.areas = [descArea, driverArea, deviceArea];
    if (queue instanceof Mlx5Virtqueue) queue.modified |= MODIFY.ADDRS;
    return 0;
  }
  setVqNum(idx: number, num: number): void {
    const queue = this.queue(idx);
    if (queue !== undefined) queue.num = num;
  }
  kickVq(idx: number): void {
    if (!this.live) return;
    if (idx === this.controlIndex) this.control.kick();
    else if (this.dataQueue(idx)?.ready) this.access.writeBar(this.resources.doorbellOffset, idx);
  }
  setVqCb(idx: number, cb: VdpaCallback): void {
    this.queue(idx)?.setCallback(cb);
  }
  setVqReady(idx: number, ready: boolean): void {
    const queue = this.queue(idx);
    if (queue === undefined || queue.ready === !!ready) return;
    queue.ready = !!ready;
    try {
      if (queue instanceof ControlQueue) this.#controlReady();
      else if (ready) this.startQueues();
      else queue.suspend();
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      queue.ready = false;
    }
  }
  #controlReady(): void {
    if (!this.control.ready) this.control.stop();
    else if (this.live && this.control.complete) this.control.start();
    else if (this.live) this.control.ready = false;
  }
  getVqReady(idx: number): boolean {
    return this.queue(idx)?.ready ?? false;
  }
  /** -EINVAL while the queue runs. Avail and used index are the same: there is nothing in flight. */
  setVqState(idx: number, { split: { availIndex } }: VqState): number {
    const queue = this.queue(idx);
    const inRange = Number.isInteger(availIndex) && availIndex >= 0 && availIndex <= 0xffff;
    if (queue === undefined || !inRange) return -ERRNO.EINVAL;
    if (queue instanceof ControlQueue) {
      if (queue.ring !== null) return -ERRNO.EINVAL;
      queue.index = availIndex;
      return 0;
    }
    if (queue.running) return -ERRNO.EINVAL;
    queue.availableIndex = availIndex;
    queue.usedIndex = availIndex;
    queue.modified |= MODIFY.AVAIL_INDEX | MODIFY.USED_INDEX;
    return 0;
  }
  /** -EBUSY while buffers of a transmit or control queue are under way: then one position does not say it all. */
  getVqState(idx: number, state: VqState): number {
    const queue = this.queue(idx);
    if (queue === undefined) return -ERRNO.EINVAL;
    if (queue instanceof ControlQueue) {
      if (queue.ring !== null && queue.ring.outstanding > 0) return -ERRNO.EBUSY;
      state.split.availIndex = queue.ring?.state().split.availIndex ?? queue.index;
      return 0;
    }
    if (!queue.running) {
      state.split.availIndex = queue.usedIndex;
      return 0;
    }
    const { available, used } = queue.query();
    if (idx % 2 === 1 && available !== used) return -ERRNO.EBUSY;
    state.split.availIndex = used;
    return 0;
  }
  /** Descriptor chains received and completed; -EAGAIN while the queue does not run. */
  getVendorVqStats(idx: number): Record<string, number | bigint> | number {
    const queue = this.queue(idx);
    if (queue === undefined) return -ERRNO.EINVAL;
    if (queue instanceof Mlx5Virtqueue && !queue.running) return -ERRNO.EAGAIN;
    const { received, completed } = queue instanceof Mlx5Virtqueue ? queue.count() : queue;
    return { received_desc: received, completed_desc: completed };
  }
  /** One page for all data queues; none for the control queue. */
  getVqNotification(idx: number): VdpaNotificationArea {
    if (this.dataQueue(idx) === undefined) return { addr: 0, size: 0 };
    return { addr: this.access.barAddress + this.resources.doorbellOffset, size: PAGE };
  }
  getVqIrq?(idx: number): number {
    return this.dataQueue(idx) === undefined ? -ERRNO.EOPNOTSUPP : idx;
  }
  /** Size of the queue object, else the largest one. */
  getVqSize(idx: number): number {
    const queue = this.queue(idx);
    if (queue === undefined) return 0;
    return (queue instanceof Mlx5Virtqueue ? queue.objects?.size : undefined) ?? this.getVqNumMax();
  }

  // ── device ops ────────────────────────────────────────────────────────────────────────────────
  getVqAlign(): number {
    return PAGE;
  }
  getVqGroup(idx: number): number {
    return idx === this.controlIndex ? GROUP.CONTROL : GROUP.DATA;
  }
  getVqDescGroup?(idx: number): number {
    return idx === this.controlIndex ? GROUP.CONTROL : GROUP.DATA_RINGS;
  }
  getDeviceFeatures(): bigint {
    return this.features;
  }
  getBackendFeatures(): bigint {
    return BACKEND_F_ENABLE_AFTER_DRIVER_OK;
  }
  /** -EBUSY once FEATURES_OK holds, -EOPNOTSUPP without ACCESS_PLATFORM, -EINVAL for what does not go together. */
  setDriverFeatures(features: bigint): number {
    if ((this.status & STATUS.FEATURES_OK) !== 0) return -ERRNO.EBUSY;
    if (features !== 0n) {
      if ((features & F_ACCESS_PLATFORM) === 0n) return -ERRNO.EOPNOTSUPP;
      if (!this.acceptable(features)) return -ERRNO.EINVAL;
    }
    this.driverFeatures = features;
    return 0;
  }
  /** A subset of the offer with all dependencies met, VERSION_1 and ACCESS_PLATFORM among it. */
  acceptable(features: bigint): boolean {
    return isConsistent(features, this.features, 'net');
  }
  getDriverFeatures(): bigint {
    return this.driverFeatures;
  }
  setConfigCb(cb: VdpaCallback): void {
    this.configCallback = cb.callback === null ? null : (cb.trigger ?? cb.callback);
  }
  getVqNumMax(): number {
    return this.resources.maxQueueSize;
  }
  getDeviceId(): number {
    return NET;
  }
  getVendorId(): number {
    return MELLANOX;
  }
  getStatus(): number {
    return this.status;
  }
  /** Bits only get set. FEATURES_OK stays clear when the features do not suit, DRIVER_OK when the start fails. */
  setStatus(status: number): void {
    if (status === 0) {
      this.reset();
      return;
    }
    let added = status & 0xff & ~STATUS.DEVICE_NEEDS_RESET & ~this.status;
    if ((added & STATUS.FEATURES_OK) !== 0 && !this.acceptable(this.driverFeatures))
      added &= ~STATUS.FEATURES_OK;
    if (((this.status | added) & STATUS.FEATURES_OK) === 0) added &= ~STATUS.DRIVER_OK;
    this.status |= added & ~STATUS.DRIVER_OK;
    if ((added & STATUS.DRIVER_OK) !== 0) this.start();
  }

  /** DRIVER_OK is being set: run what is ready, and let frames in. */
  start(): void {
    if (this.broken) {
      this.status |= STATUS.DRIVER_OK;
      this.notifyConfig();
      return;
    }
    const all = [...this.queues, this.control];
    if (all.some((queue) => queue.ready && !queue.complete)) {
      this.needsReset();
      return;
    }
    this.status |= STATUS.DRIVER_OK;
    try {
      this.steering.announce(this.config.mac);
      this.startQueues();
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      this.status &= ~STATUS.DRIVER_OK;
      this.needsReset();
      return;
    }
    if (this.control.ready && !this.suspended) this.control.start();
  }

  /** Run every queue that is ready and in use, and spread frames over them. @throws CommandFailed */
  startQueues(): void {
    if (!this.live) return;
    const outdated = this.active.filter((queue) => queue.ready && queue.outdated);
    this.dropQueues(outdated);
    const setting = this.setting();
    for (const queue of this.active) if (queue.ready) queue.start(setting);
    this.spread();
  }

  /** Remove queue objects, which receive no frames any more then. */
  dropQueues(queues: readonly Mlx5Virtqueue[]): void {
    if (queues.some(({ index, objects }) => index % 2 === 0 && objects !== null)) this.steering.remove();
    for (const queue of queues) queue.destroy();
  }

  /** Frames go to the receive queues in use that have a queue object. */
  spread(): void {
    const receive = this.active.filter(({ index, objects }) => index % 2 === 0 && objects !== null);
    this.steering.spread(receive.map(({ objects }) => objects!.id));
  }

  setting(): QueueSetting {
    return {
      features: this.driverFeatures,
      region: this.spaces.regionOf(GROUP.DATA),
      ringRegion: this.spaces.regionOf(this.resources.descGroup ? GROUP.DATA_RINGS : GROUP.DATA),
    };
  }

  /** Callbacks go first, then everything stops where it is. Mappings stay. */
  reset(): number {
    this.status = 0;
    this.configCallback = null;
    this.control.reset();
    for (const queue of this.queues) queue.setCallback(NOBODY);
    this.steering.remove();
    for (const queue of this.queues) {
      queue.destroy();
      queue.forget();
    }
    this.steering.announce(null);
    this.driverFeatures = 0n;
    this.suspended = false;
    this.broken = false;
    this.pairs = 1;
    this.vlans = new Set();
    this.spaces.resetGroups();
    for (const change of this.#deferred.splice(0)) change();
    this.config.store(0, this.mac);
    this.config.setLink(this.resources.linkUp());
    this.config.bump();
    return 0;
  }
  compatReset(flags: number): number {
    const result = this.reset();
    if ((flags & VDPA_RESET_F_CLEAN_MAP) !== 0)
      for (let asid = 0; asid < this.nas; asid++) this.setMap(asid, []);
    return result;
  }
  /** Every data queue to SUSPEND, which finishes what it has taken; then the control queue. */
  suspend(): number {
    if (this.suspended) return 0;
    const result = this.stopQueues();
    this.control.stop();
    this.suspended = true;
    return result;
  }
  /** Suspend the data queues. 0, or the errno of the last one that could not be. */
  stopQueues(): number {
    let result = 0;
    for (const queue of this.queues) {
      try {
        queue.suspend();
      } catch (error) {
        if (!(error instanceof CommandFailed)) throw error;
        result = -error.errno;
      }
    }
    return result;
  }
  resume?(): number {
    if (!this.suspended) return 0;
    this.suspended = false;
    let result = 0;
    try {
      this.startQueues();
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      this.needsReset();
      result = -error.errno;
    }
    if (this.live && this.control.ready && this.control.complete) this.control.start();
    for (const change of this.#deferred.splice(0)) change();
    return result;
  }
  getConfigSize(): number {
    return this.config.bytes.length;
  }
  getConfig(offset: number, buf: Uint8Array): void {
    this.config.read(offset, buf);
  }
  /** The configuration is the device's: stores have no effect. */
  setConfig(): void {}
  getGeneration(): number {
    return this.config.generation;
  }

  // ── DMA ops ───────────────────────────────────────────────────────────────────────────────────
  setGroupAsid(group: number, asid: number): number {
    return this.driverOk ? -ERRNO.EBUSY : this.spaces.assign(group, asid);
  }
  /**
   * Make keys for the whole table; queues that run are suspended, told of the new key, and go on. On failure the
   * old table stays.
   */
  setMap(asid: number, entries: readonly IotlbEntry[]): number {
    if (this.spaces.tables[asid] === undefined) return -ERRNO.EINVAL;
    const region = this.spaces.build(entries);
    if (typeof region === 'number') return region;
    const old = this.spaces.install(asid, region);
    if (this.spaces.isForData(asid)) {
      const error = this.changeKeys();
      if (error < 0) {
        this.spaces.install(asid, old);
        this.changeKeys();
        retire(region);
        return error;
      }
    }
    retire(old);
    this.spaces.tables[asid].replace(entries);
    this.control.mappingsChanged();
    return 0;
  }
  /** Bring the queues that have objects to the keys of their groups. */
  changeKeys(): number {
    const objects = this.queues.filter((queue) => queue.objects !== null);
    if (objects.length === 0) return 0;
    try {
      for (const queue of objects) {
        queue.suspend();
        queue.modified |= MODIFY.MKEY | (this.resources.descGroup ? MODIFY.DESC_GROUP_MKEY : 0);
      }
      this.startQueues();
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      return -error.errno;
    }
    return 0;
  }
  resetMap(asid: number): number {
    return this.setMap(asid, []);
  }
  /** Remove everything from the function, as when the device is deleted. */
  free(): void {
    this.compatReset(VDPA_RESET_F_CLEAN_MAP);
    this.resources.release();
    this.access.onEvent(() => {});
  }

  // ── control commands ──────────────────────────────────────────────────────────────────────────
  controlTable(): Iotlb {
    return this.spaces.tables[this.spaces.groups[GROUP.CONTROL]];
  }
  command(bytes: Uint8Array): boolean {
    return executeControl(this, bytes);
  }
  controlFailed(): void {
    this.needsReset();
  }
  /** Switch and rules follow the address; the driver knows, so there is no notification. */
  setMac(mac: Uint8Array): boolean {
    if (!this.config.store(0, mac)) return true;
    if (this.driverOk) this.steering.announce(this.config.mac);
    this.steering.refresh();
    return true;
  }
  setVlan(id: number, on: boolean): boolean {
    const vlans = new Set(this.vlans);
    if (on) vlans.add(id);
    else vlans.delete(id);
    this.vlans = vlans;
    this.steering.refresh();
    return true;
  }
  /** Fewer: frames go elsewhere before queues stop. More: queues run before frames come. */
  setPairs(pairs: number): boolean {
    const before = this.pairs;
    this.pairs = pairs;
    try {
      if (pairs < before) this.spread();
      for (const queue of this.queues.slice(2 * pairs)) queue.suspend();
      this.startQueues();
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      this.pairs = before;
      return false;
    }
    return true;
  }

  // ── events ────────────────────────────────────────────────────────────────────────────────────
  event(entry: Uint8Array): void {
    switch (getField(entry, 0, EQE.type)) {
      case EVENT.COMPLETION:
        this.completion(getField(entry, 0, EQE.cqn));
        break;
      case EVENT.PORT_CHANGE:
        this.portChanged();
        break;
      case EVENT.OBJECT_CHANGE:
        this.objectFailed(getField(entry, 0, EQE_OBJECT.id));
        break;
      case EVENT.INTERNAL_ERROR:
        for (const queue of this.queues) if (queue.objects !== null) queue.failed();
        this.needsReset();
    }
  }
  /** A completion queue has something: take it, call the driver of the guest, and ask for the next event. */
  completion(cqn: number): void {
    const queue = this.queues.find(({ objects }) => objects?.channel?.cqn === cqn);
    const channel = queue?.objects?.channel;
    if (queue === undefined || channel == null) return;
    if (channel.poll() > 0) queue.callback?.();
    if (queue.objects?.channel === channel) channel.arm();
  }
  portChanged(): void {
    if (this.suspended) this.#deferred.push(() => this.portChanged());
    else if (this.config.setLink(this.resources.linkUp())) this.notifyConfig();
  }
  objectFailed(id: number): void {
    this.queues.find(({ objects }) => objects?.id === id)?.failed();
    this.needsReset();
  }
  /** Set DEVICE_NEEDS_RESET, stop everything, and tell the driver of the guest if it is running (section 2.1.2). */
  needsReset(): void {
    if (this.broken) return;
    this.broken = true;
    this.status |= STATUS.DEVICE_NEEDS_RESET;
    this.stopQueues();
    this.control.drop();
    this.notifyConfig();
  }
  /** Configuration change notification: none before DRIVER_OK, put off while suspended. */
  notifyConfig(): void {
    if (!this.driverOk) return;
    if (this.suspended) this.#deferred.push(() => this.notifyConfig());
    else this.configCallback?.();
  }
  /** Whoever administers the device stores configuration bytes; while suspended they wait. */
  changeConfig(offset: number, bytes: Uint8Array): void {
    if (this.suspended) {
      const later = bytes.slice();
      this.#deferred.push(() => this.changeConfig(offset, later));
      return;
    }
    if (!this.config.store(offset, bytes)) return;
    if (this.driverOk) this.steering.announce(this.config.mac);
    this.steering.refresh();
    this.notifyConfig();
  }
}

/** Nobody needs `region` beside the queues that have it now. */
function retire(region: MemoryRegion | null): void {
  if (region === null) return;
  region.retired = true;
  region.settle();
}
