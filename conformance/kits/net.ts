import type { TakenFrame } from '../../framework/peer.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { Buffer } from '../session/buffers.ts';
import type { Session } from '../session/session.ts';
import { type DeviceKit, difference, pattern } from './kit.ts';

/** Bytes of the packet header with VERSION_1 (section 5.1.6). */
export const NET_HDR = 12;

/** MAC of the far side in every frame of the suite. */
export const PEER_MAC = Uint8Array.of(2, 0, 0, 0, 0, 0xfe);

/** Own MAC of the device from the configuration space (section 5.1.4). */
export function ownMac(session: Session): Uint8Array {
  const bytes = new Uint8Array(6);
  session.recorded.quiet++;
  session.ops.getConfig(0, bytes);
  session.recorded.quiet--;
  return bytes;
}

/** A frame of an experimental ethertype: `to`, `from`, 88b5, then `size` payload bytes that name `seed`. */
export function markedFrame(to: Uint8Array, from: Uint8Array, size: number, seed: number): Uint8Array {
  const frame = new Uint8Array(14 + size);
  frame.set(to, 0);
  frame.set(from, 6);
  frame.set([0x88, 0xb5], 12);
  frame.set(pattern(seed, size), 14);
  return frame;
}

/** Whether `frame`, maybe padded to the Ethernet minimum, is `want`. */
export function sameFrame(want: Uint8Array, frame: Uint8Array): boolean {
  if (frame.length < want.length) return false;
  for (let i = 0; i < want.length; i++) if (frame[i] !== want[i]) return false;
  return (
    frame.length === want.length || (frame.length <= 60 && frame.subarray(want.length).every((b) => b === 0))
  );
}

/** Plain frames through a net device: transmit on queue 1, receive on queue 0, both checked at the peer. */
export const netKit: DeviceKit = {
  deviceType: 'net',
  sizes: { min: 46, typical: 100 },
  queue: (_, direction) => (direction === 'out' ? 1 : 0),
  lacks(session, direction) {
    const caps = session.instance.peer?.caps;
    if (caps?.loopback)
      return [0, 1].every((idx) => session.queues.get(idx)?.ready)
        ? null
        : 'a device that loops back transmits only into a receive queue that is enabled';
    if (direction === 'out') return caps?.take ? null : 'the parent offers no peer that takes frames';
    return caps?.send ? null : 'the parent offers no peer that sends frames';
  },
  plan(session, direction, size, seed) {
    // Another device may take the place of this one, with a peer of its own.
    const loopback = session.instance.peer?.caps.loopback === true;
    if (direction === 'out') {
      const frame = markedFrame(PEER_MAC, ownMac(session), size, seed);
      const readable = new Uint8Array(NET_HDR + frame.length);
      readable.set(frame, NET_HDR);
      return {
        queue: 1,
        readable,
        writable: 0,
        usedLen: 0,
        about: 'P1.1-027e',
        check() {
          // A frame for somebody else ends in the device.
          if (loopback) return null;
          const taken = takenFrames(session);
          const at = taken.findIndex((bytes) => sameFrame(frame, bytes));
          if (at >= 0) {
            taken.splice(at, 1);
            return null;
          }
          return `the frame did not reach the peer (${taken.length} other frames did)`;
        },
      };
    }
    const frame = markedFrame(ownMac(session), PEER_MAC, size, seed);
    const stray = strayFrames(session);
    const receiveQueue = () => session.queues.must(0);
    return {
      queue: 0,
      readable: new Uint8Array(0),
      writable: NET_HDR + frame.length,
      usedLen: NET_HDR + frame.length,
      about: 'P1.1-027m',
      stimulate() {
        if (!isLive(session)) stray.add(receiveQueue());
        if (loopback) transmit(session, frame);
        else session.instance.peer?.send(frame);
      },
      check(_, buffer: Buffer) {
        if (loopback) session.queues.collect(1);
        if (stray.has(receiveQueue()) || receiveQueue().paused) return null;
        const bytes = session.buffers.written(buffer);
        return difference('received frame', frame, bytes.subarray(NET_HDR, NET_HDR + frame.length));
      },
    };
  },
};

/**
 * Receive queues for which frames were sent before DRIVER_OK. The device drops them or keeps them, so which frame
 * a buffer holds from then on is open, as it is for a queue that was disabled for a while.
 */
const strayFrames = (session: Session): WeakSet<object> =>
  session.state('net-stray', () => new WeakSet<object>());

const isLive = (session: Session): boolean => (session.status() & STATUS.DRIVER_OK) !== 0;

/** Send a frame through a device whose far side is its own receive queue. */
function transmit(session: Session, frame: Uint8Array): void {
  session.queues.collect(1);
  const bytes = new Uint8Array(NET_HDR + frame.length);
  bytes.set(frame, NET_HDR);
  const buffer = session.buffers.create(1, '', [{ read: bytes }]);
  session.queues.add(buffer);
  session.queues.publish(1);
  session.queues.kickIfNeeded(1);
}

/** Frames that the peer has taken and no step has claimed yet. */
export function takenFrames(session: Session): Uint8Array[] {
  const frames = session.state('net-taken', (): Uint8Array[] => []);
  const peer = session.instance.peer;
  if (peer) {
    for (const frame of session.guarded('peer.take', () => peer.take())) {
      factsOf(session).set(frame.bytes, frame);
      frames.push(frame.bytes);
    }
  }
  return frames;
}

const factsOf = (session: Session) =>
  session.state('net-taken-facts', () => new Map<Uint8Array, TakenFrame>());

/** What came with a frame of {@link takenFrames}: metadata, transmit queue. */
export const takenFacts = (session: Session, bytes: Uint8Array): TakenFrame =>
  factsOf(session).get(bytes) ?? { bytes };
