import {
  ERRNO,
  type IotlbEntry,
  type Iova,
  type Perm,
  type ProcessAddresses,
  VDPA_RESET_F_CLEAN_MAP,
  type VdpaCallback,
  type VdpaIovaRange,
} from '../../framework/device.ts';
import type { DevicePort } from '../../framework/memory/host-memory.ts';
import { DmaView, type Iotlb } from '../../framework/memory/iotlb.ts';
import { IotlbDirtyTracking, TrackedDmaView } from '../../framework/memory/iotlb-dirty.ts';
import { ProcessPort } from '../../framework/memory/process-port.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import { ConfigSpace } from './config-space.ts';
import {
  BACKEND_F_ENABLE_AFTER_DRIVER_OK,
  type DeviceProfile,
  IOVA_RANGE,
  SIMULATOR_VENDOR_ID,
} from './profile.ts';
import { Translation } from './translation.ts';

/** A change of the configuration space that waits for the device to be resumed. */
interface DeferredChange {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * Identity, configuration space and address spaces of a simulated device: everything that needs no queue.
 * Optional ops that a device does not have are undefined on the instance, as the contract wants it.
 */
export abstract class DeviceBase {
  readonly profile: DeviceProfile;
  readonly port: DevicePort;
  readonly name: string;
  readonly nvqs: number;
  readonly ngroups: number;
  readonly nas: number;
  readonly config: ConfigSpace;
  readonly useVa: boolean;
  /** Where DMA goes: to physical memory, or to the memory of the process that the device is bound to. */
  dmaPort: DevicePort;
  readonly translation: Translation;
  /** Dirty page tracking, where the profile has it. */
  readonly dirty: IotlbDirtyTracking | null;

  /** Device status (section 2.1). */
  status = 0;
  /** Features that the driver set; in force from FEATURES_OK on (section 2.2). */
  driverFeatures = 0n;
  suspended = false;
  /** In an error state that only a reset leaves. */
  broken = false;
  /** Why, for people. */
  failure: string | undefined = undefined;
  configCallback: (() => void) | null = null;
  /** A configuration change notification waits for `resume`. */
  configSignalDue = false;
  deferredChanges: DeferredChange[] | null = null;

  constructor(profile: DeviceProfile, port: DevicePort, name = 'vdpa0') {
    this.profile = profile;
    this.port = port;
    this.name = name;
    this.nvqs = profile.nvqs;
    const own = profile.ringGroup ? 1 : 0;
    this.ngroups = profile.ngroups + own;
    this.nas = profile.nas + own;
    this.config = new ConfigSpace(profile.config);
    this.useVa = profile.virtualAddresses ?? false;
    this.dmaPort = port;
    this.translation = new Translation(this.ngroups, this.nas);
    this.dirty = profile.dirty ? new IotlbDirtyTracking(this.translation.tables[0]) : null;
    if (profile.dma === 'map') {
      this.setMap = undefined;
    } else {
      this.dmaMap = undefined;
      this.dmaUnmap = undefined;
    }
    if (!profile.virtualAddresses) {
      this.bindMm = undefined;
      this.unbindMm = undefined;
    }
  }

  /** The complete reset of the device. */
  abstract reset(): number;
  /** Mappings changed: work that waited for them may go on. */
  abstract mappingsChanged(): void;

  get driverOk(): boolean {
    return (this.status & STATUS.DRIVER_OK) !== 0;
  }

  /** Whether the driver accepted all bits of `mask`, and FEATURES_OK holds. */
  negotiated(mask: bigint): boolean {
    return (this.status & STATUS.FEATURES_OK) !== 0 && (this.driverFeatures & mask) === mask;
  }

  /** Whether the device offers all bits of `mask`. */
  offers(mask: bigint): boolean {
    return (this.profile.features & mask) === mask;
  }

  getDeviceId(): number {
    return this.profile.deviceId;
  }
  getVendorId(): number {
    return SIMULATOR_VENDOR_ID;
  }
  getDeviceFeatures(): bigint {
    return this.profile.features;
  }
  getBackendFeatures(): bigint {
    return BACKEND_F_ENABLE_AFTER_DRIVER_OK;
  }
  getDriverFeatures(): bigint {
    return this.driverFeatures;
  }

  // ── configuration space (section 2.4) ─────────────────────────────────────────────────────────
  getConfigSize(): number {
    return this.config.size;
  }
  getConfig(offset: number, buf: Uint8Array): void {
    this.config.read(offset, buf);
  }
  setConfig(offset: number, buf: Uint8Array): void {
    for (let i = 0; i < buf.length; i++) {
      const at = offset + i;
      if (!this.acceptsConfigWrite(at, buf[i]) || !this.config.storeByte(at, buf[i])) continue;
      this.configChanged(at, 1);
    }
  }
  getGeneration(): number {
    return this.config.generation;
  }
  setConfigCb(cb: VdpaCallback): void {
    this.configCallback = cb.callback === null ? null : (cb.trigger ?? cb.callback);
  }

  /** Whether the driver may store `value` in configuration byte `offset` now. */
  acceptsConfigWrite(_offset: number, _value: number): boolean {
    return false;
  }

  /** Configuration bytes have new values, whoever changed them: take them over into the device. */
  configChanged(_offset: number, _length: number): void {}

  /**
   * The device changes its configuration (section 2.4); while suspended it waits (`suspend` freezes the
   * configuration). The new bytes are in place when the notification goes out.
   */
  changeConfig(offset: number, bytes: Uint8Array): void {
    if (this.suspended) {
      this.deferredChanges ??= [];
      this.deferredChanges.push({ offset, bytes: bytes.slice() });
      return;
    }
    if (!this.config.store(offset, bytes)) return;
    this.configChanged(offset, bytes.length);
    this.notifyConfig();
  }

  /** Carry out what was put off during suspension. */
  applyDeferredChanges(): void {
    const changes = this.deferredChanges;
    this.deferredChanges = null;
    if (changes !== null) for (const { offset, bytes } of changes) this.changeConfig(offset, bytes);
  }

  /** Configuration change notification (section 2.3): none before DRIVER_OK, put off while suspended. */
  notifyConfig(): void {
    if (!this.driverOk) return;
    if (this.suspended) this.configSignalDue = true;
    else this.configCallback?.();
  }

  /** A view of memory through `table`. */
  createView(table: Iotlb): DmaView {
    const { dmaPort, dirty } = this;
    return dirty === null ? new DmaView(dmaPort, table) : new TrackedDmaView(dmaPort, table, dirty);
  }

  // ── address spaces ────────────────────────────────────────────────────────────────────────────
  getIovaRange(): VdpaIovaRange {
    return IOVA_RANGE;
  }
  setGroupAsid(group: number, asid: number): number {
    if (this.driverOk) return -ERRNO.EBUSY;
    return this.translation.assign(group, asid);
  }
  setMap?(asid: number, table: readonly IotlbEntry[]): number {
    const result = this.translation.replace(asid, table);
    if (result === 0) this.mappingsChanged();
    return result;
  }
  dmaMap?(asid: number, iova: Iova, size: number, addr: number, perm: Perm): number {
    const result = this.translation.map(asid, iova, size, addr, perm);
    if (result === 0) this.mappingsChanged();
    return result;
  }
  dmaUnmap?(asid: number, iova: Iova, size: number): number {
    return this.translation.unmap(asid, iova, size);
  }
  bindMm?(process: ProcessAddresses): number {
    this.dmaPort = new ProcessPort(this.port, process);
    return 0;
  }
  unbindMm?(): void {
    this.dmaPort = this.port;
  }
  resetMap(asid: number): number {
    return this.translation.clear(asid);
  }

  compatReset(flags: number): number {
    const result = this.reset();
    if ((flags & VDPA_RESET_F_CLEAN_MAP) !== 0) this.translation.clearAll();
    return result;
  }
}
