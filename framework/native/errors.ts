import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** The native layer cannot be used here, or was used wrongly; `hint` says what to do. */
export class NativeError extends Error {
  readonly code = 'NATIVE';
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.name = 'NativeError';
    this.hint = hint;
  }
}

const NAMES = new Map<number, string>(
  Object.entries(constants.errno).map(([name, number]) => [number as number, name]),
);

/** Name of an errno value, e.g. `ENOENT` for 2. */
export const errnoName = (errno: number): string => NAMES.get(errno) ?? `errno ${errno}`;

/** A system call failed: `code` is the errno's name, `errno` its number, `call` and `what` what was tried. */
export class SystemError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly call: string;
  constructor(call: string, what: string, errno: number) {
    const text = getSystemErrorMap().get(-errno)?.[1] ?? 'system call failed';
    super(`${call}(${what}): ${errnoName(errno)} (${errno}), ${text}`);
    this.name = 'SystemError';
    this.code = errnoName(errno);
    this.errno = errno;
    this.call = call;
  }
}

/** A call did not get what it waited for within its limit. */
export class TimeLimitError extends Error {
  readonly code = 'TIME_LIMIT';
  readonly ms: number;
  constructor(what: string, ms: number) {
    super(`${what}: nothing within ${ms} ms`);
    this.name = 'TimeLimitError';
    this.ms = ms;
  }
}

/** The other end of a socket or pipe is gone. */
export class PeerClosedError extends Error {
  readonly code = 'PEER_CLOSED';
  constructor(what: string) {
    super(`${what}: the other end has closed the connection`);
    this.name = 'PeerClosedError';
  }
}
