import { type Iova, initialVqState, PERM, type VdpaCallback } from '../../../framework/device.ts';
import { type DevicePort, DmaFault } from '../../../framework/memory/host-memory.ts';
import { DmaView, type Iotlb } from '../../../framework/memory/iotlb.ts';
import { createDeviceRing } from '../../../framework/virtqueue/device/create.ts';
import {
  type DeviceBuffer,
  type DeviceRing,
  RingError,
  readableBytes,
} from '../../../framework/virtqueue/device/ring.ts';
import { splitAreaSizes } from '../../../specs/virtio-1.1/ring-layout.ts';

/** Longest command; more is answered with an error. */
const MAX_COMMAND = 0x1_0000;
const ACK_OK = 0;
const ACK_ERR = 1;

/** What the control queue needs of its parent. */
export interface ControlHost {
  readonly port: DevicePort;
  /** The table of the address space that the queue is in now. */
  controlTable(): Iotlb;
  /** Carry out one command: class, command, data. */
  command(bytes: Uint8Array): boolean;
  /** The queue cannot go on. */
  controlFailed(why: string): void;
}

/**
 * The control virtqueue (section 5.1.6.5), which the parent serves in software: its ring is read through a table of
 * its own, one command for each unit of work.
 */
export class ControlQueue {
  readonly #host: ControlHost;
  num = 0;
  areas: readonly [desc: Iova, driver: Iova, device: Iova] | null = null;
  ready = false;
  callback: (() => void) | null = null;
  /** Position of the next start. */
  index = 0;
  ring: DeviceRing | null = null;
  received = 0;
  completed = 0;
  #dma: DmaView | null = null;
  /** There may be commands. */
  #pending = false;
  /** Nobody has kicked yet, so the ring may still be out of reach. */
  #unasked = false;
  #quiet = false;
  readonly #held: DeviceBuffer[] = [];
  #holdCount = 0;
  #releasing = false;

  constructor(host: ControlHost) {
    this.#host = host;
  }

  get complete(): boolean {
    const [desc, driver, device] = this.areas ?? [1, 1, 1];
    const { num } = this;
    const aligned = desc % 16 === 0 && driver % 2 === 0 && device % 4 === 0;
    return aligned && num > 0 && num <= 256 && (num & (num - 1)) === 0;
  }

  setCallback(cb: VdpaCallback): void {
    this.callback = cb.callback === null ? null : (cb.trigger ?? cb.callback);
  }

  /** Run from the stored position on. */
  start(): void {
    if (this.ring !== null) return;
    const [descArea, driverArea, deviceArea] = this.areas!;
    const dma = new DmaView(this.#host.port, this.#host.controlTable());
    const config = {
      num: this.num,
      descArea,
      driverArea,
      deviceArea,
      eventIdx: false,
      indirect: false,
      inOrder: false,
    };
    this.#dma = dma;
    this.ring = createDeviceRing(false, dma, dma, config, {
      ...initialVqState(),
      split: { availIndex: this.index },
    });
    this.#pending = true;
    this.#unasked = true;
    this.#quiet = false;
  }

  /** Finish the commands that were taken, and stop; the position stays. */
  stop(): void {
    try {
      while (this.ring !== null && this.#held.length > 0) this.#serve(this.#held.shift()!);
    } catch (error) {
      this.#failed(error);
    }
    if (this.ring === null) return;
    this.index = this.ring.state().split.availIndex;
    this.drop();
  }

  /** Stop where it is, finished or not. */
  drop(): void {
    this.ring = null;
    this.#pending = false;
    this.#releasing = false;
    this.#held.length = 0;
  }

  /** Back to the state after creation. */
  reset(): void {
    this.drop();
    this.num = 0;
    this.areas = null;
    this.ready = false;
    this.callback = null;
    this.index = 0;
    this.received = 0;
    this.completed = 0;
    this.#holdCount = 0;
  }

  kick(): void {
    if (this.ring === null) return;
    this.#pending = true;
    this.#unasked = false;
  }

  /** The table changed: a ring that was out of reach may be there now. */
  mappingsChanged(): void {
    if (this.ring !== null && this.#unasked) this.#pending = true;
  }

  /** Leave the next `count` commands unanswered until `release`. */
  hold(count: number): void {
    this.#holdCount = count;
  }
  release(): void {
    this.#holdCount = 0;
    if (this.#held.length === 0) return;
    this.#releasing = true;
    this.#pending = true;
  }

  /** One unit of work: one command. Returns 1, or 0 when there is nothing to do. */
  work(): number {
    if (!this.#pending || this.ring === null) return 0;
    try {
      if (this.#unasked && !this.#inReach()) {
        this.#pending = false;
        return 0;
      }
      this.#unasked = false;
      if (this.#releasing) {
        const held = this.#held.shift();
        this.#releasing = this.#held.length > 0;
        if (held !== undefined) {
          this.#serve(held);
          return 1;
        }
      }
      return this.#next();
    } catch (error) {
      return this.#failed(error);
    }
  }

  #next(): number {
    const ring = this.ring!;
    if (!this.#quiet) ring.disableKicks();
    this.#quiet = true;
    let buffer = ring.pop();
    if (buffer === null) {
      this.#quiet = false;
      if (!ring.enableKicks()) {
        this.#pending = false;
        return 0;
      }
      ring.disableKicks();
      this.#quiet = true;
      buffer = ring.pop();
      if (buffer === null) return 0;
    }
    this.received++;
    if (this.#holdCount > 0) {
      this.#holdCount--;
      this.#held.push(buffer);
    } else this.#serve(buffer);
    return 1;
  }

  /** Carry out a command, however it is framed, and answer in its first device-writable byte. */
  #serve(buffer: DeviceBuffer): void {
    const written = this.#carryOut(buffer);
    const { ring } = this;
    if (ring === null) return;
    ring.push(buffer, written);
    this.completed++;
    ring.publish();
    if (ring.needsNotification()) this.callback?.();
  }

  #carryOut(buffer: DeviceBuffer): number {
    const dma = this.#dma!;
    const end = buffer.readable + buffer.writable;
    let ack = buffer.readable;
    while (ack < end && buffer.len[ack] === 0) ack++;
    if (ack === end || !dma.permits(buffer.addr[ack], 1, PERM.WO)) return 0;
    const length = readableBytes(buffer);
    let good = false;
    if (length <= MAX_COMMAND) {
      const bytes = new Uint8Array(length);
      try {
        for (let i = 0, at = 0; i < buffer.readable; at += buffer.len[i++])
          dma.load(buffer.addr[i], buffer.len[i], bytes, at);
      } catch (error) {
        if (!(error instanceof DmaFault)) throw error;
        return 0;
      }
      good = this.#host.command(bytes);
    }
    dma.put8(buffer.addr[ack], good ? ACK_OK : ACK_ERR);
    return 1;
  }

  /** Whether the ring areas are mapped as the device needs them (section 2.6). */
  #inReach(): boolean {
    const dma = this.#dma!;
    const [descArea, driverArea, deviceArea] = this.areas!;
    const { desc, avail, used } = splitAreaSizes(this.num);
    return (
      dma.permits(descArea, desc, PERM.RO) &&
      dma.permits(driverArea, avail - 2, PERM.RO) &&
      dma.permits(deviceArea, used - 2, PERM.WO)
    );
  }

  #failed(error: unknown): number {
    if (!(error instanceof RingError || error instanceof DmaFault)) throw error;
    this.#host.controlFailed(error.message);
    return 0;
  }
}
