import { attempt, check } from './libc.ts';

/** Direction bits of {@link ioctlNumber}, as seen by the caller. */
export const IOC = { NONE: 0, WRITE: 1, READ: 2, READ_WRITE: 3 } as const;

/** Request number as `_IO`, `_IOW`, `_IOR` and `_IOWR` of `asm-generic/ioctl.h` make it. */
export function ioctlNumber(direction: 0 | 1 | 2 | 3, type: number, number: number, size: number): number {
  return ((direction << 30) | (size << 16) | (type << 8) | number) >>> 0;
}

/**
 * `ioctl` with a buffer that the kernel reads, fills, or both; null for none. The argument's size is that of
 * the request. Returns what the call returns.
 * @throws SystemError
 */
export function ioctl(fd: number, request: number, argument: Uint8Array | null, name?: string): number {
  return check('ioctl', name ?? `fd ${fd}, 0x${request.toString(16)}`, (c) =>
    c.ioctl(fd, request, 'void *', argument),
  );
}

/** As {@link ioctl}, but returns the negated errno of a call that failed. */
export function tryIoctl(fd: number, request: number, argument: Uint8Array | null): number {
  return attempt((c) => c.ioctl(fd, request, 'void *', argument));
}

/** `ioctl` whose argument is a number; returns the negated errno of a call that failed. */
export function tryIoctlInt(fd: number, request: number, argument: number): number {
  return attempt((c) => c.ioctlInt(fd, request, 'long', argument));
}
