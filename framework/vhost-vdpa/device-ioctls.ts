import { STATUS } from '../../specs/virtio-1.1/status.ts';
import { ERRNO } from '../device.ts';
import type { Argument } from './argument.ts';
import type { OpenFile } from './open-file.ts';
import type { UserProcess } from './process.ts';
import { BACKEND_F, CONFIG_HEADER, IOCTL, MEM_REGION_SIZE, MEM_REGIONS, UNBIND } from './uapi.ts';

const { DRIVER_OK, FEATURES_OK } = STATUS;

/** An ioctl of the device: what it does, and whether only the owner may. */
type Handler = (file: OpenFile, argument: Argument, caller: UserProcess) => number;

/** Answer with a value through the caller's pointer. */
const answer = (size: 1 | 2 | 4 | 8, value: (file: OpenFile) => number | bigint): Handler => {
  return (file, argument) => {
    const got = value(file);
    if (!argument.has(size)) return -ERRNO.EFAULT;
    if (size === 8) argument.putU64(BigInt(got));
    else if (size === 4) argument.putU32(Number(got));
    else if (size === 2) argument.putU16(Number(got));
    else argument.putU8(Number(got));
    return 0;
  };
};

/** Commands that every caller may give. */
const OPEN_TO_ALL: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [IOCTL.SET_BACKEND_FEATURES, setBackendFeatures],
  [IOCTL.GET_BACKEND_FEATURES, answer(8, (file) => file.offeredBackendFeatures())],
  [IOCTL.GET_DEVICE_ID, answer(4, ({ device }) => device.ops.getDeviceId())],
  [IOCTL.GET_STATUS, answer(1, ({ device }) => device.ops.getStatus() & 0xff)],
  [IOCTL.SET_STATUS, setStatus],
  [IOCTL.GET_CONFIG, getConfig],
  [IOCTL.SET_CONFIG, setConfig],
  [IOCTL.GET_CONFIG_SIZE, answer(4, ({ device }) => device.ops.getConfigSize())],
  [IOCTL.GET_FEATURES, answer(8, ({ device }) => device.ops.getDeviceFeatures())],
  [IOCTL.SET_FEATURES, setFeatures],
  [IOCTL.GET_VRING_NUM, answer(2, ({ device }) => device.ops.getVqNumMax())],
  [IOCTL.GET_GROUP_NUM, answer(4, ({ device }) => device.ngroups)],
  [IOCTL.GET_AS_NUM, answer(4, ({ device }) => device.nas)],
  [IOCTL.GET_VQS_COUNT, answer(4, ({ device }) => device.nvqs)],
  [IOCTL.SET_CONFIG_CALL, setConfigCall],
  [IOCTL.GET_IOVA_RANGE, getIovaRange],
  [IOCTL.SUSPEND, suspend],
  [IOCTL.RESUME, resume],
  [IOCTL.SET_LOG_BASE, () => -ERRNO.ENOTTY],
  [IOCTL.SET_LOG_FD, () => -ERRNO.ENOTTY],
  [IOCTL.SET_OWNER, setOwner],
  [IOCTL.SET_FORK_FROM_OWNER, setForkFromOwner],
  [IOCTL.GET_FORK_FROM_OWNER, answer(1, (file) => file.forkFromOwner)],
]);

/** Commands of the device that only the owner may give; those of queues are in `vring-ioctls.ts`. */
const FOR_OWNER: ReadonlyMap<number, Handler> = new Map([[IOCTL.SET_MEM_TABLE, setMemTable]]);

const LATE: ReadonlySet<number> = new Set([
  IOCTL.RESUME,
  IOCTL.SET_FORK_FROM_OWNER,
  IOCTL.GET_FORK_FROM_OWNER,
]);

/** Carry out a command of the device. Undefined when it is none of them: it may be one of a queue. */
export function deviceIoctl(
  file: OpenFile,
  command: number,
  argument: Argument,
  caller: UserProcess,
): number | undefined {
  if (LATE.has(command) && !file.release.later) return undefined;
  const open = OPEN_TO_ALL.get(command);
  if (open !== undefined) return open(file, argument, caller);
  if (file.owner !== caller) return -ERRNO.EPERM;
  return FOR_OWNER.get(command)?.(file, argument, caller);
}

function setBackendFeatures(file: OpenFile, argument: Argument): number {
  if (!argument.has(8)) return -ERRNO.EFAULT;
  const bits = argument.u64();
  const { ops } = file.device;
  if ((bits & ~file.release.backendBits) !== 0n || (bits & 1n) !== 0n) return -ERRNO.EOPNOTSUPP;
  const has = (bit: bigint) => (bits & bit) !== 0n;
  if (has(BACKEND_F.SUSPEND) && ops.suspend === undefined) return -ERRNO.EOPNOTSUPP;
  if (has(BACKEND_F.RESUME) && ops.resume === undefined) return -ERRNO.EOPNOTSUPP;
  if (has(BACKEND_F.DESC_ASID) && ops.getVqDescGroup === undefined) return -ERRNO.EOPNOTSUPP;
  if (has(BACKEND_F.IOTLB_PERSIST) && !file.keepsMappings()) return -ERRNO.EOPNOTSUPP;
  if (has(BACKEND_F.DESC_ASID) && !has(BACKEND_F.IOTLB_ASID)) return -ERRNO.EINVAL;
  file.backendFeatures = bits;
  return 0;
}

/** No bit may go but by writing 0, which is a reset and tells how that went. */
function setStatus(file: OpenFile, argument: Argument): number {
  if (!argument.has(1)) return -ERRNO.EFAULT;
  const status = argument.u8();
  const before = file.device.ops.getStatus();
  if (status !== 0 && (before & ~status) !== 0) return -ERRNO.EINVAL;
  if ((before & DRIVER_OK) !== 0 && (status & DRIVER_OK) === 0)
    for (const vring of file.vrings) vring.bypass = null;
  if (status === 0) {
    const error = file.resetDevice();
    if (error < 0) return error;
  } else file.core.setStatus(status);
  if ((status & DRIVER_OK) !== 0 && (before & DRIVER_OK) === 0)
    for (const vring of file.vrings) file.setUpBypass(vring);
  return 0;
}

function setFeatures(file: OpenFile, argument: Argument): number {
  const { ops } = file.device;
  if ((ops.getStatus() & FEATURES_OK) !== 0) return -ERRNO.EBUSY;
  if (!argument.has(8)) return -ERRNO.EFAULT;
  if (file.core.setFeatures(argument.u64()) < 0) return -ERRNO.EINVAL;
  const inForce = ops.getDriverFeatures();
  for (const vring of file.vrings) vring.features = inForce;
  return 0;
}

/** Offset and length of a configuration access, or -errno. */
function configRange(file: OpenFile, argument: Argument): { offset: number; length: number } | number {
  if (!argument.has(CONFIG_HEADER)) return -ERRNO.EFAULT;
  const [offset, length] = [argument.u32(0), argument.u32(4)];
  const size = file.device.ops.getConfigSize();
  if (length === 0 || offset > size || length > size - offset) return -ERRNO.EINVAL;
  return { offset, length };
}

function getConfig(file: OpenFile, argument: Argument): number {
  const range = configRange(file, argument);
  if (typeof range === 'number') return range;
  const bytes = new Uint8Array(range.length);
  file.core.getConfig(range.offset, bytes);
  if (!argument.has(range.length, CONFIG_HEADER)) return -ERRNO.EFAULT;
  argument.put(bytes, CONFIG_HEADER);
  return 0;
}

function setConfig(file: OpenFile, argument: Argument): number {
  const range = configRange(file, argument);
  if (typeof range === 'number') return range;
  if (!argument.has(range.length, CONFIG_HEADER)) return -ERRNO.EFAULT;
  file.core.setConfig(range.offset, argument.copy(CONFIG_HEADER, range.length));
  return 0;
}

/** The callback is always registered; without an eventfd it finds none. */
function setConfigCall(file: OpenFile, argument: Argument, caller: UserProcess): number {
  if (!argument.has(4)) return -ERRNO.EFAULT;
  const fd = argument.s32();
  const event = fd === UNBIND ? null : caller.files.eventfdAt(fd);
  if (typeof event === 'number') return event;
  file.configCall = event;
  file.announceConfigCall();
  return 0;
}

function getIovaRange({ range }: OpenFile, argument: Argument): number {
  if (!argument.has(16)) return -ERRNO.EFAULT;
  argument.putU64(range.first, 0);
  argument.putU64(range.last, 8);
  return 0;
}

function suspend(file: OpenFile): number {
  const { ops } = file.device;
  if (file.release.suspendsRunningOnly && (ops.getStatus() & DRIVER_OK) === 0) return 0;
  if (ops.suspend === undefined) return -ERRNO.EOPNOTSUPP;
  const error = ops.suspend();
  if (error >= 0) file.suspended = true;
  return error;
}

function resume(file: OpenFile): number {
  const { ops } = file.device;
  if ((ops.getStatus() & DRIVER_OK) === 0) return 0;
  if (ops.resume === undefined) return -ERRNO.EOPNOTSUPP;
  const error = ops.resume();
  if (error >= 0) file.suspended = false;
  return error;
}

/** A parent that uses virtual addresses is bound to the owner's; when it refuses there is no owner. */
function setOwner(file: OpenFile, _argument: Argument, caller: UserProcess): number {
  if (file.owner !== null) return -ERRNO.EBUSY;
  file.owner = caller;
  if (!file.device.useVa || !file.release.later) return 0;
  const error = file.device.ops.bindMm?.(caller.memory) ?? 0;
  if (error < 0) file.owner = null;
  return error;
}

function setForkFromOwner(file: OpenFile, argument: Argument): number {
  if (file.owner !== null) return -ERRNO.EBUSY;
  if (!argument.has(1)) return -ERRNO.EFAULT;
  if (argument.u8() > 1) return -ERRNO.EINVAL;
  file.forkFromOwner = argument.u8();
  return 0;
}

/** The memory table of other vhost devices is looked at and has no effect. */
function setMemTable(_file: OpenFile, argument: Argument): number {
  if (!argument.has(8)) return -ERRNO.EFAULT;
  if (argument.u32(4) !== 0) return -ERRNO.EOPNOTSUPP;
  const regions = argument.u32(0);
  if (regions > MEM_REGIONS) return -ERRNO.E2BIG;
  return argument.has(regions * MEM_REGION_SIZE, 8) ? 0 : -ERRNO.EFAULT;
}
