import { tryRead, writeAll } from '../../framework/native/fd.ts';
import { bytesUnread } from '../../framework/native/socket.ts';
import type { PacketPeer, PeerCaps, TakenFrame } from '../../framework/peer.ts';
import type { QemuMachine } from './machine.ts';

/** Bytes of the length before each frame on the socket, big-endian. */
const PREFIX = 4;

/** Turns of QEMU's main loop in which it reads what is left in the socket; one takes 64 KiB and more. */
const DRAIN_TURNS = 100;

/** What the far side of a QEMU net device can do: whole frames both ways, no offloads, carrier by QMP. */
export const QEMU_PEER: PeerCaps = {
  send: true,
  take: true,
  sendMeta: 'none',
  takeMeta: 'none',
  link: true,
  announce: false,
  stall: false,
  flows: false,
  loopback: false,
  maxFrame: 65_535,
};

/** The network behind a QEMU net device: the other end of its stream socket (`-netdev socket`). */
export class QemuPeer implements PacketPeer {
  readonly caps = QEMU_PEER;
  readonly #machine: QemuMachine;
  readonly #fd: number;
  readonly #bytes = Buffer.alloc(256 << 10);
  #have = 0;
  #up = true;
  /** Frames were sent in this session. */
  #sent = false;

  constructor(machine: QemuMachine, fd: number) {
    this.#machine = machine;
    this.#fd = fd;
  }

  accept(): void {}

  send(frame: Uint8Array): void {
    const message = Buffer.alloc(PREFIX + frame.length);
    message.writeUInt32BE(frame.length);
    message.set(frame, PREFIX);
    this.#machine.qtest.carriedOut++;
    this.#sent = true;
    this.#machine.process.guard('its network socket', () => writeAll(this.#fd, message, 2000));
  }

  take(): TakenFrame[] {
    const frames: TakenFrame[] = [];
    for (;;) {
      const got = this.#machine.process.guard('its network socket', () =>
        tryRead(this.#fd, this.#bytes, this.#have),
      );
      if (got === 0) return frames;
      this.#have += got;
      let at = 0;
      while (this.#have - at >= PREFIX) {
        const end = at + PREFIX + this.#bytes.readUInt32BE(at);
        if (end > this.#have) break;
        frames.push({ bytes: Uint8Array.from(this.#bytes.subarray(at + PREFIX, end)) });
        at = end;
      }
      this.#bytes.copyWithin(0, at, this.#have);
      this.#have -= at;
    }
  }

  link(up: boolean): void {
    this.#up = up;
    this.#machine.qmp.run('set_link', { name: 'dut', up });
  }

  /** As at power on: carrier up, nothing under way. The device is reset already, and takes no frame. */
  prepare(): void {
    if (this.#sent) this.#discard();
    if (!this.#up) this.link(true);
    this.take();
    this.#have = 0;
    this.#sent = false;
  }

  /**
   * Frames that no driver took wait in QEMU's queue of the device, and behind them in the socket. A stopped machine
   * drops what is queued, and a network whose link is down drops what comes.
   */
  #discard(): void {
    const { qmp, qtest } = this.#machine;
    const more = bytesUnread(this.#fd) > 0;
    if (more) qmp.run('set_link', { name: 'net', up: false });
    qmp.run('stop');
    qmp.run('cont');
    if (!more) return;
    for (let turn = 0; turn < DRAIN_TURNS && bytesUnread(this.#fd) > 0; turn++) qtest.turn();
    qmp.run('set_link', { name: 'net', up: true });
  }
}
