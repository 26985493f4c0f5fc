import { PeerClosedError, SystemError, TimeLimitError } from './errors.ts';
import { closeFd, setNonBlocking, waitReadable, waitWritable } from './fd.ts';
import { attempt, check, native } from './libc.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const SCM_RIGHTS = 1;
const TIOCOUTQ = 0x5411;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const MSG_CTRUNC = 8;

const EINTR = 4;
const EAGAIN = 11;
const EPIPE = 32;
const ECONNRESET = 104;

/** Most descriptors that one message carries, as vhost-user needs them; the kernel takes more. */
export const MAX_FDS = 32;

/**
 * A pair of connected stream sockets. `ours` is non-blocking; `theirs` is for a child and blocks. Both are
 * closed in children that do not ask for them.
 */
export function socketPair(): { ours: number; theirs: number } {
  const fds = new Int32Array(2);
  const bytes = new Uint8Array(fds.buffer);
  check('socketpair', 'AF_UNIX', (c) => c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bytes));
  setNonBlocking(fds[0], true);
  return { ours: fds[0], theirs: fds[1] };
}

/** Make `fd` block, a read for at most `ms` milliseconds, a write likewise. */
export function setBlocking(fd: number, ms: number): void {
  const limit = new Uint8Array(
    BigInt64Array.of(BigInt(Math.floor(ms / 1000)), BigInt((ms % 1000) * 1000)).buffer,
  );
  for (const option of [SO_RCVTIMEO, SO_SNDTIMEO])
    check('setsockopt', `fd ${fd}`, (c) => c.setsockopt(fd, SOL_SOCKET, option, limit, limit.length));
  setNonBlocking(fd, false);
}

/** `struct sockaddr_un` of a path (at most 107 bytes), or of a name in the abstract name space (`@name`). */
function unixAddress(path: string): Uint8Array {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : path);
  if (name.length === 0 || name.length > 107)
    throw new RangeError(`a socket path has 1 to 107 bytes, got ${name.length}: ${path}`);
  const bytes = new Uint8Array(2 + name.length + (path.startsWith('@') ? 0 : 1));
  bytes[0] = AF_UNIX;
  bytes.set(name, 2);
  return bytes;
}

function unixSocket(): number {
  return check('socket', 'AF_UNIX', (c) => c.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/**
 * Connect to a listening Unix stream socket within `ms` milliseconds; a full backlog is waited for. Returns a
 * non-blocking fd.
 * @throws SystemError (`ENOENT`, `ECONNREFUSED`, …), TimeLimitError
 */
export function connectUnix(path: string, ms: number): number {
  const address = unixAddress(path);
  const fd = unixSocket();
  const end = performance.now() + ms;
  try {
    for (;;) {
      const result = attempt((c) => c.connect(fd, address, address.length));
      if (result >= 0) return fd;
      if (result !== -EAGAIN && result !== -EINTR) throw new SystemError('connect', path, -result);
      if (performance.now() > end) throw new TimeLimitError(`connect to ${path}`, ms);
      waitReadable(-1, 1);
    }
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** Listen on a new Unix stream socket. Returns a non-blocking fd. The caller removes the path afterwards. */
export function listenUnix(path: string, backlog = 8): number {
  const address = unixAddress(path);
  const fd = unixSocket();
  try {
    check('bind', path, (c) => c.bind(fd, address, address.length));
    check('listen', path, (c) => c.listen(fd, backlog));
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/**
 * Accept one connection within `ms` milliseconds. Returns a non-blocking fd.
 * @throws TimeLimitError, SystemError
 */
export function acceptUnix(listener: number, ms: number): number {
  if (!waitReadable(listener, ms)) throw new TimeLimitError(`accept on fd ${listener}`, ms);
  return check('accept4', `fd ${listener}`, (c) =>
    c.accept4(listener, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK),
  );
}

/** Bytes (with what the kernel adds) that the other end of a socket has not read yet. */
export function bytesUnread(fd: number): number {
  const count = new Int32Array(1);
  check('ioctl', `fd ${fd}, TIOCOUTQ`, (c) => c.ioctl(fd, TIOCOUTQ, 'void *', new Uint8Array(count.buffer)));
  return count[0];
}

/** Process id of whoever listened on, or connected, the other end of a Unix socket; 0 when it is not to be seen. */
export function peerPid(fd: number): number {
  const credentials = new Int32Array(3);
  const bytes = new Uint8Array(credentials.buffer);
  const length = new Uint8Array(Int32Array.of(bytes.length).buffer);
  check('getsockopt', `fd ${fd}, SO_PEERCRED`, (c) =>
    c.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, bytes, length),
  );
  return credentials[0];
}

/** `struct msghdr`, its one `struct iovec` and room for control data and payload, at fixed addresses (64 bit). */
class MessageBuffers {
  static readonly DATA = 64 << 10;
  readonly header = new Uint8Array(new ArrayBuffer(128));
  readonly control = new Uint8Array(new ArrayBuffer(512));
  readonly data = new Uint8Array(new ArrayBuffer(MessageBuffers.DATA));
  readonly headerView = new DataView(this.header.buffer);
  readonly controlView = new DataView(this.control.buffer);
  readonly #at: { iov: bigint; control: bigint; data: bigint };

  constructor() {
    const { koffi } = native();
    const at = (bytes: Uint8Array) => koffi.address(bytes);
    this.#at = { iov: at(this.header) + 64n, control: at(this.control), data: at(this.data) };
  }

  /** Describe `length` bytes of data and `control` bytes of control data. */
  describe(length: number, control: number): void {
    const view = this.headerView;
    this.header.fill(0);
    view.setBigUint64(16, this.#at.iov, true);
    view.setBigUint64(24, 1n, true);
    if (control > 0) {
      view.setBigUint64(32, this.#at.control, true);
      view.setBigUint64(40, BigInt(control), true);
    }
    view.setBigUint64(64, this.#at.data, true);
    view.setBigUint64(72, BigInt(length), true);
  }
}

let shared: MessageBuffers | undefined;
const buffers = () => {
  shared ??= new MessageBuffers();
  return shared;
};

/** Most bytes of payload in one call of {@link sendMessage} and {@link receiveMessage}. */
export const MAX_MESSAGE = MessageBuffers.DATA;

const align8 = (n: number) => (n + 7) & ~7;

/**
 * Send `bytes` with descriptors (SCM_RIGHTS) on a non-blocking stream socket, all of it within `ms`
 * milliseconds. The descriptors go with the first byte; they stay open here.
 * @throws TimeLimitError, PeerClosedError, SystemError
 */
export function sendMessage(fd: number, bytes: Uint8Array, fds: readonly number[], ms: number): void {
  if (bytes.length === 0 || bytes.length > MAX_MESSAGE || fds.length > MAX_FDS)
    throw new RangeError(`a message has 1 to ${MAX_MESSAGE} bytes and at most ${MAX_FDS} descriptors`);
  const end = performance.now() + ms;
  const buffer = buffers();
  let at = 0;
  while (at < bytes.length) {
    const part = at === 0 ? bytes : bytes.subarray(at);
    buffer.data.set(part);
    const control = at === 0 && fds.length > 0 ? 16 + 4 * fds.length : 0;
    if (control > 0) {
      buffer.controlView.setBigUint64(0, BigInt(control), true);
      buffer.controlView.setInt32(8, SOL_SOCKET, true);
      buffer.controlView.setInt32(12, SCM_RIGHTS, true);
      fds.forEach((one, i) => {
        buffer.controlView.setInt32(16 + 4 * i, one, true);
      });
    }
    buffer.describe(part.length, control === 0 ? 0 : align8(control));
    const sent = attempt((c) => c.sendmsg(fd, buffer.header, MSG_NOSIGNAL));
    if (sent >= 0) at += sent;
    else if (sent === -EPIPE || sent === -ECONNRESET) throw new PeerClosedError(`sendmsg to fd ${fd}`);
    else if (sent === -EAGAIN) {
      if (!waitWritable(fd, Math.max(0, end - performance.now())))
        throw new TimeLimitError(`sendmsg to fd ${fd}`, ms);
    } else if (sent !== -EINTR) throw new SystemError('sendmsg', `fd ${fd}`, -sent);
  }
}

/** What one call of {@link receiveMessage} brought. */
export interface ReceivedMessage {
  /** Bytes, at least one; a copy. */
  readonly bytes: Uint8Array;
  /** Descriptors that came with them; the caller closes them. */
  readonly fds: readonly number[];
}

/**
 * Receive at most `most` bytes and their descriptors from a non-blocking stream socket, waiting at most `ms`
 * milliseconds for the first byte.
 * @throws TimeLimitError, PeerClosedError, SystemError
 */
export function receiveMessage(fd: number, most: number, ms: number): ReceivedMessage {
  const end = performance.now() + ms;
  const buffer = buffers();
  for (;;) {
    buffer.describe(Math.min(most, MAX_MESSAGE), align8(16 + 4 * MAX_FDS));
    const got = attempt((c) => c.recvmsg(fd, buffer.header, MSG_CMSG_CLOEXEC));
    if (got > 0) return { bytes: buffer.data.slice(0, got), fds: takeFds(buffer) };
    if (got === 0 || got === -ECONNRESET) throw new PeerClosedError(`recvmsg from fd ${fd}`);
    if (got === -EAGAIN) {
      if (!waitReadable(fd, Math.max(0, end - performance.now())))
        throw new TimeLimitError(`recvmsg from fd ${fd}`, ms);
    } else if (got !== -EINTR) throw new SystemError('recvmsg', `fd ${fd}`, -got);
  }
}

function takeFds(buffer: MessageBuffers): number[] {
  const fds: number[] = [];
  const length = Number(buffer.headerView.getBigUint64(40, true));
  for (let at = 0; at + 16 <= length; ) {
    const size = Number(buffer.controlView.getBigUint64(at, true));
    if (size < 16) break;
    const rights =
      buffer.controlView.getInt32(at + 8, true) === SOL_SOCKET &&
      buffer.controlView.getInt32(at + 12, true) === SCM_RIGHTS;
    for (let i = at + 16; rights && i + 4 <= at + size; i += 4)
      fds.push(buffer.controlView.getInt32(i, true));
    at += align8(size);
  }
  if (buffer.headerView.getInt32(48, true) & MSG_CTRUNC) {
    for (const one of fds) closeFd(one);
    throw new RangeError(`a message came with more than ${MAX_FDS} descriptors`);
  }
  return fds;
}
