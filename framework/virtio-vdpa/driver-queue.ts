import type { Area, DriverRing, Element, UsedBuffer } from '../virtqueue/driver/ring.ts';
import { DriverError } from './driver-error.ts';

/** A buffer that the device gave back: the caller's handle, and how many bytes it says it wrote. */
export interface Done<T> {
  readonly token: T;
  /** Undefined for a buffer that an IN_ORDER batch skipped: used in full (sections 2.6.9 and 2.7.8). */
  readonly length: number | undefined;
}

/** A virtqueue as drivers use it: buffers with handles, notifications both ways, suppression both ways. */
export class DriverQueue<T> {
  readonly idx: number;
  readonly ring: DriverRing;
  /** Most elements that a buffer can have. */
  readonly limit: number;
  /** The device has signalled since {@link collect} last began. */
  signalled = false;
  readonly #tables: Area[];
  readonly #kick: () => void;

  constructor(idx: number, ring: DriverRing, limit: number, tables: Area[], kick: () => void) {
    this.idx = idx;
    this.ring = ring;
    this.limit = limit;
    this.#tables = tables;
    this.#kick = kick;
  }

  /** The used buffer notification arrived. */
  signal(): void {
    this.signalled = true;
  }

  /**
   * Write a buffer into the ring, through an indirect table if there is one for it (sections 2.6.5.3 and
   * 2.7.7). False when there is no room now. The device sees it with {@link publish}.
   */
  add(elements: readonly Element[], token: T): boolean {
    const table = elements.length > 1 ? this.#tables.pop() : undefined;
    if (this.ring.free < (table === undefined ? elements.length : 1)) {
      if (table !== undefined) this.#tables.push(table);
      return false;
    }
    const handle: Handle<T> = { token, table };
    this.ring.add(elements, table === undefined ? { token: handle } : { token: handle, indirect: { table } });
    return true;
  }

  /** Make everything added available, and kick if the device wants that (sections 2.6.10 and 2.7.10). */
  publish(): void {
    this.ring.publish();
    this.kickIfNeeded();
  }

  kickIfNeeded(): void {
    if (this.ring.kickNeeded()) this.#kick();
  }

  /**
   * Take back what the device used: notifications off, until nothing is left, then on if `watch`, and one more
   * look for what came in between (section 5.1.6.4).
   *
   * @throws DriverError `device` for a used buffer that makes no sense
   */
  collect(watch = true): Done<T>[] {
    const done: Done<T>[] = [];
    for (;;) {
      this.signalled = false;
      this.ring.setInterrupts({ mode: 'disable' });
      for (let used = this.ring.poll(); used !== null; used = this.ring.poll())
        done.push(this.#release(used));
      if (!watch) return done;
      this.ring.armInterrupts();
      const late = this.ring.poll();
      if (late === null) return done;
      done.push(this.#release(late));
    }
  }

  #release(used: UsedBuffer): Done<T> {
    if (!used.known || used.fault !== undefined)
      throw new DriverError('device', `queue ${this.idx}: used buffer ${used.id} is wrong (${used.fault})`);
    const { token, table } = used.token as Handle<T>;
    if (table !== undefined) this.#tables.push(table);
    return { token, length: used.len };
  }
}

interface Handle<T> {
  readonly token: T;
  readonly table: Area | undefined;
}
