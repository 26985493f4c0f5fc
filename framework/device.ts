/**
 * The vDPA parent contract: `struct vdpa_config_ops` of Linux (`include/linux/vdpa.h`) in TypeScript.
 *
 * Same ops, same order, same meaning; snake_case became camelCase. An op that reports failure returns
 * 0 or a negative errno (see {@link ERRNO}), as in the kernel. Calls are synchronous.
 *
 * Ordering that callers keep and parents may rely on:
 * - `reset` → features → `setVqCb`, `setVqNum`, `setVqAddress`, `setVqState`, `setVqReady(1)` per queue →
 *   `setConfigCb` → `setStatus(DRIVER_OK)`; a queue may be made ready before DRIVER_OK at any time;
 * - `setStatus` is never called with 0: `reset` is used for that;
 * - mappings may arrive before, between and after status steps, and while queues run;
 * - `getVqIrq` is asked only after DRIVER_OK was set and must not change while it is;
 * - `setGroupAsid` comes before DRIVER_OK.
 */

/** An I/O virtual address: what drivers put into rings. Exact below 2^53; nothing is mapped above 2^52. */
export type Iova = number;

/** Errno values that cross the contract and the vhost uAPI, as in Linux. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EINVAL: 22,
  ENOTTY: 25,
  ENOSPC: 28,
  EOPNOTSUPP: 95,
  ENOBUFS: 105,
  /** Not a standard value, but what the kernel answers in a few places. */
  ENOTSUPP: 524,
} as const;

/** Split virtqueue state: the avail index of the next descriptor chain that the device will take. */
export interface VqStateSplit {
  /** 16-bit avail index. */
  availIndex: number;
}

/** Packed virtqueue state: both positions with their wrap counters (counters are 0 or 1). */
export interface VqStatePacked {
  lastAvailCounter: number;
  lastAvailIdx: number;
  lastUsedCounter: number;
  lastUsedIdx: number;
}

/** State of one virtqueue; which half is meaningful follows VIRTIO_F_RING_PACKED. */
export interface VqState {
  split: VqStateSplit;
  packed: VqStatePacked;
}

/** The state of a queue that has never run (packed: counters 1, positions 0; section 2.7.1). */
export function initialVqState(): VqState {
  return {
    split: { availIndex: 0 },
    packed: { lastAvailCounter: 1, lastAvailIdx: 0, lastUsedCounter: 1, lastUsedIdx: 0 },
  };
}

/**
 * A callback from parent to bus driver. The parent copies the structure: the caller's object may be reused.
 * `callback === null` silences the queue while work goes on (a polling driver).
 */
export interface VdpaCallback {
  callback: (() => void) | null;
  /** When set, signalling it is equivalent to calling `callback`; a parent does one of the two, not both. */
  trigger?: () => void;
}

/** Location of a queue's doorbell page: physical address and size in bytes. */
export interface VdpaNotificationArea {
  addr: number;
  size: number;
}

/** Inclusive range of usable IOVAs. */
export interface VdpaIovaRange {
  first: Iova;
  last: Iova;
}

/** Mapping permissions as in `vhost_types.h`: device may read, may write, both. */
export const PERM = { RO: 1, WO: 2, RW: 3 } as const;
export type Perm = (typeof PERM)[keyof typeof PERM];

/** What a mapping of a parent that uses virtual addresses lies in: a shared file, and where in it. */
export interface MapFile {
  readonly file: string;
  readonly offset: number;
}

/**
 * One entry of an IOTLB: `size` bytes at `iova` translate to host physical `addr` onward. A parent that is bound to
 * a process (`useVa`, `bindMm`) gets user addresses of that process instead, and the file behind each.
 */
export interface IotlbEntry {
  iova: Iova;
  size: number;
  addr: number;
  perm: Perm;
  backing?: MapFile;
}

/** The address space of a process, as far as a parent that is bound to it needs to know. */
export interface ProcessAddresses {
  /** Physical address behind a user address; -1 when nothing is there. */
  physical(address: number): number;
}

/** Flag of `compatReset`: also clear all mappings. */
export const VDPA_RESET_F_CLEAN_MAP = 1;

export interface VdpaConfigOps {
  // ── virtqueue ops ─────────────────────────────────────────────────────────────────────────────
  /**
   * Store the addresses of queue `idx`: descriptor area, driver area, device area (IOVAs). Not dereferenced
   * until the queue is ready and DRIVER_OK is set. Returns 0 or -errno.
   */
  setVqAddress(idx: number, descArea: Iova, driverArea: Iova, deviceArea: Iova): number;
  /** Set the number of descriptors of queue `idx`. Cannot report failure; takes effect at the next ready. */
  setVqNum(idx: number, num: number): void;
  /** The driver has made buffers available on `idx`. Ignored on a queue that is not ready. */
  kickVq(idx: number): void;
  /**
   * (optional) Kick with notification data (section 2.7.23): virtqueue number in bits 0-15; split: next avail
   * index in bits 16-31; packed: next offset in bits 16-30, wrap counter in bit 31. Used instead of `kickVq`
   * when VIRTIO_F_NOTIFICATION_DATA is negotiated; without the op that feature is not negotiated.
   */
  kickVqWithData?(data: number): void;
  /** Set the used buffer notification callback of `idx`; the structure is copied. */
  setVqCb(idx: number, cb: VdpaCallback): void;
  /** Enable or disable queue `idx`. Disabling stops it before returning and keeps its position. */
  setVqReady(idx: number, ready: boolean): void;
  /** Whether queue `idx` is enabled: the last `setVqReady` that succeeded; false after reset. */
  getVqReady(idx: number): boolean;
  /** Set where queue `idx` starts; must accept {@link initialVqState}. 0, -EOPNOTSUPP, -EINVAL (live queue). */
  setVqState(idx: number, state: VqState): number;
  /** Fill `state` with the position of queue `idx`. 0 or -errno (never a guess). */
  getVqState(idx: number, state: VqState): number;
  /** (optional) Vendor statistics of queue `idx` as name → count; -errno when there are none. */
  getVendorVqStats?(idx: number): Record<string, number | bigint> | number;
  /** (optional) Doorbell of queue `idx`; page aligned and one page long if it is to be mapped. */
  getVqNotification?(idx: number): VdpaNotificationArea;
  /** (optional) Interrupt number of queue `idx`, negative when it has none; constant while DRIVER_OK. */
  getVqIrq?(idx: number): number;
  /** (optional) Size of queue `idx` in descriptors; 0 for a queue that does not exist. */
  getVqSize?(idx: number): number;
  // ── device ops ────────────────────────────────────────────────────────────────────────────────
  /** Alignment of the queue areas in bytes: a power of two. */
  getVqAlign(): number;
  /** (optional) Group of queue `idx`, below `ngroups`. */
  getVqGroup?(idx: number): number;
  /** (optional) Group of the ring areas of queue `idx`, when it differs from that of the buffers. */
  getVqDescGroup?(idx: number): number;
  /** Features offered; the same on every call for the life of the device. */
  getDeviceFeatures(): bigint;
  /** (optional) vhost backend features of the parent. */
  getBackendFeatures?(): bigint;
  /** Features that the driver accepts, before FEATURES_OK. 0, -EINVAL or -EOPNOTSUPP. */
  setDriverFeatures(features: bigint): number;
  /** Features in force; 0 after reset. */
  getDriverFeatures(): bigint;
  /** Set the configuration change callback; copied. */
  setConfigCb(cb: VdpaCallback): void;
  /** Largest queue size of the device. */
  getVqNumMax(): number;
  /** (optional) Smallest queue size; 1 when the op is missing. */
  getVqNumMin?(): number;
  /** Virtio device id (section 5). */
  getDeviceId(): number;
  /** Vendor id. */
  getVendorId(): number;
  /** Device status (section 2.1). Free of side effects. */
  getStatus(): number;
  /** Write the device status; never 0. Failure shows in `getStatus` only. */
  setStatus(status: number): void;
  /** Reset the device: no access to guest memory and no callback once it has returned. 0 or -errno. */
  reset(): number;
  /** (optional) As `reset`, with flags; see {@link VDPA_RESET_F_CLEAN_MAP}. */
  compatReset?(flags: number): number;
  /** (optional) Stop processing, keep all state; returns once no descriptor will be taken any more. */
  suspend?(): number;
  /** (optional) Continue after `suspend` where each queue stood. */
  resume?(): number;
  /** Size of the configuration space in bytes, fields of all offered features included. */
  getConfigSize(): number;
  /** Copy configuration bytes from `offset` into `buf`; beyond the end `buf` keeps what it holds. */
  getConfig(offset: number, buf: Uint8Array): void;
  /** Write configuration bytes; read-only fields ignore it. */
  setConfig(offset: number, buf: Uint8Array): void;
  /** (optional) Configuration generation; differs after any change of the configuration. */
  getGeneration?(): number;
  /** (optional) Usable IOVAs; the whole 64-bit space when the op is missing. */
  getIovaRange?(): VdpaIovaRange;
  /** (optional) Bind the interrupts of queue `idx` to CPUs; null means all. */
  setVqAffinity?(idx: number, cpus: readonly number[] | null): number;
  /** (optional) CPUs of queue `idx`. */
  getVqAffinity?(idx: number): readonly number[] | null;
  // ── DMA ops ───────────────────────────────────────────────────────────────────────────────────
  /** (optional) Assign a virtqueue group to an address space. Needed with several groups or spaces. */
  setGroupAsid?(group: number, asid: number): number;
  /** (optional) Replace the whole translation table of `asid`. 0 or -errno; on error old table or empty. */
  setMap?(asid: number, table: readonly IotlbEntry[]): number;
  /** (optional, with `dmaUnmap`) Add one mapping of `size` bytes: `iova` → host physical `addr`. */
  dmaMap?(asid: number, iova: Iova, size: number, addr: number, perm: Perm, backing?: MapFile): number;
  /** (optional, with `dmaMap`) Remove what one `dmaMap` added. */
  dmaUnmap?(asid: number, iova: Iova, size: number): number;
  /** (optional) Back to the default mapping of `asid`. */
  resetMap?(asid: number): number;
  /** (optional) Name of the device that does the DMA of queue `idx`. */
  getVqDmaDev?(idx: number): string;
  /** (optional) Bind to a process (parents that use virtual addresses): mappings hold its user addresses from now on. */
  bindMm?(mm: ProcessAddresses): number;
  /** (optional) Undo `bindMm`. */
  unbindMm?(): void;
  /** (optional) Release everything; safe at any stage of construction. */
  free?(): void;
}

export type OpName = keyof VdpaConfigOps;

/** A device on the vDPA bus: the contract plus what is fixed when the device is allocated. */
export interface VdpaDevice {
  /** Name on the bus, e.g. `vdpa0`. */
  readonly name: string;
  readonly ops: VdpaConfigOps;
  /** Number of virtqueues. */
  readonly nvqs: number;
  /** Virtqueue groups and address spaces; both at least 1. */
  readonly ngroups: number;
  readonly nas: number;
  /** The parent translates virtual addresses of a process. */
  readonly useVa?: boolean;
}
