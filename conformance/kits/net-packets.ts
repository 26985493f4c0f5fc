import type { Buffer } from '../session/buffers.ts';
import type { SessionQueue } from '../session/queues.ts';
import type { Session } from '../session/session.ts';
import { NET_HDR } from './net.ts';
import { type NetHdr, readHdr } from './net-header.ts';

/** A packet as the driver reads it out of used buffers (section 5.1.6.4). */
export interface Packet {
  hdr: NetHdr;
  /** Bytes behind the header, all buffers together. */
  frame: Uint8Array;
  /** Buffers it took, with the used length and the room of each. */
  lens: number[];
  rooms: number[];
  /** `num_buffers` promises more buffers than were used. */
  missing?: number;
  /** The used length of its last buffer is not known (IN_ORDER batch). */
  open?: boolean;
  /** Serial numbers of the buffers. */
  b: number[];
}

/** What a receive queue has done since it was set up. */
interface QueueState {
  /** Events of the history that were looked at. */
  seen: number;
  posted: Map<number, Buffer>;
  /** Used, not yet part of a packet. */
  used: Buffer[];
  packets: Packet[];
  /** Where the current window of {@link publications} began. */
  window: number;
}

/** What is known about packets on a receive queue; a queue that is laid out anew starts afresh. */
export function receiveState(session: Session, queue: SessionQueue): QueueState {
  const key = `net-receive-${queue.idx}`;
  const known = session.saved.get(key) as { queue: SessionQueue; state: QueueState } | undefined;
  if (known?.queue === queue) return known.state;
  const seen = session.recorder.events.length;
  const state: QueueState = { seen, posted: new Map(), used: [], packets: [], window: seen };
  session.saved.set(key, { queue, state });
  return state;
}

/** Consume used buffers of receive queue `idx` and read packets out of those that `net-rx` posted. */
export function receivePackets(session: Session, idx: number): Packet[] {
  const queue = session.queues.must(idx);
  const state = receiveState(session, queue);
  session.queues.collect(idx);
  const { events } = session.recorder;
  for (; state.seen < events.length; state.seen++) {
    const event = events[state.seen];
    if (event.k !== 'used' || event.q !== idx) continue;
    const buffer = state.posted.get(event.b);
    if (buffer) state.used.push(buffer);
  }
  const mergeable = session.has('VIRTIO_NET_F_MRG_RXBUF');
  while (state.used.length > 0) {
    const packet = takePacket(session, state.used, mergeable);
    // A buffer that came back empty, on its own, holds no packet.
    if (packet.open || packet.lens.length > 1 || packet.lens[0] > 0) state.packets.push(packet);
  }
  return state.packets;
}

function takePacket(session: Session, used: Buffer[], mergeable: boolean): Packet {
  const hdr = readHdr(session.buffers.written(used[0]));
  const empty = used[0].used?.len === 0;
  const promised = mergeable && !empty ? Math.max(1, hdr.num_buffers) : 1;
  const parts = used.splice(0, promised);
  const rooms = parts.map((buffer) => buffer.writable.reduce((sum, [, , n]) => sum + n, 0));
  const lens = parts.map((buffer, i) => buffer.used?.len ?? rooms[i]);
  const all = new Uint8Array(lens.reduce((sum, len) => sum + len, 0));
  let at = 0;
  parts.forEach((buffer, i) => {
    const bytes = session.buffers.written(buffer).subarray(0, lens[i]);
    all.set(bytes, at);
    at += bytes.length;
  });
  return {
    hdr,
    frame: all.slice(NET_HDR, at),
    lens,
    rooms,
    b: parts.map(({ b }) => b),
    ...(parts.length < promised ? { missing: promised - parts.length } : {}),
    ...(parts[parts.length - 1].used?.len === undefined ? { open: true } : {}),
  };
}

/** How the device made the used buffers of a queue visible, from the stores it did in a window of the history. */
export interface Publications {
  /** Split: values stored into the used index, in order. */
  indexes?: number[];
  /** Packed, by packet and buffer: when its used flags were stored; -1 for never (skipped by a batch). */
  flags?: number[][];
}

/** Publications since the last look, for `packets` that were all consumed in that time. */
export function publications(
  session: Session,
  queue: SessionQueue,
  packets: readonly Packet[],
): Publications {
  const state = receiveState(session, queue);
  const { events } = session.recorder;
  const stores = events.slice(state.window).flatMap((event) => (event.k === 'store' ? [event] : []));
  state.window = events.length;
  if (!queue.packed) {
    const at = queue.areas.device.pa + 2;
    return { indexes: stores.filter(({ pa, n }) => pa === at && n === 2).map(({ v }) => v as number) };
  }
  const slots = new Map<number, number>();
  for (const event of events)
    if (event.k === 'add' && event.q === queue.idx) slots.set(event.b, event.at ?? -1);
  const lastStore = (slot: number) => {
    const flags = queue.areas.desc.pa + 16 * slot + 14;
    return stores.findLastIndex(({ pa, n }) => pa <= flags && flags < pa + n);
  };
  return {
    flags: packets.map(({ b }) => b.map((serial) => lastStore(slots.get(serial) ?? -1))),
  };
}
