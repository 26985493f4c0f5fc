import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { VdpaCore } from '../core.ts';
import { ERRNO, type VdpaCallback, type VdpaDevice, type VdpaNotificationArea } from '../device.ts';
import { PAGE } from '../memory/guest-memory.ts';
import { Argument } from './argument.ts';
import { deviceIoctl } from './device-ioctls.ts';
import type { EventFd } from './eventfd.ts';
import { parseMessage } from './iotlb-message.ts';
import { FileMappings, type Range } from './mappings.ts';
import type { UserProcess } from './process.ts';
import type { KernelRelease } from './release.ts';
import { BACKEND_F, MSG_SIZE } from './uapi.ts';
import { Vring } from './vring.ts';
import { vringIoctl } from './vring-ioctls.ts';

/** Whole 64-bit space: the range of a parent that names none. */
const EVERYWHERE: Range = { first: 0n, last: 2n ** 64n - 1n };

/**
 * An open vhost-vdpa node: state that lives from open to close, and the system calls on it. Results are 0 or a
 * negative errno, as the kernel's.
 */
export class OpenFile {
  readonly core: VdpaCore;
  readonly release: KernelRelease;
  readonly opener: UserProcess;
  readonly range: Range;
  readonly mappings: FileMappings;
  readonly vrings: Vring[];
  owner: UserProcess | null = null;
  backendFeatures = 0n;
  configCall: EventFd | null = null;
  /** SUSPEND has succeeded since the last reset or RESUME. */
  suspended = false;
  /** Largest queue size as it was right after the last reset. */
  maximum: number;
  /** Worker threads belong to the owner (the fork control). */
  forkFromOwner = 1;
  /** The errno behind the last -EFAULT of {@link write}. */
  innerErrno = 0;
  #closed = false;
  #onClose: () => void;
  /** The structure handed to `setVqCb` and `setConfigCb`, used again and again. */
  readonly #callback: VdpaCallback = { callback: null };

  /** Use `VhostVdpaNode.open`, which resets the device first. */
  constructor(core: VdpaCore, release: KernelRelease, opener: UserProcess, onClose: () => void) {
    this.core = core;
    this.release = release;
    this.opener = opener;
    this.#onClose = onClose;
    const { ops, nvqs } = core.device;
    this.maximum = release.latchesMaximum ? ops.getVqNumMax() : 0xffff;
    const range = ops.getIovaRange?.();
    this.range = range ? { first: BigInt(range.first), last: BigInt(range.last) } : EVERYWHERE;
    this.mappings = new FileMappings(core.device, this.range);
    this.vrings = Array.from({ length: nvqs }, (_, idx) => new Vring(idx));
  }

  get device(): VdpaDevice {
    return this.core.device;
  }

  /** DRIVER_OK is set and the device is not suspended: rings may not be moved. */
  get frozen(): boolean {
    if (!this.release.freezesRings) return false;
    return (this.device.ops.getStatus() & STATUS.DRIVER_OK) !== 0 && !this.suspended;
  }

  /**
   * ioctl(2): `argument` is the memory that the third argument points to, read and written in place.
   *
   * @param caller the process that calls; who opened the node by default
   */
  ioctl(command: number, argument?: Uint8Array, caller: UserProcess = this.opener): number {
    if (this.#closed) return -ERRNO.EBADF;
    const pointer = new Argument(argument);
    return deviceIoctl(this, command, pointer, caller) ?? vringIoctl(this, command, pointer, caller);
  }

  /**
   * write(2) of one IOTLB message, `vhost_msg` or `vhost_msg_v2`.
   *
   * @returns 72; -EINVAL for bytes that are no message; -EFAULT for whatever goes wrong with one
   */
  write(bytes: Uint8Array, caller: UserProcess = this.opener): number {
    if (this.#closed) return -ERRNO.EBADF;
    const message = parseMessage(bytes, this.backendFeatures);
    if (typeof message === 'number') return message;
    if (message.type === 2 && message.size === 0n) return -ERRNO.EINVAL;
    this.innerErrno = this.owner === caller ? this.mappings.handle(message, caller) : -ERRNO.EPERM;
    return this.innerErrno < 0 ? -ERRNO.EFAULT : MSG_SIZE;
  }

  /** read(2): the node never has anything to tell. */
  read(): number {
    return -ERRNO.EINVAL;
  }

  /**
   * mmap(2) of the doorbell of one queue: a shared, write-only mapping of one page; `page` is the offset in pages
   * and the index of the queue.
   */
  mmap(
    page: number,
    length: number,
    access: { shared: boolean; read: boolean },
  ): VdpaNotificationArea | number {
    const { ops, nvqs } = this.device;
    if (this.#closed) return -ERRNO.EBADF;
    if (length !== PAGE || !access.shared || access.read) return -ERRNO.EINVAL;
    if (ops.getVqNotification === undefined) return -ERRNO.ENOTSUPP;
    if (page < 0 || page >= nvqs || page > 0xffff) return -ERRNO.EINVAL;
    const area = ops.getVqNotification(page);
    if (area.addr % PAGE !== 0) return -ERRNO.EINVAL;
    return area.size === PAGE ? area : -ERRNO.ENOTSUPP;
  }

  /** close(2): the device is reset, then everything that the process gave it is taken away. */
  close(): void {
    if (this.#closed) return;
    const { ops } = this.device;
    for (const vring of this.vrings) vring.bypass = null;
    this.resetDevice();
    for (const vring of this.vrings) {
      vring.stopKicks?.();
      vring.stopKicks = null;
    }
    this.configCall = null;
    if (this.owner !== null && this.device.useVa && this.release.later) ops.unbindMm?.();
    this.mappings.release(this.owner);
    this.owner = null;
    for (const vring of this.vrings) vring.call = null;
    this.#closed = true;
    this.#onClose();
  }

  /** Reset through the core; without the IOTLB_PERSIST acknowledgement mappings go as well. 0 or -errno. */
  resetDevice(): number {
    this.suspended = false;
    const clean = this.release.compatReset && (this.backendFeatures & BACKEND_F.IOTLB_PERSIST) === 0n;
    const error = this.core.reset(clean ? 1 : 0);
    if (error >= 0 && this.release.latchesMaximum) this.maximum = this.device.ops.getVqNumMax();
    return error;
  }

  /** Backend features that the node offers. */
  offeredBackendFeatures(): bigint {
    const { ops } = this.device;
    let bits = BACKEND_F.IOTLB_MSG_V2 | BACKEND_F.IOTLB_BATCH | BACKEND_F.IOTLB_ASID;
    if (ops.suspend !== undefined) bits |= BACKEND_F.SUSPEND;
    if (ops.resume !== undefined) bits |= BACKEND_F.RESUME;
    if (ops.getVqDescGroup !== undefined) bits |= BACKEND_F.DESC_ASID;
    if (this.keepsMappings()) bits |= BACKEND_F.IOTLB_PERSIST;
    if (this.release.later) bits |= ops.getBackendFeatures?.() ?? 0n;
    return bits & this.release.backendBits;
  }

  /** Whether mappings survive a plain reset. */
  keepsMappings(): boolean {
    const { ops } = this.device;
    if ((ops.setMap === undefined && ops.dmaMap === undefined) || ops.resetMap !== undefined) return true;
    return ((ops.getBackendFeatures?.() ?? 0n) & BACKEND_F.IOTLB_PERSIST) !== 0n;
  }

  /** Tell the parent where to signal queue `vring`. */
  announceCall(vring: Vring): void {
    this.device.ops.setVqCb(vring.idx, vring.fillCallback(this.#callback));
  }

  /** Tell the parent where to signal configuration changes; without an eventfd the callback finds none. */
  announceConfigCall(): void {
    this.#callback.callback = () => this.configCall?.signal();
    this.#callback.trigger = undefined;
    this.device.ops.setConfigCb(this.#callback);
  }

  /** Let the parent's interrupt of a queue inject directly, if there is one and a call eventfd to stand for it. */
  setUpBypass(vring: Vring): void {
    const irq = this.device.ops.getVqIrq?.(vring.idx) ?? -1;
    vring.bypass = irq < 0 || vring.call === null ? null : irq;
  }
}
