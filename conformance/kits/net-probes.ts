import { netPairs } from '../session/bring-up.ts';
import type { Session } from '../session/session.ts';
import { macOf } from './frame-headers.ts';
import { NET_HDR, ownMac, PEER_MAC } from './net.ts';

const FURTHER: Record<string, string> = { multicast6: '333300000001', lldp: '0180c200000e' };

/**
 * MAC addresses that a text names: those of frames, where `dev` is the address in the configuration now; `first-dev`,
 * the one first seen in this session; `multicast6`, `lldp`; `uni-3`, `multi-0..64`: made-up table entries by number.
 */
export function macsOf(session: Session, text: string): Uint8Array[] {
  const own = ownMac(session);
  if (!session.saved.has('net-mac')) session.saved.set('net-mac', own);
  if (text === 'first-dev') return [session.saved.get('net-mac') as Uint8Array];
  const made = /^(uni|multi)-(\d+)(?:\.\.(\d+))?$/.exec(text);
  if (made === null) return [macOf(FURTHER[text] ?? text, { dev: own, peer: PEER_MAC })];
  const [first, last] = [Number(made[2]), Number(made[3] ?? made[2])];
  return Array.from({ length: last - first + 1 }, (_, i) => madeUp(made[1], first + i));
}

function madeUp(kind: string, n: number): Uint8Array {
  const head = kind === 'uni' ? [2, 1, 0, 1] : [1, 0, 0x5e, 1];
  return Uint8Array.from([...head, n >> 8, n & 0xff]);
}

/** Top up receive queue `queue` to `count` buffers of `size` bytes. */
export function topUp(session: Session, queue: number, count: number, size: number): void {
  const known = session.queues.get(queue);
  if (known === undefined) return;
  let there = 0;
  for (const buffer of session.buffers.all) if (buffer.q === queue && buffer.used === undefined) there++;
  if (there >= count) return;
  for (; there < count && known.ring.free > 0; there++) {
    session.queues.add(session.buffers.create(queue, '', [{ write: size }]));
  }
  session.queues.publish(queue);
  session.queues.kickIfNeeded(queue);
}

export const receiveQueues = (session: Session) =>
  Array.from({ length: netPairs(session) }, (_, pair) => 2 * pair);

/** A frame that the driver received, with its receive queue as numbered by the specification (from 1). */
export interface Received {
  queue: number;
  frame: Uint8Array;
}

/** Collect all receive queues; buffers hold the 12-byte header and the frame. */
export function receivedFrames(session: Session): Received[] {
  return receiveQueues(session).flatMap((queue) =>
    session.queues.collect(queue).map((buffer) => ({
      queue: queue / 2 + 1,
      frame: session.buffers.written(buffer).slice(NET_HDR, buffer.used?.len ?? undefined),
    })),
  );
}

/** Numbers that tell the frames of a session apart. */
export const serial = (session: Session) => {
  const next = ((session.saved.get('net-serial') as number | undefined) ?? 0) + 1;
  session.saved.set('net-serial', next);
  return next;
};
