import { DmaFault } from '../../../framework/memory/host-memory.ts';
import {
  type DeviceBuffer,
  type DeviceRing,
  writableBytes,
} from '../../../framework/virtqueue/device/ring.ts';
import { storeWritable } from '../../simulator/buffer-io.ts';
import { ETH_HEADER } from '../../simulator/net/frame.ts';
import { NET_HEADER, writeHeader } from '../../simulator/net/header.ts';
import type { SentFrame } from '../../simulator/net/peer.ts';
import type { Delivery } from '../../simulator/net/rx-offload.ts';
import type { NetDaemon } from './net.ts';
import type { DaemonQueue } from './queue.ts';

/** Frames that wait for buffers; more are lost. */
const MOST_WAITING = 4096;

/** A frame for the driver, and the packets it became; those before `done` are settled. */
interface Arrival {
  readonly frame: SentFrame;
  readonly order: number;
  packets: Delivery[] | null;
  done: number;
}

/** What belongs to one receive queue: frames that wait, and buffers that were taken and hold nothing yet. */
class Lane {
  arrivals: Arrival[] = [];
  ring: DeviceRing | null = null;
  buffers: DeviceBuffer[] = [];
  room = 0;

  /** The ring is another one: buffers of the old one are gone. */
  follow(ring: DeviceRing | null): void {
    if (this.ring === ring) return;
    this.ring = ring;
    this.buffers = [];
    this.room = 0;
  }

  add(buffer: DeviceBuffer): void {
    this.buffers.push(buffer);
    this.room += writableBytes(buffer);
  }

  /** The first buffers with `need` bytes between them. */
  take(need: number): DeviceBuffer[] {
    let room = 0;
    const count = this.buffers.findIndex((buffer) => {
      room += writableBytes(buffer);
      return room >= need;
    });
    this.room -= room;
    return this.buffers.splice(0, count + 1);
  }
}

/** The way of frames to the driver (sections 5.1.6.3 and 5.1.6.4). A frame may be lost; a buffer may not. */
export class NetReceive {
  readonly #device: NetDaemon;
  readonly #wire: SentFrame[] = [];
  #lanes = new Map<number, Lane>();
  #waiting = 0;
  #order = 0;

  constructor(device: NetDaemon) {
    this.#device = device;
  }

  /** Forget all frames. */
  reset(): void {
    this.#wire.length = 0;
    this.#lanes.clear();
    this.#waiting = 0;
  }

  /** Give away the frames that the driver has not got, oldest first. */
  giveUp(): SentFrame[] {
    const waiting = [...this.#lanes.values()].flatMap(({ arrivals }) => arrivals.splice(0));
    this.#waiting = 0;
    const whole = waiting.filter(({ done }) => done === 0).sort((a, b) => a.order - b.order);
    return [...whole.map(({ frame }) => frame), ...this.#wire.splice(0)];
  }

  /** A frame is on the wire. */
  arrive(frame: SentFrame): void {
    this.#wire.push(frame);
  }

  get hasArrivals(): boolean {
    return this.#wire.length > 0;
  }

  /** Take frames off the wire; one that goes nowhere is a unit of work. Returns the units. */
  route(budget: number): number {
    let lost = 0;
    while (lost < budget) {
      const frame = this.#wire.shift();
      if (frame === undefined) break;
      const wanted = this.#device.hears && this.#device.wants(frame.bytes) && this.#waiting < MOST_WAITING;
      if (!wanted || !this.#steer({ frame, order: this.#order++, packets: null, done: 0 })) lost++;
    }
    return lost;
  }

  /** The pairs in use are others (section 5.1.6.5.5.2). */
  steerAnew(): void {
    const all = [...this.#lanes.values()].flatMap(({ arrivals }) => arrivals.splice(0));
    this.#waiting = 0;
    for (const arrival of all.sort((a, b) => a.order - b.order)) this.#steer(arrival);
  }

  #steer(arrival: Arrival): boolean {
    const { bytes } = arrival.frame;
    const chosen = 2 * this.#device.steering.pairFor(bytes, bytes.length);
    const queue = this.#device.queues[this.#device.queues[chosen].ring === null ? 0 : chosen];
    if (queue.ring === null) return false;
    this.#lane(queue).arrivals.push(arrival);
    this.#waiting++;
    wake(queue);
    return true;
  }

  #lane({ index }: DaemonQueue): Lane {
    let lane = this.#lanes.get(index);
    if (lane === undefined) {
      lane = new Lane();
      this.#lanes.set(index, lane);
    }
    return lane;
  }

  /** Whether a frame waits for `queue`. */
  waitsFor(queue: DaemonQueue): boolean {
    return (this.#lanes.get(queue.index)?.arrivals.length ?? 0) > 0;
  }

  /** Deliver one packet, or find out that there is no way to. Returns the units done, and whether the driver was told. */
  serve(queue: DaemonQueue): { done: number; told: boolean } {
    const lane = this.#lane(queue);
    lane.follow(queue.ring);
    const arrival = lane.arrivals[0];
    if (arrival === undefined) return { done: 0, told: false };
    arrival.packets ??= this.#device.offload.prepare(arrival.frame);
    const packet = arrival.packets[arrival.done];
    if (packet === undefined) return this.#settled(lane, arrival);
    const need = NET_HEADER + packet.bytes.length;
    while (this.#device.mergeable ? lane.room < need : lane.buffers.length === 0) {
      const buffer = this.#device.take(queue);
      if (buffer !== null && writableBytes(buffer) < NET_HEADER)
        return { done: 1, told: this.#device.give(queue, [buffer], [0]) };
      if (buffer !== null) {
        lane.add(buffer);
        continue;
      }
      if (this.#patient(queue, lane)) return { done: 0, told: false };
      wake(queue);
      return this.#settled(lane, arrival);
    }
    const { done } = this.#settled(lane, arrival);
    if (!this.#device.mergeable && writableBytes(lane.buffers[0]) < need) return { done, told: false };
    return { done, told: this.#store(queue, packet, lane.take(need), need) };
  }

  /** One packet of `arrival` is delivered or lost. */
  #settled(lane: Lane, arrival: Arrival): { done: number; told: boolean } {
    if (++arrival.done >= arrival.packets!.length) {
      lane.arrivals.shift();
      this.#waiting--;
    }
    return { done: 1, told: false };
  }

  /** Whether more buffers may come: unless the ring is full of those taken, or another frame may do with fewer. */
  #patient(queue: DaemonQueue, lane: Lane): boolean {
    if (lane.buffers.length === 0) return true;
    const taken = lane.buffers.reduce((sum, { readable, writable }) => sum + readable + writable, 0);
    return lane.arrivals.length === 1 && taken < queue.config!.num;
  }

  /** Header and frame, over all `buffers`, which are used together (section 5.1.6.4.1). */
  #store(queue: DaemonQueue, { header, bytes }: Delivery, buffers: DeviceBuffer[], need: number): boolean {
    const packet = new Uint8Array(need);
    header.numBuffers = buffers.length;
    writeHeader(packet, header);
    packet.set(bytes, NET_HEADER);
    let lengths: number[] = [];
    try {
      let at = 0;
      for (const buffer of buffers) {
        const share = Math.min(need - at, writableBytes(buffer));
        storeWritable(queue.dma, buffer, 0, packet, at, share);
        lengths.push(share);
        at += share;
      }
    } catch (error) {
      if (!(error instanceof DmaFault)) throw error;
      lengths = buffers.map(() => 0);
    }
    return this.#device.give(queue, buffers, lengths);
  }
}

/** The device has a reason of its own to look at `queue`. */
function wake(queue: DaemonQueue): void {
  if (!queue.pending) queue.unasked = true;
  queue.pending = true;
}

/** Whether `bytes` are long enough for a frame. */
export const isFrame = (bytes: Uint8Array): boolean => bytes.length >= ETH_HEADER;
