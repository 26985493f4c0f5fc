import { Buffer as NodeBuffer } from 'node:buffer';
import type { VqState } from '../../framework/device.ts';
import { layoutQueue } from '../../framework/virtqueue/driver/areas.ts';
import { createDriverRing } from '../../framework/virtqueue/driver/create.ts';
import {
  type AddOptions,
  type Area,
  type DriverRing,
  DriverRingError,
  type InterruptMode,
} from '../../framework/virtqueue/driver/ring.ts';
import { F_EVENT_IDX, F_IN_ORDER, F_RING_PACKED } from '../../specs/virtio-1.1/features.ts';
import { DESC_SIZE, MAX_QUEUE_SIZE } from '../../specs/virtio-1.1/ring-layout.ts';
import type { AddEvent, AreaEvent, UsedEvent } from '../history/events.ts';
import type { Buffer } from './buffers.ts';
import type { Session } from './session.ts';

/** A queue as the session set it up. */
export interface SessionQueue {
  readonly idx: number;
  readonly num: number;
  readonly packed: boolean;
  readonly ring: DriverRing;
  readonly areas: { desc: Area; driver: Area; device: Area };
  /** Added, not yet available. */
  pending: number[];
  /** Next ring slot (packed) that `add` will use. */
  nextSlot: number;
  /** Notifications since the last time a step looked. */
  irqs: number;
  /** The device was told about everything that is available, or asked not to be. */
  announced: boolean;
  /** The driver has enabled it. */
  ready: boolean;
  /** A step has disabled it since it was set up. */
  paused?: boolean;
  /** The device took a position for it that is not the driver's. */
  astray?: boolean;
  /** A callback is registered. */
  listening: boolean;
  /** Called inside each notification. */
  onIrq?: () => void;
  /** The descriptor table as it was shown to the history last, and the mappings it was seen through. */
  shown?: { bytes: Uint8Array; mappings: number };
}

export interface QueueOptions {
  num: number;
  start?: { index: number; wrap?: 0 | 1 };
  ready?: boolean;
  callback?: boolean;
  /** Ops of the set-up that are left out. */
  omit?: readonly ('num' | 'address' | 'state')[];
}

const AREAS = ['desc', 'driver', 'device'] as const;

/** What `add` cannot do because a device keeps buffers that it should have given back. */
const HELD: ReadonlySet<string> = new Set(['ring-full', 'bad-slots', 'bad-id']);

/** The driver's queues of a session, with every action in the history. */
export class SessionQueues {
  readonly #session: Session;
  readonly #queues: SessionQueue[] = [];
  /** Queues that a step has disabled. */
  readonly disabled = new Set<number>();
  #epochs: number[] = [];

  constructor(session: Session) {
    this.#session = session;
  }

  get all(): readonly SessionQueue[] {
    return this.#queues.filter((queue) => queue !== undefined);
  }

  /** The queue, or undefined when it is not set up. */
  get(idx: number): SessionQueue | undefined {
    return this.#queues[idx];
  }

  /** The queue; stops the steps when it is not set up. */
  must(idx: number): SessionQueue {
    return this.#queues[idx] ?? this.#session.stop(`queue ${idx} is not set up`);
  }

  /** Allocate the areas of queue `idx`, initialise the ring and tell the device. Returns 0 or -errno. */
  setUp(idx: number, options: QueueOptions): number {
    const { memory, features } = this.#session;
    const packed = (features & F_RING_PACKED) !== 0n;
    if (this.#queues[idx]) this.#session.breach('a queue is set up twice');
    const { num, start } = options;
    const layout = layoutQueue(packed ? 'packed' : 'split', num);
    const area = (part: { size: number; align: number }): Area => memory.allocArea(part.size, part.align);
    const areas = { desc: area(layout.desc), driver: area(layout.driver), device: area(layout.device) };
    for (const name of AREAS) this.#recordArea(idx, name, areas[name], num, packed, start);
    const ring = createDriverRing(packed, {
      memory: memory.host,
      num,
      ...areas,
      eventIdx: (features & F_EVENT_IDX) !== 0n,
      inOrder: (features & F_IN_ORDER) !== 0n,
      start,
    });
    this.#queues[idx] = {
      idx,
      num,
      packed,
      ring,
      areas,
      pending: [],
      nextSlot: start?.index ?? 0,
      irqs: 0,
      announced: true,
      ready: options.ready !== false,
      listening: options.callback !== false,
    };
    this.#session.comparison?.laidOut(this.#queues[idx]);
    return this.#session.virtio.setupQueue(idx, {
      num,
      ...areas,
      callback: options.callback === false || this.#session.deaf.queues ? null : this.callback(idx),
      state: start && stateAt(start),
      ready: options.ready,
      omit: options.omit,
    });
  }

  #recordArea(
    q: number,
    name: (typeof AREAS)[number],
    { pa, iova, size }: Area,
    num: number,
    packed: boolean,
    start?: { index: number; wrap?: 0 | 1 },
  ): void {
    const event: AreaEvent = {
      k: 'area',
      q,
      name,
      pa,
      iova,
      size,
      num,
      packed,
      features: this.#session.featuresText,
    };
    if (start) event.start = start;
    this.#session.recorder.push(event);
  }

  /** Whether the descriptors of `queue`, or what they point to, differ from the last time this was asked. */
  tableChanged(queue: SessionQueue): boolean {
    const { memory } = this.#session;
    const bytes = memory.bytes({ pa: queue.areas.desc.pa, size: DESC_SIZE * queue.num });
    const { shown } = queue;
    if (shown?.mappings === memory.changes && NodeBuffer.compare(shown.bytes, bytes) === 0) return false;
    queue.shown = { bytes: bytes.slice(), mappings: memory.changes };
    return true;
  }

  /** Ask for used buffer notifications; `arm` means: for the next buffer used. */
  interrupts(idx: number, mode: InterruptMode | { mode: 'arm' }): void {
    const { ring, packed } = this.must(idx);
    const eventIdx = ring.config.eventIdx;
    if (mode.mode === 'arm') ring.armInterrupts();
    else ring.setInterrupts(mode);
    const position = ring.usedPosition;
    const at = packed ? { at: position & 0x7fff, wrap: position >>> 15 } : { at: position };
    const next = (mode.mode === 'arm' && eventIdx) || (mode.mode === 'enable' && eventIdx && !packed);
    if (next) this.#session.recorder.push({ k: 'notify', q: idx, mode: 'event', ...at });
    else if (mode.mode === 'arm') this.#session.recorder.push({ k: 'notify', q: idx, mode: 'enable' });
    else this.#session.recorder.push({ k: 'notify', q: idx, ...mode });
    this.#session.comparison?.sync();
  }

  /** The device took `state` as the position of a queue: where the driver is not, the queue must not run. */
  positioned(idx: number, state: VqState): void {
    const queue = this.#queues[idx];
    if (queue === undefined) return;
    const { lastAvailIdx, lastAvailCounter, lastUsedIdx, lastUsedCounter } = state.packed;
    const told = queue.packed
      ? [lastAvailIdx | (lastAvailCounter << 15), lastUsedIdx | (lastUsedCounter << 15)]
      : [state.split.availIndex];
    queue.astray = told.some((position) => position !== queue.ring.usedPosition);
    if (queue.ready) this.#strays(queue);
  }

  /** A queue is about to be made ready, or not. */
  readied(idx: number, ready: boolean): void {
    const queue = this.#queues[idx];
    if (queue === undefined) return;
    queue.ready = ready;
    if (ready) this.#strays(queue);
    else queue.paused = true;
  }

  #strays(queue: SessionQueue): void {
    if (queue.astray) this.#session.breach('a queue runs from where its driver is not');
  }

  /**
   * The device is about to be told another size or place for a queue that is laid out already: from the device's
   * side the areas are where it is told they are. The driver keeps using the old ones, which is a breach.
   */
  relocate(
    idx: number,
    num: number | undefined,
    offset: { desc?: number; driver?: number; device?: number } = {},
  ): void {
    const queue = this.#queues[idx];
    if (queue === undefined) return;
    this.#session.breach('size or place of a queue changed');
    const told = num ?? queue.num;
    if (told < 1 || told > MAX_QUEUE_SIZE) return;
    const layout = layoutQueue(queue.packed ? 'packed' : 'split', told);
    for (const name of AREAS) {
      const { pa, iova } = queue.areas[name];
      const by = offset[name] ?? 0;
      this.#recordArea(
        idx,
        name,
        { pa: pa + by, iova: iova + by, size: layout[name].size },
        told,
        queue.packed,
      );
    }
  }

  /**
   * A fresh notification callback for queue `idx`; calls of earlier ones are marked `old`. Where queues share an
   * interrupt it is none for a queue that has nothing used, as drivers see it.
   */
  callback(idx: number): () => void {
    const epoch = this.#nextEpoch(idx);
    const shared = this.#session.instance.abilities.includes('shared-irq');
    return () => {
      // What the device stored before it notified comes first.
      this.#session.comparison?.sync();
      if (shared && this.#queues[idx]?.ring.hasUsed() !== true) return;
      const old = this.#epochs[idx] !== epoch;
      if (!old && this.#queues[idx]) this.#queues[idx].irqs++;
      if (!old) this.#session.comparison?.notified(idx);
      this.#session.recorder.push(old ? { k: 'irq', q: idx, old } : { k: 'irq', q: idx });
      if (!old) this.#queues[idx]?.onIrq?.();
    };
  }

  /** Register a new callback with the device, or clear it. */
  listen(idx: number, on: boolean): void {
    const queue = this.#queues[idx];
    if (queue) queue.listening = on;
    if (on) this.#session.ops.setVqCb(idx, { callback: this.callback(idx) });
    else {
      this.#nextEpoch(idx);
      this.#session.ops.setVqCb(idx, { callback: null });
    }
  }

  /** Write the descriptors of `buffer`; it is not available before {@link publish}. */
  add(buffer: Buffer, options: AddOptions = {}): void {
    const queue = this.must(buffer.q);
    const { ring } = queue;
    const before = ring.free;
    const id = this.#fitted(() => ring.add(buffer.elements, { ...options, token: buffer }));
    const slots = before - ring.free;
    buffer.id = id;
    queue.pending.push(buffer.b);
    const table = options.indirect?.table;
    const event: AddEvent = {
      k: 'add',
      q: queue.idx,
      b: buffer.b,
      id,
      slots,
      r: buffer.readable as [number, number, number][],
      w: buffer.writable as [number, number, number][],
    };
    if (queue.packed) event.at = queue.nextSlot;
    if (table) event.table = [table.iova, table.pa, table.size];
    this.#session.recorder.push(event);
    queue.nextSlot = (queue.nextSlot + slots) % queue.num;
  }

  /** Run `add`; a ring that is full, because the device kept its buffers, ends the steps. */
  #fitted(add: () => number): number {
    try {
      return add();
    } catch (error) {
      if (error instanceof DriverRingError && HELD.has(error.code)) this.#session.stop(error.message);
      throw error;
    }
  }

  /** Make all pending buffers of queue `idx` available. */
  publish(idx: number): void {
    const queue = this.must(idx);
    if (queue.pending.length === 0) return;
    this.#session.recorder.push({ k: 'publish', q: idx, b: queue.pending });
    const buffers: Buffer[] = [];
    for (const b of queue.pending) {
      const buffer = this.#session.buffers.bySerial(b);
      if (buffer === undefined) continue;
      buffer.published = true;
      buffers.push(buffer);
    }
    queue.pending = [];
    queue.announced = false;
    queue.ring.publish();
    this.#session.comparison?.published(queue, buffers);
    this.#session.comparison?.sync();
  }

  /** Kick queue `idx`, with notification data when that was negotiated. */
  kick(idx: number, data?: number): void {
    const { ops } = this.#session;
    const queue = this.#queues[idx];
    if (queue) queue.announced = true;
    if (this.#session.notificationData && ops.kickVqWithData !== undefined) {
      const ring = queue?.ring;
      ops.kickVqWithData(data ?? ((ring?.notificationData() ?? 0) | idx) >>> 0);
    } else ops.kickVq(idx);
  }

  /** Kick only if a conforming driver has to. Returns whether it did. */
  kickIfNeeded(idx: number): boolean {
    this.#session.comparison?.sync();
    const needed = this.must(idx).ring.kickNeeded();
    if (needed) this.kick(idx);
    else {
      this.must(idx).announced = true;
      this.#session.recorder.push({ k: 'kick-not-needed', q: idx });
    }
    return needed;
  }

  /** Consume everything that came back on queue `idx`. */
  collect(idx: number): Buffer[] {
    const queue = this.#queues[idx];
    if (queue === undefined) return [];
    this.#session.comparison?.sync();
    const got: Buffer[] = [];
    for (let n = 0; n <= 2 * queue.num; n++) {
      const used = queue.ring.poll();
      if (used === null) break;
      const buffer = used.known ? (used.token as Buffer) : undefined;
      const event: UsedEvent = { k: 'used', q: idx, b: buffer === undefined ? -1 : buffer.b, id: used.id };
      if (used.len !== undefined) event.len = used.len;
      if (used.writeFlag !== undefined) event.wf = used.writeFlag;
      this.#session.recorder.push(event);
      if (buffer) {
        buffer.used = { len: used.len, id: used.id, writeFlag: used.writeFlag };
        got.push(buffer);
      } else this.#session.buffers.noteUnknown();
    }
    return got;
  }

  /** After a reset: nothing is set up. Callbacks of the old session count as `old` from here on. */
  forget(): void {
    for (const queue of this.#queues) if (queue) this.#nextEpoch(queue.idx);
    this.#queues.length = 0;
    this.disabled.clear();
  }

  #nextEpoch(idx: number): number {
    this.#epochs[idx] = (this.#epochs[idx] ?? 0) + 1;
    return this.#epochs[idx];
  }
}

/** Split: avail index. Packed: both positions at `index` with counter `wrap`. */
function stateAt(start: { index: number; wrap?: 0 | 1 }): VqState {
  const wrap = start.wrap ?? 1;
  return {
    split: { availIndex: start.index },
    packed: {
      lastAvailCounter: wrap,
      lastAvailIdx: start.index,
      lastUsedCounter: wrap,
      lastUsedIdx: start.index,
    },
  };
}
