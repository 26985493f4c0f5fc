import { tryRead, writeAll } from './fd.ts';
import { check } from './libc.ts';
import { type Disposable, Resources } from './resources.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_GENERIC = 16;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
/** Bytes of `struct sockaddr_nl`: family, padding, port id, groups. */
const ADDRESS_SIZE = 12;

/** More than the kernel puts into one datagram of a dump. */
const RECEIVE_SIZE = 1 << 16;
/** Milliseconds that a send may take. */
const SEND_LIMIT = 5000;

/** What a socket is told when it is opened. */
export interface NativeNetlinkOptions {
  /** Acknowledgements may carry attributes (default true). */
  readonly extendedAck?: boolean;
  /** Acknowledgements of errors do not repeat the request (default true). */
  readonly cappedAck?: boolean;
}

/** A generic netlink socket of this process. */
export interface NativeNetlinkSocket extends Disposable {
  /** Port id that the kernel gave it. */
  readonly portId: number;
  /**
   * Send a datagram and fetch all that the kernel answers. It answers before the send returns, and goes on
   * with a dump whenever a part is fetched, so what is not there then does not come.
   * @throws SystemError
   */
  exchange(datagram: Uint8Array): Uint8Array[];
}

/** Open a generic netlink socket. @throws NativeError without koffi, SystemError */
export function openNetlink(options: NativeNetlinkOptions = {}): NativeNetlinkSocket {
  const resources = new Resources();
  const fd = resources.ownFd(
    check('socket', 'AF_NETLINK', (c) =>
      c.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_GENERIC),
    ),
  );
  try {
    if (options.extendedAck ?? true) setFlag(fd, NETLINK_EXT_ACK);
    if (options.cappedAck ?? true) setFlag(fd, NETLINK_CAP_ACK);
    const address = new Uint8Array(ADDRESS_SIZE);
    new DataView(address.buffer).setUint16(0, AF_NETLINK, true);
    check('bind', 'AF_NETLINK', (c) => c.bind(fd, address, ADDRESS_SIZE));
    const length = new Uint8Array(Uint32Array.of(ADDRESS_SIZE).buffer);
    check('getsockname', `fd ${fd}`, (c) => c.getsockname(fd, address, length));
    const portId = new DataView(address.buffer).getUint32(4, true);
    return { portId, exchange: (datagram) => exchange(fd, datagram), dispose: () => resources.dispose() };
  } catch (error) {
    resources.dispose();
    throw error;
  }
}

function setFlag(fd: number, option: number): void {
  const on = new Uint8Array(Uint32Array.of(1).buffer);
  check('setsockopt', `fd ${fd}`, (c) => c.setsockopt(fd, SOL_NETLINK, option, on, on.length));
}

function exchange(fd: number, datagram: Uint8Array): Uint8Array[] {
  writeAll(fd, datagram, SEND_LIMIT);
  const answers: Uint8Array[] = [];
  const buffer = new Uint8Array(RECEIVE_SIZE);
  for (;;) {
    const got = tryRead(fd, buffer);
    if (got === 0) return answers;
    answers.push(buffer.slice(0, got));
  }
}
