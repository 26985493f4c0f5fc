import { tryRead, writeAll } from '../../framework/native/fd.ts';
import type { PacketPeer, PeerCaps, TakenFrame } from '../../framework/peer.ts';
import type { QemuMachine } from './machine.ts';

/** Bytes of the length before each frame on the socket, big-endian. */
const PREFIX = 4;

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

  /** As at power on: carrier up, nothing under way. */
  prepare(): void {
    if (!this.#up) this.link(true);
    this.take();
    this.#have = 0;
  }
}
