import { DmaFault } from '../../framework/memory/host-memory.ts';
import { type DeviceBuffer, RingError } from '../../framework/virtqueue/device/ring.ts';
import type { SimQueue } from './queue.ts';
import { QueueOps } from './queue-ops.ts';
import { areasMapped } from './ring-areas.ts';

/** Result of {@link Engine.execute} for a buffer that is not to be given back now. */
export const KEPT = -1;

/**
 * The data path: `pump` serves the queues in turn, one buffer per unit of work. Each step of a buffer's way
 * (take, execute, complete, notify) is a method of its own that a device type, a variant or a seeded defect
 * can replace.
 */
export abstract class Engine extends QueueOps {
  /** The queue that `pump` looks at next. */
  cursor = 0;

  /**
   * Carry out the request in `buffer`. Returns how many bytes were stored from the first device-writable
   * byte on (the used length, section 2.6.8), or {@link KEPT} when the buffer is not to be given back.
   */
  abstract execute(queue: SimQueue, buffer: DeviceBuffer): number;

  /** Enter an error state that only a reset leaves (section 2.1.2). */
  abstract needsReset(why: string): void;

  // ── kicks ─────────────────────────────────────────────────────────────────────────────────────
  kickVq(idx: number): void {
    const queue = this.queues[idx];
    if (queue === undefined || queue.ring === null) return;
    queue.pending = true;
    queue.selfWoken = false;
  }

  /** Kick with notification data (section 2.7.23): bits 0-15 name the queue, the rest is a hint not needed here. */
  kickVqWithData(data: number): void {
    this.kickVq(data & 0xffff);
  }

  // ── the loop ──────────────────────────────────────────────────────────────────────────────────
  /** Do at most `budget` units of work, taking the queues in turn. Returns the units done; 0 is idle. */
  pump(budget: number): number {
    const { queues } = this;
    let done = 0;
    for (let idle = 0; done < budget && idle < queues.length; ) {
      const queue = queues[this.cursor];
      this.cursor = this.cursor + 1 === queues.length ? 0 : this.cursor + 1;
      if (this.runnable(queue) && this.serveQueue(queue) > 0) {
        done++;
        idle = 0;
      } else {
        idle++;
      }
    }
    this.afterPump();
    return done;
  }

  /** A pump is about to return: publish and notify what was put off. */
  afterPump(): void {
    for (const queue of this.queues) {
      if (!queue.flushDue || queue.ring === null || this.broken) continue;
      try {
        this.flush(queue);
      } catch (error) {
        this.serveFailed(queue, error);
      }
    }
  }

  /** Whether `queue` may be worked on now (section 2.1.2: not before DRIVER_OK). */
  runnable(queue: SimQueue): boolean {
    return queue.pending && queue.ring !== null && !this.broken;
  }

  /** One unit of work on `queue`, with errors of ring and memory dealt with. Returns 1, or 0 when idle. */
  serveQueue(queue: SimQueue): number {
    try {
      if (queue.selfWoken && !this.ringMapped(queue)) {
        queue.pending = false;
        queue.awaitsMapping = true;
        return 0;
      }
      queue.selfWoken = false;
      queue.awaitsMapping = false;
      return this.serve(queue);
    } catch (error) {
      return this.serveFailed(queue, error);
    }
  }

  /** One unit of work on `queue`: one buffer. Returns 1, or 0 when there is nothing to do. */
  serve(queue: SimQueue): number {
    if (queue.releasing) {
      const held = queue.inFlight.shift();
      if (queue.inFlight.length === 0) queue.releasing = false;
      if (held !== undefined) {
        this.run(queue, held);
        return 1;
      }
    }
    const buffer = this.next(queue);
    if (buffer === null) return 0;
    if (this.holdsBack(queue)) queue.inFlight.push(buffer);
    else this.run(queue, buffer);
    return 1;
  }

  /** The next available buffer; null once the queue went idle. Handles the race of kick and sleep. */
  next(queue: SimQueue): DeviceBuffer | null {
    const buffer = this.take(queue);
    if (buffer !== null) return buffer;
    return this.sleep(queue) ? null : this.take(queue);
  }

  /** Take one buffer from the ring, or null. Kicks are not needed from here on. */
  take(queue: SimQueue): DeviceBuffer | null {
    const ring = queue.ring!;
    if (!queue.kicksOff) {
      queue.kicksOff = true;
      ring.disableKicks();
    }
    const buffer = ring.pop();
    if (buffer !== null) queue.received++;
    return buffer;
  }

  /** Ask for kicks and go idle. False when a buffer came in meanwhile, and the queue goes on. */
  sleep(queue: SimQueue): boolean {
    queue.kicksOff = false;
    if (queue.ring!.enableKicks()) return false;
    queue.pending = false;
    return true;
  }

  /** Whether the buffer just taken waits for `release`. With IN_ORDER the ring keeps the order of use. */
  holdsBack(queue: SimQueue): boolean {
    if (queue.holdCount <= 0) return false;
    queue.holdCount--;
    return true;
  }

  /** Execute one buffer and give it back. */
  run(queue: SimQueue, buffer: DeviceBuffer): void {
    let written: number;
    try {
      written = this.execute(queue, buffer);
    } catch (error) {
      if (!(error instanceof DmaFault)) throw error;
      written = this.malformed(queue, buffer, error.message);
    }
    if (written >= 0 && queue.ring !== null) this.complete(queue, buffer, written);
  }

  /**
   * `buffer` cannot be served: it is too short, has no place for an answer, or its memory is out of reach.
   * Returns the used length to give it back with, or {@link KEPT}.
   */
  malformed(_queue: SimQueue, _buffer: DeviceBuffer, _why: string): number {
    return 0;
  }

  /** Give `buffer` back and make that visible, then notify. */
  complete(queue: SimQueue, buffer: DeviceBuffer, written: number): void {
    this.giveBack(queue, buffer, written);
    this.publish(queue);
  }

  /** Write the used entry of `buffer`; visible only with `publish`. */
  giveBack(queue: SimQueue, buffer: DeviceBuffer, written: number): void {
    queue.ring!.push(buffer, this.usedLength(queue, written));
    queue.completed++;
  }

  /** The used length to report when `written` bytes were stored (section 2.6.8.2). */
  usedLength(_queue: SimQueue, written: number): number {
    return written;
  }

  /** Publish and notify what a variant put off (`flushDue`). */
  flush(queue: SimQueue): void {
    queue.flushDue = false;
    queue.ring!.publish();
    if (queue.ring!.needsNotification()) this.interrupt(queue);
  }

  /** Make everything given back visible, then notify if the driver wants it: memory first, callback after. */
  publish(queue: SimQueue): void {
    queue.ring!.publish();
    this.notify(queue);
  }

  /** Used buffer notification, unless the driver suppresses it (sections 2.6.7 and 2.7.10). */
  notify(queue: SimQueue): void {
    if (queue.ring!.needsNotification()) this.interrupt(queue);
  }

  /** Call the driver for `queue`. */
  interrupt(queue: SimQueue): void {
    queue.callback?.();
  }

  // ── errors ────────────────────────────────────────────────────────────────────────────────────
  /** A ring is malformed or out of reach: its position is lost, so the device needs a reset. */
  serveFailed(queue: SimQueue, error: unknown): number {
    if (!(error instanceof RingError || error instanceof DmaFault)) throw error;
    this.needsReset(`queue ${queue.index}: ${error.message}`);
    return 0;
  }

  /** Whether all three areas of the ring are mapped as far as the device needs them. */
  ringMapped(queue: SimQueue): boolean {
    return areasMapped(queue.ringDma!, queue.latched!, queue.packed);
  }

  // ── stopping and holding back ─────────────────────────────────────────────────────────────────
  /** Finish all that was taken from `queue`: afterwards avail and used position are equal. */
  drain(queue: SimQueue): void {
    try {
      while (queue.inFlight.length > 0 && queue.ring !== null) this.run(queue, queue.inFlight.shift()!);
      if (queue.flushDue && queue.ring !== null) this.flush(queue);
    } catch (error) {
      this.serveFailed(queue, error);
    }
  }

  /** (ability `slow`) Hold back the next `count` requests of queue `idx`. */
  hold(idx: number, count: number): void {
    const queue = this.queues[idx];
    if (queue !== undefined) queue.holdCount = count;
  }

  /** (ability `slow`) Let go of everything held back; it is worked off by the next `pump`. */
  release(): void {
    for (const queue of this.queues) {
      queue.holdCount = 0;
      if (queue.inFlight.length === 0) continue;
      queue.releasing = true;
      queue.pending = true;
    }
  }
}
