import { PeerClosedError, SystemError, TimeLimitError } from './errors.ts';
import { attempt, check } from './libc.ts';

const EINTR = 4;
const EAGAIN = 11;
const EPIPE = 32;
const ECONNRESET = 104;

const F_GETFL = 3;
const F_SETFL = 4;
const F_DUPFD_CLOEXEC = 1030;
const O_NONBLOCK = 0o4000;

/** Events of {@link poll}, as in `poll.h`. `ERR`, `HUP` and `NVAL` are reported without being asked for. */
export const POLL = { IN: 1, OUT: 4, ERR: 8, HUP: 16, NVAL: 32 } as const;

/** A descriptor to watch: which events (see {@link POLL}) and, after {@link poll}, what happened. */
export interface PollEntry {
  readonly fd: number;
  readonly events: number;
  /** Filled by {@link poll}. */
  happened?: number;
}

const pollBytes = new Uint8Array(new ArrayBuffer(8 * 64));
const pollView = new DataView(pollBytes.buffer);

/**
 * Wait until one of `entries` (at most 64) has something to tell, for at most `ms` milliseconds (0: only look).
 * Fills `happened` of each. Returns the number of entries with an event; 0 when the limit passed.
 */
export function poll(entries: readonly PollEntry[], ms: number): number {
  if (entries.length > 64) throw new RangeError(`poll watches at most 64 descriptors, got ${entries.length}`);
  entries.forEach((entry, i) => {
    pollView.setInt32(8 * i, entry.fd, true);
    pollView.setInt32(8 * i + 4, entry.events, true);
  });
  const count = pollUntil(entries.length, ms);
  entries.forEach((entry, i) => {
    entry.happened = pollView.getInt16(8 * i + 6, true);
  });
  return count;
}

/** Whether `fd` becomes readable, or its other end closes, within `ms` milliseconds. */
export function waitReadable(fd: number, ms: number): boolean {
  pollView.setInt32(0, fd, true);
  pollView.setInt32(4, POLL.IN, true);
  return pollUntil(1, ms) > 0;
}

/** Whether `fd` takes data within `ms` milliseconds. */
export function waitWritable(fd: number, ms: number): boolean {
  pollView.setInt32(0, fd, true);
  pollView.setInt32(4, POLL.OUT, true);
  return pollUntil(1, ms) > 0;
}

function pollUntil(count: number, ms: number): number {
  const end = ms > 0 ? performance.now() + ms : 0;
  let left = ms;
  for (;;) {
    const result = attempt((c) => c.poll(pollBytes, count, Math.max(0, Math.ceil(left))));
    if (result >= 0) return result;
    if (result !== -EINTR) throw new SystemError('poll', `${count} descriptors`, -result);
    left = end - performance.now();
  }
}

/**
 * Read what is there, at least one byte, into `into` from `at` on; waits at most `ms` milliseconds for it.
 * `fd` is non-blocking. Returns the number of bytes.
 * @throws TimeLimitError, PeerClosedError (end of file), SystemError
 */
export function readSome(fd: number, into: Uint8Array, ms: number, at = 0): number {
  const got = tryRead(fd, into, at);
  if (got > 0) return got;
  if (!waitReadable(fd, ms)) throw new TimeLimitError(`read of fd ${fd}`, ms);
  const later = tryRead(fd, into, at);
  if (later > 0) return later;
  throw new TimeLimitError(`read of fd ${fd}`, ms);
}

/**
 * Read without waiting, or where `fd` was set to block within its limit. Returns the number of bytes, 0 when there
 * is none yet.
 * @throws PeerClosedError at the end of the file, SystemError
 */
export function tryRead(fd: number, into: Uint8Array, at = 0): number {
  const part = at === 0 ? into : into.subarray(at);
  for (;;) {
    const got = attempt((c) => c.read(fd, part, part.length));
    if (got > 0) return got;
    if (got === 0 || got === -ECONNRESET) throw new PeerClosedError(`read of fd ${fd}`);
    if (got === -EAGAIN) return 0;
    if (got !== -EINTR) throw new SystemError('read', `fd ${fd}`, -got);
  }
}

/**
 * Write to a non-blocking `fd` without waiting. Returns the number of bytes, 0 when it takes none now.
 * @throws PeerClosedError, SystemError
 */
export function tryWrite(fd: number, bytes: Uint8Array): number {
  for (;;) {
    const sent = attempt((c) => c.write(fd, bytes, bytes.length));
    if (sent >= 0) return sent;
    if (sent === -EPIPE || sent === -ECONNRESET) throw new PeerClosedError(`write to fd ${fd}`);
    if (sent === -EAGAIN) return 0;
    if (sent !== -EINTR) throw new SystemError('write', `fd ${fd}`, -sent);
  }
}

/**
 * Write all of `bytes` to a non-blocking `fd` within `ms` milliseconds.
 * @throws TimeLimitError, PeerClosedError, SystemError
 */
export function writeAll(fd: number, bytes: Uint8Array, ms: number): void {
  const end = performance.now() + ms;
  let at = 0;
  while (at < bytes.length) {
    const sent = tryWrite(fd, at === 0 ? bytes : bytes.subarray(at));
    at += sent;
    if (sent === 0 && !waitWritable(fd, Math.max(0, end - performance.now())))
      throw new TimeLimitError(`write to fd ${fd}`, ms);
  }
}

/** Close `fd`. An fd is closed once: a second close may hit somebody else's. */
export function closeFd(fd: number): void {
  const result = attempt((c) => c.close(fd));
  if (result < 0 && result !== -EINTR) throw new SystemError('close', `fd ${fd}`, -result);
}

/** Duplicate `fd` to the lowest free number from `lowest` on; the copy is closed in children. */
export function dupFd(fd: number, lowest = 3): number {
  return check('dup', `fd ${fd}`, (c) => c.fcntl(fd, F_DUPFD_CLOEXEC, 'int', lowest));
}

/** Set or clear `O_NONBLOCK`, for every process that shares the open file. */
export function setNonBlocking(fd: number, on: boolean): void {
  const flags = check('fcntl', `fd ${fd}`, (c) => c.fcntl(fd, F_GETFL, 'int', 0));
  const wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (wanted !== flags) check('fcntl', `fd ${fd}`, (c) => c.fcntl(fd, F_SETFL, 'int', wanted));
}

/** Make every write to `fd` go to the end of the file. */
export function setAppend(fd: number): void {
  const flags = check('fcntl', `fd ${fd}`, (c) => c.fcntl(fd, F_GETFL, 'int', 0));
  check('fcntl', `fd ${fd}`, (c) => c.fcntl(fd, F_SETFL, 'int', flags | 0o2000));
}
