import type { DeviceType } from '../../virtio-1.1/device-ids.ts';
import { STATUS } from '../../virtio-1.1/status.ts';
import type {
  AreaEvent,
  FaultEvent,
  HistoryEvent,
  LoadEvent,
  MigrateEvent,
  OpEvent,
  StoreEvent,
} from '../events.ts';
import type { Violation } from '../violation.ts';
import type { WatchedBuffer } from './buffer.ts';
import { Exposure } from './exposure.ts';
import { MemoryMap } from './memory-map.ts';
import { PackedWatch } from './packed-watch.ts';
import type { QueueWatch } from './queue-watch.ts';
import { SplitWatch } from './split-watch.ts';

/** Findings of one kind in one history that are listed; a device that is wrong everywhere need not fill pages. */
const MOST_PER_RULE = 3;

/**
 * Follows every access of the device through a history and holds it against what the driver had given it at
 * that moment: buffers, ring areas, mappings, session. In a session in which the driver broke a rule only memory
 * safety is judged: the device may do anything within the ranges it was ever shown.
 */
export class Watch {
  readonly violations: Violation[] = [];
  readonly #counts = new Map<string, number>();
  readonly #map = new MemoryMap();
  readonly #type: DeviceType;
  readonly #packedTarget: () => boolean;
  #queues = new Map<number, QueueWatch>();
  #areas: AreaEvent[] = [];
  /** The watch of the queue that an area was laid out for; a queue may be laid out anew. */
  readonly #watchOf = new Map<AreaEvent, QueueWatch>();
  #buffers: WatchedBuffer[] = [];
  #exposure = new Exposure(this.#buffers);
  /** The dirty log in use, which the device reaches in a way of its own. */
  #dirtyLog: readonly [pa: number, length: number] | null = null;
  #last: WatchedBuffer | undefined;
  #driverOk = false;
  #started = false;
  #afterReset = false;
  #breach = false;
  /** Something outside the rings (back end, fault, NEEDS_RESET, suspend) may hold requests up. */
  #obstructed = false;
  #suspended = false;
  /** Its device was stopped, and the one that takes its place has not started. */
  #frozen = false;
  /** A store of what was there already is not seen. */
  #compared = false;
  #step = 0;
  #event = 0;

  constructor(type: DeviceType) {
    this.#type = type;
    this.#packedTarget = () => this.#areas.some((area) => area.packed);
  }

  see(event: HistoryEvent, at: number): void {
    this.#event = at;
    switch (event.k) {
      case 'step':
        this.#step = event.i;
        return;
      case 'op':
        this.#op(event);
        if (event.op === 'setStatus' && ((event.a[0] as number) & STATUS.DRIVER_OK) !== 0) {
          this.#driverOk = true;
          this.#started = true;
          this.#afterReset = false;
        }
        return;
      case 'reset-done':
        this.#forget();
        return;
      case 'area':
        this.#area(event);
        return;
      case 'map':
        this.#map.apply(event);
        return;
      case 'breach':
        this.#breach = true;
        return;
      case 'expose':
        this.#exposure.show(event.w);
        if (event.slots) this.#exposure.showSlots(event.slots.q, event.slots.at);
        return;
      case 'dirty-log':
        this.#dirtyLog = event.on ? [event.pa, event.n] : null;
        return;
      case 'add': {
        const buffer = this.#queues.get(event.q)?.add(event);
        if (buffer) this.#buffers.push(buffer);
        return;
      }
      case 'publish':
        for (const b of event.b) this.#queues.get(event.q)?.publish(b);
        return;
      case 'compared':
        this.#compared = true;
        return;
      case 'store':
        this.#store(event);
        return;
      case 'load':
        this.#load(event);
        return;
      case 'fault':
        this.#fault(event);
        return;
      case 'irq':
        if (!event.old) this.#queues.get(event.q)?.notifications.came();
        this.#irq(event.q, event.old === true);
        return;
      case 'notify':
        this.#queues.get(event.q)?.notifications.ask(event);
        return;
      case 'by-hand':
        if (event.q !== undefined) this.#queues.get(event.q)?.loseTrack();
        return;
      case 'kick-not-needed':
        this.#announce(event.q);
        return;
      case 'backend':
        this.#obstructed = true;
        return;
      case 'migrate':
        this.#migrate(event.phase);
        return;
      case 'used':
        if (event.b < 0 && !this.#breach) this.#unknownUsed(event.q, event.id);
        return;
      case 'pump':
        if (!this.#breach) for (const queue of this.#queues.values()) queue.settled();
        if (event.idle) this.#idle();
        return;
    }
  }

  /** Another device takes over: it knows of all that is available once it runs, and nothing holds it up. */
  #migrate(phase: MigrateEvent['phase']): void {
    this.#frozen = phase === 'stopped';
    if (phase === 'stopped') return;
    this.#suspended = false;
    this.#obstructed = false;
    if (phase === 'done') for (const queue of this.#queues.values()) if (queue.ready) queue.announced = true;
  }

  #report = (requirement: string, expected: string, actual: string): void => {
    const count = (this.#counts.get(requirement) ?? 0) + 1;
    this.#counts.set(requirement, count);
    if (count > MOST_PER_RULE) return;
    this.violations.push({ requirement, step: this.#step, expected, actual, event: this.#event });
  };

  /** Ring rules are judged as long as the driver keeps its own. */
  readonly #ringReport = (requirement: string, expected: string, actual: string): void => {
    if (!this.#breach) this.#report(requirement, expected, actual);
  };

  #forget(): void {
    this.#queues = new Map();
    this.#areas = [];
    this.#watchOf.clear();
    this.#buffers = [];
    this.#exposure = new Exposure(this.#buffers);
    this.#last = undefined;
    this.#driverOk = false;
    this.#afterReset = this.#started;
    this.#breach = false;
    this.#obstructed = false;
    this.#suspended = false;
    this.#frozen = false;
  }

  #area(area: AreaEvent): void {
    this.#areas.push(area);
    if (area.name === 'desc') {
      const Format = area.packed ? PackedWatch : SplitWatch;
      const queue = new Format(area, this.#ringReport);
      queue.compared = this.#compared;
      this.#queues.set(area.q, queue);
    }
    const queue = this.#queues.get(area.q);
    if (queue) this.#watchOf.set(area, queue);
  }

  #op({ op, a, r }: OpEvent): void {
    switch (op) {
      case 'setVqReady': {
        const queue = this.#queues.get(a[0] as number);
        if (queue) queue.ready = a[1] === true;
        return;
      }
      case 'setVqCb': {
        const queue = this.#queues.get(a[0] as number);
        if (queue) queue.notifications.listening = a[1] === true;
        return;
      }
      case 'kickVq':
        this.#announce(a[0] as number);
        return;
      case 'kickVqWithData':
        this.#announce((a[0] as number) & 0xffff);
        return;
      case 'suspend':
        this.#suspended = true;
        return;
      case 'resume':
        this.#suspended = false;
        return;
      case 'getStatus':
        if ((Number(r ?? 0) & STATUS.DEVICE_NEEDS_RESET) !== 0) this.#obstructed = true;
    }
  }

  /** The driver kicked, or was told that it need not: from here on the device knows about all that is available. */
  #announce(q: number): void {
    const queue = this.#queues.get(q);
    if (queue?.ready && this.#driverOk && !this.#suspended) queue.announced = true;
  }

  /** The device says that it has nothing left to do: then nothing may be left, and no notification owed. */
  #idle(): void {
    if (this.#breach || this.#obstructed || this.#suspended || !this.#driverOk) return;
    for (const queue of this.#queues.values()) {
      const { owed } = queue.notifications;
      if (owed !== null) {
        this.#report(
          owed,
          `a used buffer notification of queue ${queue.q} for what was published`,
          'none came',
        );
        queue.notifications.came();
      }
      if (
        !queue.ready ||
        !queue.announced ||
        queue.byHand ||
        queue.order.length === 0 ||
        this.#waitsForOutside(queue.q)
      )
        continue;
      const ids = queue.order
        .map((buffer) => `b${buffer.event.b}`)
        .slice(0, 4)
        .join(', ');
      this.#report(
        'P1.1-019f',
        'every available buffer is used',
        `the device is idle and holds ${ids} of queue ${queue.q}`,
      );
      queue.announced = false;
    }
  }

  /** Receive buffers of a net device wait for frames. */
  #waitsForOutside(q: number): boolean {
    return this.#type === 'net' && q % 2 === 0 && q !== this.#controlQueue();
  }

  /** The control queue is the last one that is set up, when there is an even number of others. */
  #controlQueue(): number {
    const last = Math.max(...this.#queues.keys());
    return this.#queues.size % 2 === 1 ? last : -1;
  }

  #store(store: StoreEvent): void {
    const { pa, n } = store;
    const log = this.#dirtyLog;
    if (log !== null && pa >= log[0] && pa + n <= log[0] + log[1]) return;
    if (this.#frozen) {
      this.#report(
        'VDPA-082',
        'no store between the stop of the device and the start of the one that takes its place',
        `${n} bytes at pa 0x${pa.toString(16)}`,
      );
      return;
    }
    if ((this.#map.permissions(pa, n) & 2) === 0) {
      this.#report(
        'INV-MAPPING',
        'stores only where a mapping permits them',
        `a store of ${n} bytes at pa 0x${pa.toString(16)}`,
      );
    }
    if (!this.#driverOk) {
      const late = this.#afterReset && !this.#given(pa, n);
      if (!late && this.#tellsKicks(pa, n)) return;
      const rule = late ? 'P1.1-019a' : 'V1.1-2.1.2-D2';
      const when = late ? 'after the reset' : 'before DRIVER_OK';
      this.#report(rule, `no store ${when}`, `${n} bytes at pa 0x${pa.toString(16)}`);
      return;
    }
    if (this.#breach && (this.#liveAt(pa, n) !== undefined || this.#withinExposed(pa, n))) return;
    const holds = (one: AreaEvent) => pa >= one.pa && pa + n <= one.pa + one.size;
    const owned = (one: AreaEvent) =>
      holds(one) && (one.name === 'device' || (one.name === 'desc' && one.packed));
    // After a breach areas may overlap: then any reading under which the device owns the place will do.
    const area = (this.#breach ? this.#areas.findLast(owned) : undefined) ?? this.#areas.findLast(holds);
    if (area !== undefined) this.#areaStore(area, store);
    else this.#bufferStore(store);
  }

  /** Whether the place was given to the device since the last reset. */
  #given(pa: number, n: number): boolean {
    return (
      this.#areas.some((area) => pa >= area.pa && pa + n <= area.pa + area.size) ||
      this.#buffers.some((buffer) => buffer.writableAt(pa, n) >= 0)
    );
  }

  /** Whether the place is where the device of a ready queue tells which kicks it wants: that uses no buffer. */
  #tellsKicks(pa: number, n: number): boolean {
    const area = this.#areas.findLast((one) => pa >= one.pa && pa + n <= one.pa + one.size);
    if (area?.name !== 'device' || this.#queues.get(area.q)?.ready !== true) return false;
    // Split: flags before the index, avail_event behind the ring (2.6.8).
    return area.packed || pa + n <= area.pa + 2 || pa >= area.pa + 4 + 8 * area.num;
  }

  #areaStore(area: AreaEvent, store: StoreEvent): void {
    if (area.name === 'driver') {
      const rule = area.packed ? 'P1.1-014a' : 'P1.1-017a';
      this.#report(
        rule,
        'the driver area is left alone',
        `${store.n} bytes stored at +${store.pa - area.pa}`,
      );
      return;
    }
    const ownTable = area.name === 'desc' && !area.packed;
    if (ownTable && this.#breach)
      this.#report('P1.1-017a', 'the descriptor table is left alone', `${store.n} bytes stored`);
    else this.#watchOf.get(area)?.stored(area.name, store.pa - area.pa, store);
    if (this.#breach && area.packed && area.name === 'desc') this.#exposure.slotStored(area, store);
  }

  #bufferStore({ pa, n }: StoreEvent): void {
    const buffer = this.#liveAt(pa, n);
    if (buffer !== undefined) {
      buffer.cover(buffer.writableAt(pa, n), n);
      return;
    }
    if (this.#breach && this.#withinExposed(pa, n)) return;
    this.#misplaced(pa, n);
  }

  /** The buffer that the device holds and may write at this place. */
  #liveAt(pa: number, n: number): WatchedBuffer | undefined {
    const last = this.#last;
    if (last !== undefined && last.state === 'live' && last.writableAt(pa, n) >= 0) return last;
    for (const queue of this.#queues.values()) {
      for (const buffer of queue.live.values()) {
        if (buffer.writableAt(pa, n) >= 0) {
          this.#last = buffer;
          return buffer;
        }
      }
    }
    return undefined;
  }

  /** Whether the driver has shown the place; a difference that covers several ranges may be several stores. */
  #withinExposed(pa: number, n: number): boolean {
    return this.#exposure.covers(pa, n) || (this.#compared && this.#exposure.coversJointly(pa, n));
  }

  /** A store that no rule permits: name the rule that fits best. */
  #misplaced(pa: number, n: number): void {
    const packed = this.#packedTarget();
    const what = `a store of ${n} bytes at pa 0x${pa.toString(16)}`;
    const readable = this.#buffers.findLast((buffer) => buffer.touchesReadable(pa, n));
    if (readable) {
      const rule = packed ? 'V1.1-2.7.15-D1a' : 'V1.1-2.6.5.1-D1a';
      this.#report(rule, 'device-readable memory is left alone', `${what}, in buffer ${readable.event.b}`);
      return;
    }
    const given = this.#buffers.findLast((buffer) => buffer.touchesWritable(pa, n));
    if (given?.state === 'used' && given.writableAt(pa, n) >= 0) {
      const rule = packed ? 'P1.1-014m' : 'P1.1-017j';
      this.#report(rule, 'no store to a buffer once it was used', `${what}, in buffer ${given.event.b}`);
      return;
    }
    const near = given ? `, beyond what buffer ${given.event.b} lets it write` : '';
    this.#report(
      'INV-WRITE-SCOPE',
      'stores only into device-writable parts of buffers the device holds',
      what + near,
    );
  }

  #load({ pa, n }: LoadEvent): void {
    if (this.#breach) return;
    const area = this.#areas.some((one) => pa < one.pa + one.size && pa + n > one.pa);
    if (area) return;
    const buffer = this.#buffers.findLast((one) => one.touchesWritable(pa, n) && !one.touchesReadable(pa, n));
    if (buffer === undefined) return;
    this.#writableRead(`${n} bytes of buffer ${buffer.event.b} were loaded`);
  }

  #writableRead(actual: string): void {
    const rule = this.#packedTarget() ? 'V1.1-2.7.15-D1b' : 'V1.1-2.6.5.1-D1b';
    this.#report(rule, 'device-writable memory is not read', actual);
  }

  #fault({ iova, n, access, why }: FaultEvent): void {
    this.#obstructed = true;
    const what = `${access} of ${n} bytes at iova 0x${iova.toString(16)}: ${why}`;
    if (why === 'bus')
      this.#report('INV-MAPPING', 'every access goes through a mapping', `${what}, outside memory`);
    if (this.#breach || why === 'bus') return;
    if (why === 'permission' && access === 'read') this.#writableRead(what);
    else if (why === 'permission') {
      const rule = this.#packedTarget() ? 'V1.1-2.7.15-D1a' : 'V1.1-2.6.5.1-D1a';
      this.#report(rule, 'read-only memory is left alone', what);
    } else this.#report('INV-MAPPING', 'only mapped memory is accessed', what);
  }

  /** Before DRIVER_OK a notification is for the session before, unless there are buffers that it can be for. */
  #irq(q: number, old: boolean): void {
    if (this.#frozen)
      this.#report('VDPA-089', 'no notification of a device that was stopped', `one of queue ${q}`);
    if (this.#driverOk) return;
    const late = this.#afterReset && (old || !this.#buffers.some(({ event }) => event.q === q));
    this.#report(
      late ? 'P1.1-019a' : 'V1.1-2.1.2-D2',
      'no used buffer notification outside a running session',
      `a notification of queue ${q}`,
    );
  }

  #unknownUsed(q: number, id: number): void {
    const packed = this.#areas.some((area) => area.q === q && area.packed);
    if (this.violations.some((one) => one.requirement === (packed ? 'P1.1-001' : 'P1.1-016'))) return;
    this.#report(
      packed ? 'P1.1-001' : 'P1.1-016',
      'used ids name outstanding buffers, each once',
      `queue ${q}: id ${id}`,
    );
  }
}

/** What a history breaks of the rules of memory and rings. */
export function watchRings(events: readonly HistoryEvent[], type: DeviceType): Violation[] {
  const watching = new Watch(type);
  for (let at = 0; at < events.length; at++) watching.see(events[at], at);
  return watching.violations;
}
