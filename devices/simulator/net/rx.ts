import { DmaFault } from '../../../framework/memory/host-memory.ts';
import { type DeviceBuffer, writableBytes } from '../../../framework/virtqueue/device/ring.ts';
import { storeWritable } from '../buffer-io.ts';
import type { SimQueue } from '../queue.ts';
import { type NetHeader, writeHeader } from './header.ts';
import type { NetDevice } from './net-device.ts';
import { type Delivery, RxOffload } from './rx-offload.ts';
import { type Arrival, type Lane, RxRouting } from './rx-routing.ts';
import { scratch } from './scratch.ts';

/** Outcome of looking for buffers: enough of them, none for now, or one was given back unused. */
export type Supply = 'ready' | 'short' | 'returned';

/**
 * Reception (sections 5.1.6.3 and 5.1.6.4): store each packet in one buffer, or in several with
 * VIRTIO_NET_F_MRG_RXBUF. A packet that does not fit is lost; a buffer never is.
 */
export class ReceivePath extends RxRouting {
  readonly offload: RxOffload;

  constructor(device: NetDevice) {
    super(device);
    this.offload = new RxOffload(device);
  }

  /** Whether there is a frame for `queue`. */
  hasWork(queue: SimQueue): boolean {
    const lane = this.lanes[queue.index >> 1];
    return lane !== undefined && lane.backlog.length > 0 && queue.holdCount === 0;
  }

  /** Deliver one packet, or find out that it cannot be. Returns the units done. */
  serve(queue: SimQueue): number {
    const lane = this.lane(queue.index >> 1);
    if (lane.ring !== queue.ring) {
      lane.ring = queue.ring;
      lane.held = [];
      lane.room = 0;
    }
    const arrival = lane.backlog[0];
    if (arrival === undefined) return 0;
    arrival.deliveries ??= this.offload.prepare(arrival.sent);
    const delivery = arrival.deliveries[arrival.done];
    if (delivery === undefined) {
      this.finish(lane, arrival);
      return 1;
    }
    const need = this.device.headerLength() + delivery.bytes.length;
    const supply = this.collect(queue, lane, need);
    if (supply === 'returned') return 1;
    if (supply === 'short') {
      if (this.waitsFor(queue, lane)) return 0;
      this.device.wake(queue);
    }
    this.finish(lane, arrival);
    if (supply === 'ready' && this.fits(lane, need)) this.deliver(queue, lane, delivery, need);
    return 1;
  }

  /** One delivery of `arrival` is settled. */
  finish(lane: Lane, arrival: Arrival): void {
    arrival.done++;
    if (arrival.done < arrival.deliveries!.length) return;
    lane.backlog.shift();
    this.waiting--;
  }

  /** Hold enough buffers for `need` bytes: with mergeable buffers as many as it takes, else one. */
  collect(queue: SimQueue, lane: Lane, need: number): Supply {
    while (!this.enough(lane, need)) {
      const buffer = this.take(queue);
      if (buffer === null) return 'short';
      if (!this.usable(buffer)) {
        this.use(queue, [buffer], [this.device.malformed(queue, buffer, 'no room for a header')]);
        return 'returned';
      }
      lane.held.push(buffer);
      lane.room += writableBytes(buffer);
    }
    return 'ready';
  }

  /** Whether the buffers held are all that a packet can be given. */
  enough(lane: Lane, need: number): boolean {
    return this.device.mergeable ? lane.room >= need : lane.held.length > 0;
  }

  /** Whether a packet has a place in the buffers held. */
  fits(lane: Lane, need: number): boolean {
    return this.device.mergeable || writableBytes(lane.held[0]) >= need;
  }

  /** Every buffer is at least as large as the header (5.1.6.3.1). */
  usable(buffer: DeviceBuffer): boolean {
    return writableBytes(buffer) >= this.device.headerLength();
  }

  /** The next buffer, or null once the driver has been asked for a kick. */
  take(queue: SimQueue): DeviceBuffer | null {
    const ring = queue.ring!;
    for (;;) {
      if (!queue.kicksOff) {
        queue.kicksOff = true;
        ring.disableKicks();
      }
      const buffer = ring.pop();
      if (buffer !== null || this.device.sleep(queue)) return buffer;
    }
  }

  /**
   * Whether to wait for more buffers. A packet for which too few are there is given up when another frame
   * waits behind it, which may fit, or when the ring holds no room for more buffers.
   */
  waitsFor(queue: SimQueue, lane: Lane): boolean {
    if (lane.held.length === 0) return true;
    if (lane.backlog.length > 1) return false;
    let elements = 0;
    for (const { readable, writable } of lane.held) elements += readable + writable;
    return elements < queue.latched!.num;
  }

  /** Store one packet in the buffers it takes, and use them all together (5.1.6.4.1). */
  deliver(queue: SimQueue, lane: Lane, delivery: Delivery, need: number): void {
    const used = this.choose(lane, need);
    const bytes = this.compose(delivery, used);
    const lengths: number[] = [];
    try {
      let at = 0;
      for (const buffer of used) {
        const share = this.share(buffer, need - at);
        storeWritable(queue.bufferDma!, buffer, 0, bytes, at, share);
        lengths.push(share);
        at += share;
      }
    } catch (error) {
      if (!(error instanceof DmaFault)) throw error;
      lengths.length = 0;
      for (const buffer of used) lengths.push(this.device.malformed(queue, buffer, error.message));
    }
    this.use(queue, used, lengths);
  }

  /** Remove the buffers that `need` bytes take from those held: full ones, then the rest. */
  choose(lane: Lane, need: number): DeviceBuffer[] {
    let count = 0;
    let room = 0;
    for (; room < need && count < lane.held.length; count++) room += writableBytes(lane.held[count]);
    lane.room -= room;
    return lane.held.splice(0, count);
  }

  /** Header and frame in one piece. */
  compose(delivery: Delivery, used: readonly DeviceBuffer[]): Uint8Array {
    const bytes = scratch();
    delivery.header.numBuffers = this.numBuffers(used);
    this.writeHeader(bytes, delivery.header);
    bytes.set(delivery.bytes, this.device.headerLength());
    return bytes;
  }

  /** `num_buffers`: buffers, however many descriptors each has (5.1.6.3.2). */
  numBuffers(used: readonly DeviceBuffer[]): number {
    return used.length;
  }

  writeHeader(bytes: Uint8Array, header: NetHeader): void {
    writeHeader(bytes, header);
  }

  /** Bytes for one buffer: all of it, or what is left of the packet. */
  share(buffer: DeviceBuffer, rest: number): number {
    return Math.min(rest, writableBytes(buffer));
  }

  /** Give all buffers of a packet back, then make that visible at once. */
  use(queue: SimQueue, used: readonly DeviceBuffer[], lengths: readonly number[]): void {
    // Entering an error state may have made the driver reset the device.
    if (queue.ring === null) return;
    for (let i = 0; i < used.length; i++) this.giveBack(queue, used[i], lengths[i]);
    this.device.publish(queue);
  }

  /** Give one buffer back with its exact length, on which the driver depends (5.1.6.4.1). */
  giveBack(queue: SimQueue, buffer: DeviceBuffer, length: number): void {
    if (length < 0) return;
    queue.ring!.push(buffer, length);
    queue.received++;
    queue.completed++;
  }
}
