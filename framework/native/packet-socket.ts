import { readFileSync } from 'node:fs';
import { SystemError } from './errors.ts';
import { waitReadable } from './fd.ts';
import { attempt, check, native } from './libc.ts';
import { Resources } from './resources.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
/** ETH_P_ALL in network byte order. */
const ALL_PROTOCOLS = 0x0300;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_AUXDATA = 8;
const PACKET_IGNORE_OUTGOING = 23;
const PACKET_MR_PROMISC = 1;
const TP_STATUS_VLAN_VALID = 0x10;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const EINTR = 4;
const EAGAIN = 11;

/** Longest frame that is received whole. */
const MOST = 65_535 + 18;

/**
 * Bytes of frames that may wait, as the kernel counts them: more than 1 KiB for the shortest one. Its default is full
 * after 167 frames, and loses the rest.
 */
const WAITING = 64 << 20;

/** `struct msghdr`, its `struct iovec` and the control data of one frame, in one piece. */
class FrameRoom {
  static readonly IOVEC = 56;
  static readonly CONTROL = 72;
  static readonly CONTROL_SIZE = 64;
  readonly header = new Uint8Array(new ArrayBuffer(136));
  readonly frame = new Uint8Array(new ArrayBuffer(MOST));
  readonly view = new DataView(this.header.buffer);

  constructor() {
    const { koffi } = native();
    const at = koffi.address(this.header);
    this.view.setBigUint64(16, at + BigInt(FrameRoom.IOVEC), true);
    this.view.setBigUint64(24, 1n, true);
    this.view.setBigUint64(32, at + BigInt(FrameRoom.CONTROL), true);
    this.view.setBigUint64(FrameRoom.IOVEC, koffi.address(this.frame), true);
  }

  /** Ready to receive: the kernel has overwritten the sizes. */
  describe(): void {
    this.view.setBigUint64(40, BigInt(FrameRoom.CONTROL_SIZE), true);
    this.view.setBigUint64(FrameRoom.IOVEC + 8, BigInt(MOST), true);
  }

  /** The VLAN tag that the kernel took out of the frame (`struct tpacket_auxdata`), as 4 bytes; null without. */
  tag(): Uint8Array | null {
    if (this.view.getBigUint64(40, true) < 36n) return null;
    const data = FrameRoom.CONTROL + 16;
    if (this.view.getInt32(FrameRoom.CONTROL + 12, true) !== PACKET_AUXDATA) return null;
    if ((this.view.getUint32(data, true) & TP_STATUS_VLAN_VALID) === 0) return null;
    const [tci, tpid] = [this.view.getUint16(data + 16, true), this.view.getUint16(data + 18, true)];
    return Uint8Array.of(tpid >> 8, tpid & 0xff, tci >> 8, tci & 0xff);
  }
}

/**
 * Whole Ethernet frames in and out of a network interface of this host (`AF_PACKET`, packet(7)), in promiscuous mode.
 * A VLAN tag that the kernel has taken out of a received frame is put back.
 */
export class PacketSocket {
  /** Longest frame that the interface sends, in bytes, without the frame check sequence. */
  readonly maxFrame: number;
  readonly #fd: number;
  readonly #name: string;
  readonly #resources = new Resources();
  readonly #room = new FrameRoom();

  /** @throws SystemError: no such interface (ENOENT), no right to it (EPERM) */
  constructor(name: string) {
    this.#name = name;
    const index = numberIn(name, 'ifindex');
    this.maxFrame = numberIn(name, 'mtu') + 14;
    this.#fd = this.#resources.ownFd(
      check('socket', 'AF_PACKET', (c) =>
        c.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, ALL_PROTOCOLS),
      ),
    );
    try {
      const address = new Uint8Array(20);
      const view = new DataView(address.buffer);
      view.setUint16(0, AF_PACKET, true);
      view.setUint16(2, ALL_PROTOCOLS, true);
      view.setInt32(4, index, true);
      this.#makeRoom();
      check('bind', name, (c) => c.bind(this.#fd, address, address.length));
      const promiscuous = new Uint8Array(16);
      new DataView(promiscuous.buffer).setInt32(0, index, true);
      promiscuous[4] = PACKET_MR_PROMISC;
      this.#set(PACKET_ADD_MEMBERSHIP, promiscuous);
      this.#set(PACKET_IGNORE_OUTGOING, Uint8Array.of(1, 0, 0, 0));
      this.#set(PACKET_AUXDATA, Uint8Array.of(1, 0, 0, 0));
    } catch (error) {
      this.#resources.dispose();
      throw error;
    }
  }

  /** As much room as the kernel grants: all of it with CAP_NET_ADMIN, else up to net.core.rmem_max. */
  #makeRoom(): void {
    const size = new Uint8Array(Int32Array.of(WAITING).buffer);
    const ask = (option: number) =>
      attempt((c) => c.setsockopt(this.#fd, SOL_SOCKET, option, size, size.length));
    if (ask(SO_RCVBUFFORCE) < 0) ask(SO_RCVBUF);
  }

  #set(option: number, value: Uint8Array): void {
    check('setsockopt', `${this.#name}, ${option}`, (c) =>
      c.setsockopt(this.#fd, SOL_PACKET, option, value, value.length),
    );
  }

  /** Send one frame, from the destination address on. @throws SystemError: down (ENETDOWN), too long (EMSGSIZE) */
  send(frame: Uint8Array): void {
    check('write', this.#name, (c) => c.write(this.#fd, frame, frame.length));
  }

  /** The next frame that was received, or null when there is none within `ms` milliseconds. */
  receive(ms = 0): Uint8Array | null {
    const room = this.#room;
    for (let waited = ms === 0; ; waited = true) {
      room.describe();
      const got = attempt((c) => c.recvmsg(this.#fd, room.header, 0));
      if (got > 0) return withTag(room.frame.subarray(0, got), room.tag());
      if (got === -EINTR) continue;
      if (got !== 0 && got !== -EAGAIN) throw new SystemError('recvmsg', this.#name, -got);
      if (waited || !waitReadable(this.#fd, ms)) return null;
    }
  }

  dispose(): void {
    this.#resources.dispose();
  }
}

/** A copy of `frame`, with the tag behind the addresses. */
function withTag(frame: Uint8Array, tag: Uint8Array | null): Uint8Array {
  if (tag === null) return frame.slice();
  const whole = new Uint8Array(frame.length + tag.length);
  whole.set(frame.subarray(0, 12));
  whole.set(tag, 12);
  whole.set(frame.subarray(12), 16);
  return whole;
}

/** A number that sysfs tells about an interface. */
function numberIn(name: string, what: string): number {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/${what}`, 'utf8'));
  } catch (error) {
    const { errno = -2 } = error as NodeJS.ErrnoException;
    throw new SystemError('open', `/sys/class/net/${name}/${what}`, -errno);
  }
}
