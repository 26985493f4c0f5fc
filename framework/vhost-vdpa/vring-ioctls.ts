import { F_RING_PACKED } from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import { ERRNO, initialVqState } from '../device.ts';
import type { Argument } from './argument.ts';
import type { EventFd } from './eventfd.ts';
import type { OpenFile } from './open-file.ts';
import type { UserProcess } from './process.ts';
import { IOCTL, UNBIND, VRING_F_LOG } from './uapi.ts';
import type { Vring } from './vring.ts';

type Handler = (file: OpenFile, vring: Vring, argument: Argument, caller: UserProcess) => number;

/** Ask the parent for a number of a queue and put it into the `num` of the caller's `vhost_vring_state`. */
const answer =
  (ask: (file: OpenFile, vring: Vring) => number): Handler =>
  (file, vring, argument) => {
    const num = ask(file, vring);
    if (num < 0) return num;
    if (!argument.has(8)) return -ERRNO.EFAULT;
    argument.putU32(vring.idx, 0);
    argument.putU32(num, 4);
    return 0;
  };

/** Use the `num` of the caller's `vhost_vring_state`. */
const given =
  (use: (file: OpenFile, vring: Vring, num: number) => number): Handler =>
  (file, vring, argument) =>
    argument.has(8) ? use(file, vring, argument.u32(4)) : -ERRNO.EFAULT;

/** Use the eventfd that the caller's `vhost_vring_file` names, or null to take it away. */
const eventfd =
  (use: (file: OpenFile, vring: Vring, event: EventFd | null) => void): Handler =>
  (file, vring, argument, caller) => {
    if (!argument.has(8)) return -ERRNO.EFAULT;
    const fd = argument.s32(4);
    const event = fd === UNBIND ? null : caller.files.eventfdAt(fd);
    if (typeof event === 'number') return event;
    use(file, vring, event);
    return 0;
  };

/** A group number of the parent, which must be one. */
const group = (number: number | undefined, { device }: OpenFile): number => {
  if (number === undefined) return -ERRNO.EOPNOTSUPP;
  return number < 0 || number >= device.ngroups ? -ERRNO.EIO : number;
};

const COMMANDS: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [IOCTL.SET_VRING_NUM, given(setNum)],
  [IOCTL.SET_VRING_ADDR, setAddress],
  [IOCTL.SET_VRING_BASE, given(setBase)],
  [IOCTL.GET_VRING_BASE, answer(getBase)],
  [IOCTL.SET_VRING_KICK, eventfd(setKick)],
  [IOCTL.SET_VRING_CALL, setCall],
  [
    IOCTL.SET_VRING_ERR,
    eventfd((_, vring, event) => {
      vring.error = event;
    }),
  ],
  [
    IOCTL.SET_VRING_BUSYLOOP_TIMEOUT,
    given((_, vring, num) => {
      vring.busyLoop = num;
      return 0;
    }),
  ],
  [IOCTL.GET_VRING_BUSYLOOP_TIMEOUT, answer((_, vring) => vring.busyLoop)],
  [
    IOCTL.SET_VRING_ENABLE,
    given(({ device }, vring, num) => {
      device.ops.setVqReady(vring.idx, num !== 0);
      return 0;
    }),
  ],
  [IOCTL.GET_VRING_GROUP, answer((file, { idx }) => group(file.device.ops.getVqGroup?.(idx), file))],
  [IOCTL.GET_VRING_DESC_GROUP, answer((file, { idx }) => group(file.device.ops.getVqDescGroup?.(idx), file))],
  [IOCTL.GET_VRING_SIZE, answer(({ device }, { idx }) => device.ops.getVqSize?.(idx) ?? -ERRNO.EOPNOTSUPP)],
  [IOCTL.SET_GROUP_ASID, given(setGroupAsid)],
]);

const LATE: ReadonlySet<number> = new Set([IOCTL.GET_VRING_DESC_GROUP, IOCTL.GET_VRING_SIZE]);

/**
 * Carry out a command of a queue for the owner. The index comes first, even for commands that there are not: a
 * command that nobody knows is told apart only after its argument was taken for one.
 */
export function vringIoctl(file: OpenFile, command: number, argument: Argument, caller: UserProcess): number {
  if (!argument.has(4)) return -ERRNO.EFAULT;
  const vring = file.vrings[argument.u32(0)];
  if (vring === undefined) return -ERRNO.ENOBUFS;
  const handler = LATE.has(command) && !file.release.later ? undefined : COMMANDS.get(command);
  return handler === undefined ? -ERRNO.ENOTTY : handler(file, vring, argument, caller);
}

const isPacked = ({ features }: Vring) => (features & F_RING_PACKED) !== 0n;

function setNum(file: OpenFile, vring: Vring, num: number): number {
  if (num === 0 || num > 0xffff || (num & (num - 1)) !== 0 || num > file.maximum) return -ERRNO.EINVAL;
  vring.num = num;
  file.device.ops.setVqNum(vring.idx, num);
  return 0;
}

/** The parent gets the areas in its own order: descriptors, avail, used. */
function setAddress(file: OpenFile, vring: Vring, argument: Argument): number {
  if (!argument.has(40)) return -ERRNO.EFAULT;
  if ((argument.u32(4) & ~VRING_F_LOG) !== 0) return -ERRNO.EOPNOTSUPP;
  const [desc, used, avail, log] = [argument.u64(8), argument.u64(16), argument.u64(24), argument.u64(32)];
  if ((avail & 1n) !== 0n || (used & 3n) !== 0n || (log & 3n) !== 0n) return -ERRNO.EINVAL;
  Object.assign(vring, { desc, used, avail, log });
  if (file.frozen) return -ERRNO.EINVAL;
  const { ops } = file.device;
  return ops.setVqAddress(vring.idx, Number(desc), Number(avail), Number(used)) < 0 ? -ERRNO.EINVAL : 0;
}

/** Split: the avail index. Packed: avail position in the low half, used in the high, wrap counters in bit 15 of each. */
function setBase(file: OpenFile, vring: Vring, num: number): number {
  const packed = isPacked(vring);
  if (!packed && num > 0xffff) return -ERRNO.EINVAL;
  vring.lastAvail = num & 0xffff;
  if (packed) vring.lastUsed = num >>> 16;
  if (file.frozen) return -ERRNO.EINVAL;
  const state = initialVqState();
  if (packed) {
    state.packed = {
      lastAvailIdx: vring.lastAvail & 0x7fff,
      lastAvailCounter: vring.lastAvail >>> 15,
      lastUsedIdx: vring.lastUsed & 0x7fff,
      lastUsedCounter: vring.lastUsed >>> 15,
    };
  } else state.split.availIndex = vring.lastAvail;
  return file.device.ops.setVqState(vring.idx, state);
}

function getBase(file: OpenFile, vring: Vring): number {
  const state = initialVqState();
  const error = file.device.ops.getVqState(vring.idx, state);
  if (error < 0) return error;
  if (!isPacked(vring)) {
    vring.lastAvail = state.split.availIndex & 0xffff;
    return vring.lastAvail;
  }
  const { lastAvailIdx, lastAvailCounter, lastUsedIdx, lastUsedCounter } = state.packed;
  vring.lastAvail = (lastAvailIdx & 0x7fff) | (lastAvailCounter << 15);
  vring.lastUsed = (lastUsedIdx & 0x7fff) | (lastUsedCounter << 15);
  return vring.lastAvail + vring.lastUsed * 0x1_0000;
}

/** Every signal is a kick; one that came before counts at once. The counter is never read. */
function setKick({ device }: OpenFile, vring: Vring, event: EventFd | null): void {
  if (event === vring.kick) return;
  vring.stopKicks?.();
  vring.stopKicks = null;
  vring.kick = event;
  if (event === null) return;
  const kick = () => device.ops.kickVq(vring.idx);
  vring.stopKicks = event.wait(kick);
  if (event.count !== 0n) kick();
}

function setCall(file: OpenFile, vring: Vring, argument: Argument, caller: UserProcess): number {
  const running = () => (file.device.ops.getStatus() & STATUS.DRIVER_OK) !== 0;
  if (vring.call !== null && running()) vring.bypass = null;
  return eventfd((_file, _vring, event) => {
    vring.call = event;
    if (event !== null && running()) file.setUpBypass(vring);
    file.announceCall(vring);
  })(file, vring, argument, caller);
}

/** The index is that of a group here, and yet held to the number of queues first. */
function setGroupAsid(file: OpenFile, { idx }: Vring, asid: number): number {
  const { ops, ngroups, nas } = file.device;
  if (idx >= ngroups || asid >= nas) return -ERRNO.EINVAL;
  if (ops.setGroupAsid === undefined) return -ERRNO.EOPNOTSUPP;
  if (file.release.freezesGroups && (ops.getStatus() & STATUS.DRIVER_OK) !== 0) return -ERRNO.EBUSY;
  return ops.setGroupAsid(idx, asid);
}
