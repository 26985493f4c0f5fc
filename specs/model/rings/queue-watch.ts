import { F_EVENT_IDX, F_IN_ORDER } from '../../virtio-1.1/features.ts';
import type { AddEvent, AreaEvent, StoreEvent } from '../events.ts';
import { WatchedBuffer } from './buffer.ts';
import { Notifications } from './notifications.ts';

/** Report of a broken rule: requirement, accepted outcome, what happened. */
export type Report = (requirement: string, expected: string, actual: string) => void;

/** What the watch of one queue knows, whatever its format. */
export abstract class QueueWatch {
  readonly q: number;
  readonly num: number;
  readonly eventIdx: boolean;
  readonly inOrder: boolean;
  readonly report: Report;
  /** Buffers by head or Buffer ID that the device may work on. */
  readonly live = new Map<number, WatchedBuffer>();
  /** The same in the order in which they became available. */
  readonly order: WatchedBuffer[] = [];
  readonly added = new Map<number, WatchedBuffer>();
  readonly notifications = new Notifications();
  /** The driver wrote ring areas by hand: what is available, and what is asked for, is not known. */
  byHand = false;
  /** setVqReady was last called with true. */
  ready = false;
  /** Everything available was announced by a kick that the device had to heed, or it asked for none. */
  announced = true;
  /** Stores of what was there already are not seen, so nobody knows what was stored in all. */
  compared = false;

  constructor(area: AreaEvent, report: Report) {
    this.q = area.q;
    this.num = area.num;
    const features = BigInt(area.features);
    this.eventIdx = (features & F_EVENT_IDX) !== 0n;
    this.inOrder = (features & F_IN_ORDER) !== 0n;
    this.report = report;
  }

  loseTrack(): void {
    this.byHand = true;
    this.notifications.lose();
  }

  add(event: AddEvent): WatchedBuffer {
    const buffer = new WatchedBuffer(event);
    this.added.set(event.b, buffer);
    return buffer;
  }

  publish(b: number): void {
    const buffer = this.added.get(b);
    if (buffer === undefined) return;
    this.added.delete(b);
    buffer.state = 'live';
    this.live.set(buffer.event.id, buffer);
    this.order.push(buffer);
    this.announced = false;
    this.published(buffer);
  }

  /** The device stored into the ring or table (`desc`) or into the device area, at `offset`. */
  abstract stored(area: 'desc' | 'device', offset: number, store: StoreEvent): void;
  /** A buffer became available. */
  protected abstract published(buffer: WatchedBuffer): void;
  /** The device is idle: what it has stored so far must make sense as a whole. */
  abstract settled(): void;

  /** The buffer is the driver's again. */
  protected release(buffer: WatchedBuffer): void {
    buffer.state = 'used';
    this.live.delete(buffer.event.id);
    const at = this.order.indexOf(buffer);
    if (at >= 0) this.order.splice(at, 1);
  }

  /**
   * With IN_ORDER one used entry may stand for a batch: everything that became available before `buffer` is
   * used with it. Returns the buffers concerned, `buffer` last.
   */
  protected batchOf(buffer: WatchedBuffer): WatchedBuffer[] {
    if (!this.inOrder) return [buffer];
    return this.order.slice(0, this.order.indexOf(buffer) + 1);
  }

  /** Used length against what the device really stored and could store. */
  protected judgeLength(buffer: WatchedBuffer, len: number, requirement: string): void {
    const { b } = buffer.event;
    if (len > buffer.writable) {
      this.report(
        requirement,
        `used length of buffer ${b} at most ${buffer.writable}, its writable bytes`,
        `${len}`,
      );
    } else if (len > buffer.covered && !this.compared) {
      const wrote = `${buffer.covered} bytes stored from its first writable byte on`;
      this.report(
        requirement,
        `used length of buffer ${b} at most what was stored`,
        `length ${len}, but ${wrote}`,
      );
    }
  }
}
