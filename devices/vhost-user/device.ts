import {
  ERRNO,
  type IotlbEntry,
  type Iova,
  type VdpaCallback,
  type VdpaConfigOps,
  type VdpaDevice,
  type VqState,
} from '../../framework/device.ts';
import { DeviceAbsent, DeviceFailure } from '../../framework/device-failure.ts';
import { POLL, type PollEntry, poll } from '../../framework/native/fd.ts';
import type { MemfdMemory } from '../../framework/native/memfd-memory.ts';
import { isWorking } from '../../framework/native/process-state.ts';
import { Resources } from '../../framework/native/resources.ts';
import type { DeviceType } from '../../specs/virtio-1.1/device-ids.ts';
import { F_RING_PACKED, unmetDependencies } from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import { isPoller } from './activity.ts';
import type { BackEnd } from './back-end.ts';
import { ConnectionLost } from './connection.ts';
import { MAX_REGIONS, type MemoryRegion } from './messages.ts';
import { fromBase, toBase, Vring } from './vring.ts';

/** What a front end adds to an IOVA to make the user address of the same byte: the two are never the same. */
const USER = 0x5000_0000_0000n;

/** What the front end knows about the device beforehand. */
export interface FrontEndPlan {
  readonly deviceId: number;
  readonly nvqs: number;
  /** Features to show: those of the back end without what needs a front end of its own. */
  readonly features: bigint;
  /** Largest queue size; vhost-user has no message for it. */
  readonly numMax: number;
  readonly deviceType: DeviceType;
  readonly configSize: number;
  /** Configuration that the front end keeps itself; null: the back end has it. */
  readonly ownConfig: Uint8Array | null;
  /** Fields of the configuration that a driver may write. */
  readonly writable: readonly { readonly offset: number; readonly width: number }[];
}

/**
 * A vhost-user back end as a vDPA device. What the protocol carries is the back end's: features, rings, their
 * positions, configuration and, where it has it, the device status. The rest is kept here, as in any front end.
 */
export class VhostUserDevice implements VdpaDevice, VdpaConfigOps {
  readonly name = 'vdpa0';
  readonly ngroups = 1;
  readonly nas = 1;
  readonly nvqs: number;
  readonly ops: VdpaConfigOps = this;
  #backEnd: BackEnd;
  readonly #connect: () => BackEnd;
  readonly #plan: FrontEndPlan;
  readonly #memory: MemfdMemory;
  readonly #resources = new Resources();
  readonly #rings: Vring[];
  #table: IotlbEntry[] = [];
  /** The back end has this table. */
  #told = true;
  #status = 0;
  #features = 0n;
  #onConfig: VdpaCallback['callback'] = null;
  /** The back end gave the session up; the connection is a new one, for after the reset. */
  #lost = false;
  /** The driver asked for features that are not offered, and has not asked for others since. */
  #refused = false;

  /** `connect` makes a new connection to the same back end; `backEnd` is the first one. */
  constructor(backEnd: BackEnd, connect: () => BackEnd, plan: FrontEndPlan, memory: MemfdMemory) {
    this.#backEnd = backEnd;
    this.#connect = connect;
    this.#resources.defer(() => this.#backEnd.dispose());
    this.#resources.defer(() => this.#halt());
    this.#plan = plan;
    this.#memory = memory;
    this.nvqs = plan.nvqs;
    this.#rings = Array.from({ length: plan.nvqs }, () => this.#resources.own(new Vring()));
  }

  setVqAddress(idx: number, descArea: Iova, driverArea: Iova, deviceArea: Iova): number {
    const ring = this.#rings[idx];
    if (ring === undefined) return -ERRNO.EINVAL;
    ring.desc = descArea;
    ring.driver = driverArea;
    ring.device = deviceArea;
    return 0;
  }

  setVqNum(idx: number, num: number): void {
    const ring = this.#rings[idx];
    if (ring) ring.num = num;
  }

  kickVq(idx: number): void {
    const ring = this.#rings[idx];
    if (ring?.started) ring.kick.signal();
  }

  setVqCb(idx: number, cb: VdpaCallback): void {
    const ring = this.#rings[idx];
    if (ring) ring.callback = cb.callback;
  }

  setVqReady(idx: number, ready: boolean): void {
    const ring = this.#rings[idx];
    if (ring === undefined || ring.ready === ready) return;
    if (ready) {
      ring.ready = ring.num > 0;
      if (ring.ready && this.#live()) this.#guard(() => this.#start(idx));
    } else {
      if (ring.started) this.#guard(() => this.#stop(idx));
      ring.ready = false;
    }
  }

  getVqReady(idx: number): boolean {
    return this.#rings[idx]?.ready ?? false;
  }

  setVqState(idx: number, state: VqState): number {
    const ring = this.#rings[idx];
    if (ring === undefined || ring.ready) return -ERRNO.EINVAL;
    ring.state = { split: { ...state.split }, packed: { ...state.packed } };
    return 0;
  }

  /** The protocol tells a position only by stopping the queue: one that runs gives none. */
  getVqState(idx: number, state: VqState): number {
    const ring = this.#rings[idx];
    if (ring === undefined) return -ERRNO.EINVAL;
    if (ring.started) return -ERRNO.EOPNOTSUPP;
    state.split = { ...ring.state.split };
    state.packed = { ...ring.state.packed };
    return 0;
  }

  getVqAlign(): number {
    return 4096;
  }
  getDeviceFeatures(): bigint {
    return this.#plan.features;
  }

  setDriverFeatures(features: bigint): number {
    const { deviceType } = this.#plan;
    this.#refused =
      (features & ~this.#plan.features) !== 0n || unmetDependencies(features, deviceType).length > 0;
    if (this.#refused) return -ERRNO.EINVAL;
    if ((this.#status & STATUS.FEATURES_OK) !== 0) return -ERRNO.EINVAL;
    this.#features = features;
    return 0;
  }

  getDriverFeatures(): bigint {
    return this.#features;
  }
  setConfigCb(cb: VdpaCallback): void {
    this.#onConfig = cb.callback;
  }
  getVqNumMax(): number {
    return this.#plan.numMax;
  }
  getDeviceId(): number {
    return this.#plan.deviceId;
  }
  getVendorId(): number {
    return 0;
  }

  getStatus(): number {
    if (!this.#backEnd.has('STATUS') || this.#lost) return this.#status;
    const own = this.#status & STATUS.DEVICE_NEEDS_RESET;
    return this.#guard(() => this.#backEnd.status | own) ?? this.#status;
  }

  setStatus(status: number): void {
    if (this.#lost) {
      this.#status |= status;
      return;
    }
    const set = status & ~this.#status;
    if ((set & STATUS.FEATURES_OK) !== 0 && !this.#agreed()) status &= ~STATUS.FEATURES_OK;
    this.#status = status | (this.#status & STATUS.DEVICE_NEEDS_RESET);
    this.#guard(() => {
      // A back end that knows the status starts when it hears of DRIVER_OK; it must have the rings by then.
      if ((set & STATUS.DRIVER_OK) !== 0) this.#startAll();
      if (this.#backEnd.has('STATUS')) this.#backEnd.setStatus(status);
    });
  }

  /** A back end that cannot be told to reset gets a new connection: it lets go of memory with the old one. */
  reset(): number {
    const told = !this.#lost && this.#guard(() => this.#stopAll());
    if (!told && !this.#lost) this.#halt();
    for (const ring of this.#rings) ring.clear();
    if (!told && !this.#lost) this.#reconnect();
    this.#backEnd.channel?.drain(() => {});
    this.#lost = false;
    this.#refused = false;
    this.#told = false;
    this.#status = 0;
    this.#features = 0n;
    this.#onConfig = null;
    return 0;
  }

  getConfigSize(): number {
    return this.#plan.configSize;
  }

  getConfig(offset: number, buf: Uint8Array): void {
    const size = Math.min(buf.length, this.#plan.configSize - offset);
    if (size <= 0) return;
    // Back ends give the configuration from its beginning only.
    const { ownConfig, configSize } = this.#plan;
    const bytes = ownConfig ?? this.#guard(() => this.#backEnd.config(0, configSize));
    if (bytes) buf.set(bytes.subarray(offset, offset + size));
  }

  /** As front ends do, only what a driver may write is passed on, field by field. */
  setConfig(offset: number, buf: Uint8Array): void {
    const end = Math.min(offset + buf.length, this.#plan.configSize);
    for (const field of this.#plan.writable) {
      if (field.offset < offset || field.offset + field.width > end) continue;
      const bytes = buf.subarray(field.offset - offset, field.offset - offset + field.width);
      this.#guard(() => this.#backEnd.setConfig(field.offset, bytes));
    }
  }

  dmaMap(asid: number, iova: Iova, size: number, addr: number, perm: IotlbEntry['perm']): number {
    if (asid !== 0) return -ERRNO.EINVAL;
    if (this.#table.length >= MAX_REGIONS) return -ERRNO.ENOSPC;
    this.#table.push({ iova, size, addr, perm });
    return this.#changed();
  }

  dmaUnmap(asid: number, iova: Iova, size: number): number {
    if (asid !== 0) return -ERRNO.EINVAL;
    this.#table = this.#table.filter((entry) => entry.iova < iova || entry.iova + entry.size > iova + size);
    return this.#changed();
  }

  /**
   * Call the callbacks that are due, after at most `ms` milliseconds. A wait in vain ends with a round trip, so
   * that the back end was let run.
   */
  wait(ms: number): boolean {
    const { connection, channel } = this.#backEnd;
    const own: PollEntry = { fd: connection.fd, events: POLL.IN };
    const fds = this.#rings.flatMap(({ call, error }) => [call.fd, error.fd]);
    if (channel) fds.push(channel.fd);
    const entries: PollEntry[] = [own, ...fds.map((fd) => ({ fd, events: POLL.IN }))];
    const any = poll(entries, ms) > 0;
    // Nothing is asked here, so whatever comes on the connection is its end.
    if (own.happened && !this.#lost) {
      this.#deliver();
      this.#guard(() => {
        throw connection.lost();
      });
      return true;
    }
    if (any && this.#deliver()) return true;
    this.#guard(() => this.#backEnd.ping());
    return this.#deliver();
  }

  /** Whether the process behind the socket works on something. */
  busy(): boolean {
    const { pid } = this.#backEnd;
    return !isPoller(pid) && isWorking(pid);
  }

  free(): void {
    this.#resources.dispose();
  }

  /** Call every callback that is due. Returns whether there was one. */
  #deliver(): boolean {
    let any = false;
    for (const ring of this.#rings) {
      if (ring.call.drain() > 0) {
        any = true;
        ring.callback?.();
      }
      if (ring.error.drain() > 0) {
        any = true;
        this.#needsReset();
      }
    }
    const told = this.#backEnd.channel?.drain(() => {
      if ((this.#status & STATUS.DRIVER_OK) !== 0) this.#onConfig?.();
    });
    return any || (told ?? false);
  }

  #live(): boolean {
    return (this.#status & STATUS.DRIVER_OK) !== 0;
  }

  #packed(): boolean {
    return (this.#features & F_RING_PACKED) !== 0n;
  }

  /**
   * Do something with the back end. When it closes the connection over that and takes a new one, it has given up
   * the session, as devices do that need a reset; undefined is returned. Otherwise it has died.
   * @throws DeviceFailure
   */
  #guard<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      this.#reconnect();
      this.#lost = true;
      this.#needsReset();
      return undefined;
    }
  }

  /** Stop what runs, as far as the back end still listens: it may be late to notice that a connection is closed. */
  #halt(): void {
    try {
      this.#rings.forEach((ring, idx) => {
        if (ring.started) this.#backEnd.stop(idx);
      });
    } catch (error) {
      if (!(error instanceof DeviceFailure) || error.code === 'DEVICE_HUNG') throw error;
    }
    for (const ring of this.#rings) ring.started = false;
  }

  /** @throws DeviceFailure when nobody takes a new connection: the back end has died */
  #reconnect(): void {
    const lost = this.#backEnd.connection.lost();
    // What ran, ran on the old connection.
    for (const ring of this.#rings) ring.started = false;
    this.#backEnd.dispose();
    try {
      this.#backEnd = this.#connect();
    } catch (error) {
      throw error instanceof DeviceAbsent ? lost : error;
    }
  }

  #needsReset(): void {
    this.#status |= STATUS.DEVICE_NEEDS_RESET;
    if ((this.#status & STATUS.DRIVER_OK) !== 0) this.#onConfig?.();
  }

  /** Whether the back end takes the features. One that closes the connection over them has refused. */
  #agreed(): boolean {
    if (this.#refused) return false;
    const before = this.#status;
    const agreed = this.#guard(() => this.#backEnd.setFeatures(this.#features));
    if (agreed !== undefined) return agreed;
    this.#lost = false;
    this.#told = false;
    this.#status = before;
    return false;
  }

  /** The table of mappings is another one: a back end that runs gets it at once. */
  #changed(): number {
    this.#told = false;
    if (!this.#live() || this.#lost) return 0;
    // Queues whose areas are not in the table any more stop until they are again.
    return (
      this.#guard(() => {
        this.#rings.forEach((ring, idx) => {
          if (ring.started && !this.#reaches(ring)) this.#stop(idx);
        });
        // One that runs nothing need not hear of a table that may not hold its areas.
        const told = !this.#rings.some((ring) => ring.started) || this.#tellMemory();
        this.#startAll((ring) => this.#reaches(ring));
        return told ? 0 : -ERRNO.EINVAL;
      }) ?? 0
    );
  }

  /** Whether the table covers the areas of a queue. */
  #reaches({ desc, driver, device }: Vring): boolean {
    return [desc, driver, device].every((iova) =>
      this.#table.some((entry) => iova >= entry.iova && iova < entry.iova + entry.size),
    );
  }

  #tellMemory(): boolean {
    if (this.#told) return true;
    this.#told = true;
    const regions: MemoryRegion[] = this.#table.map(({ iova, size, addr }) => ({
      guest: iova,
      size,
      user: USER + BigInt(iova),
      offset: addr,
    }));
    return this.#backEnd.setMemory(this.#memory.fd, regions);
  }

  /** Start every queue that is ready and does not run, of those that are `wanted`. */
  #startAll(wanted: (ring: Vring) => boolean = () => true): void {
    this.#rings.forEach((ring, idx) => {
      if (ring.ready && !ring.started && this.#live() && wanted(ring)) this.#start(idx);
    });
  }

  /** Stop every queue and reset the device. Returns whether the back end can do that. */
  #stopAll(): boolean {
    const { resets } = this.#backEnd;
    if (!resets) return false;
    this.#rings.forEach((ring, idx) => {
      if (ring.started) this.#stop(idx);
    });
    this.#backEnd.reset();
    this.#deliver();
    return true;
  }

  #start(idx: number): void {
    const ring = this.#rings[idx];
    const user = (iova: Iova): bigint => USER + BigInt(iova);
    const backEnd = this.#backEnd;
    ring.started =
      this.#tellMemory() &&
      backEnd.setNum(idx, ring.num) &&
      backEnd.setBase(idx, toBase(ring.state, this.#packed())) &&
      backEnd.setAddress(idx, user(ring.desc), user(ring.driver), user(ring.device)) &&
      backEnd.setFd('SET_VRING_ERR', idx, ring.error.fd) &&
      backEnd.setFd('SET_VRING_CALL', idx, ring.call.fd) &&
      backEnd.setFd('SET_VRING_KICK', idx, ring.kick.fd) &&
      backEnd.enable(idx, true);
    // What became available while it stood still was never kicked for.
    if (ring.started) ring.kick.signal();
    // Some back ends notify when they get the descriptor for it: that belongs to the start.
    this.#deliver();
  }

  #stop(idx: number): void {
    const ring = this.#rings[idx];
    ring.started = false;
    this.#backEnd.enable(idx, false);
    ring.state = fromBase(this.#backEnd.stop(idx), this.#packed());
    this.#deliver();
  }
}
