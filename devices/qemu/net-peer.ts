import { tryRead, tryWrite } from '../../framework/native/fd.ts';
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
  order: true,
  maxFrame: 65_535,
};

/**
 * The network behind a QEMU net device: the other end of its stream socket (`-netdev socket`). Neither direction
 * waits for the other end: what QEMU does not take is kept, and what it sends is taken in as it comes.
 */
export class QemuPeer implements PacketPeer {
  readonly caps = QEMU_PEER;
  readonly #machine: QemuMachine;
  readonly #fd: number;
  readonly #bytes = Buffer.alloc(256 << 10);
  /** Bytes of `#bytes` that are no whole frame yet. */
  #have = 0;
  #frames: TakenFrame[] = [];
  /** Bytes that QEMU has not taken yet, and how many of the first are on their way. */
  #unsent: Buffer[] = [];
  #gone = 0;
  #up = true;
  /** Frames were sent since the device was reset: some may lie in QEMU, which keeps what it has no buffer for. */
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
    this.#sent = true;
    this.#unsent.push(message);
    this.#give();
  }

  take(): TakenFrame[] {
    this.exchange();
    const frames = this.#frames;
    this.#frames = [];
    return frames;
  }

  /** Give QEMU what it takes, and take what it gives, so that a full socket holds nobody up. Returns whether any came. */
  exchange(): boolean {
    this.#give();
    const before = this.#frames.length;
    for (;;) {
      const got = this.#guard(() => tryRead(this.#fd, this.#bytes, this.#have));
      if (got === 0) return this.#frames.length > before;
      this.#have += got;
      let at = 0;
      while (this.#have - at >= PREFIX) {
        const end = at + PREFIX + this.#bytes.readUInt32BE(at);
        if (end > this.#have) break;
        this.#frames.push({ bytes: Uint8Array.from(this.#bytes.subarray(at + PREFIX, end)) });
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
    this.discard();
    if (!this.#up) this.link(true);
    this.take();
  }

  #give(): void {
    while (this.#unsent.length > 0) {
      const [first] = this.#unsent;
      const gone = this.#guard(() => tryWrite(this.#fd, first.subarray(this.#gone)));
      if (gone === 0) return;
      this.#machine.qtest.carriedOut++;
      this.#gone += gone;
      if (this.#gone < first.length) continue;
      this.#unsent.shift();
      this.#gone = 0;
    }
  }

  /**
   * The device was reset: frames that no driver took are lost, so that they do not turn up in the buffers of the
   * next one. They wait in QEMU's queue of the device, and behind them in the socket. A stopped machine drops what is
   * queued, and a network whose link is down drops what comes.
   */
  discard(): void {
    if (!this.#sent) return;
    this.#sent = false;
    const { qmp, qtest } = this.#machine;
    const more = () => this.#unsent.length > 0 || bytesUnread(this.#fd) > 0;
    const down = more();
    if (down) qmp.run('set_link', { name: 'net', up: false });
    qmp.run('stop');
    qmp.run('cont');
    if (!down) return;
    for (let turn = 0; turn < DRAIN_TURNS && more(); turn++) {
      qtest.turn();
      this.exchange();
    }
    qmp.run('set_link', { name: 'net', up: true });
  }

  #guard<T>(exchange: () => T): T {
    return this.#machine.process.guard('its network socket', exchange);
  }
}
