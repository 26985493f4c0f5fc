import { afterEach, describe, expect, it } from 'vitest';
import { SystemError } from './errors.ts';
import { PacketSocket } from './packet-socket.ts';

/** An Ethernet frame of `size` bytes; the protocol is one for experiments. */
function frame(size: number, fill: number): Uint8Array {
  const bytes = new Uint8Array(size).fill(fill);
  bytes.set([0x88, 0xb5], 12);
  return bytes;
}

let socket: PacketSocket | undefined;
afterEach(() => socket?.dispose());

/** The first frame with the protocol for experiments: others use the loopback interface as well. */
function mine(from: PacketSocket): Uint8Array | null {
  for (;;) {
    const got = from.receive(1000);
    if (got === null || (got[12] === 0x88 && got[13] === 0xb5)) return got;
  }
}

describe.runIf(process.getuid?.() === 0)('a packet socket (needs root)', () => {
  it('takes whole frames from an interface, and puts them there', () => {
    socket = new PacketSocket('lo');
    expect(socket.maxFrame).toBeGreaterThan(1500);
    for (const size of [60, 1514, 9000]) {
      socket.send(frame(size, size & 0xff));
      expect(Buffer.compare(mine(socket)!, frame(size, size & 0xff))).toBe(0);
    }
  });

  it('keeps a thousand frames until they are asked for', () => {
    socket = new PacketSocket('lo');
    for (let i = 0; i < 1000; i++) socket.send(frame(60, i & 0xff));
    for (let i = 0; i < 1000; i++) expect(mine(socket)?.[20]).toBe(i & 0xff);
  });

  it('is refused by an interface that does not exist', () => {
    expect(() => new PacketSocket('no-such-wire')).toThrow(SystemError);
  });
});
