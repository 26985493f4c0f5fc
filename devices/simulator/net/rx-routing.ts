import type { DeviceBuffer, DeviceRing } from '../../../framework/virtqueue/device/ring.ts';
import { ETH_HEADER } from './frame.ts';
import type { NetDevice } from './net-device.ts';
import type { SentFrame } from './peer.ts';
import type { Delivery } from './rx-offload.ts';

/** Frames that wait for buffers, all queues together; more are lost, as on any wire. */
export const MAX_WAITING = 4096;

/** A frame on its way to the driver. */
export interface Arrival {
  readonly sent: SentFrame;
  /** Order of arrival. */
  readonly order: number;
  /** What it became, decided when its turn came; the first `done` ones are with the driver. */
  deliveries: Delivery[] | null;
  done: number;
}

/** What belongs to one receive queue. */
export interface Lane {
  /** Frames for this queue, oldest first. */
  readonly backlog: Arrival[];
  /** Buffers taken from `ring` and not used yet, oldest first: for them nothing has been stored. */
  held: DeviceBuffer[];
  /** Bytes that the buffers held have room for. */
  room: number;
  ring: DeviceRing | null;
}

/** Arrival: which frames are for the driver, and on which receive queue they wait (5.1.6.5.1, 5.1.6.5.5). */
export class RxRouting {
  readonly device: NetDevice;
  lanes: Lane[] = [];
  waiting = 0;
  arrivals = 0;

  constructor(device: NetDevice) {
    this.device = device;
  }

  /** Give away the frames that the driver has not got, oldest first. */
  giveUp(): SentFrame[] {
    const waiting = this.lanes.flatMap((lane) => lane.backlog.splice(0)).sort((a, b) => a.order - b.order);
    const frames = waiting.filter(({ done }) => done === 0).map(({ sent }) => sent);
    this.waiting = 0;
    for (let sent = this.device.peer.fetch(); sent !== undefined; sent = this.device.peer.fetch())
      frames.push(sent);
    return frames;
  }

  /** Forget every frame; what was taken from the rings is gone with them. */
  reset(): void {
    this.lanes = [];
    this.waiting = 0;
    while (this.device.peer.fetch() !== undefined);
  }

  lane(pair: number): Lane {
    while (this.lanes.length <= pair) this.lanes.push({ backlog: [], held: [], room: 0, ring: null });
    return this.lanes[pair];
  }

  /** Take in what the peer sent. A frame that is not for the driver costs a unit. Returns the units done. */
  route(budget: number): number {
    let done = 0;
    while (done < budget && this.device.listens()) {
      const sent = this.device.peer.fetch();
      if (sent === undefined) break;
      if (!this.wanted(sent) || !this.enqueue({ sent, order: this.arrivals++, deliveries: null, done: 0 }))
        done++;
    }
    return done;
  }

  /** Whether a frame is for this driver: carrier, filter, room. */
  wanted(sent: SentFrame): boolean {
    if (
      !this.device.driverOk ||
      this.device.broken ||
      !this.device.peer.linkUp ||
      sent.bytes.length < ETH_HEADER
    )
      return false;
    return this.waiting < MAX_WAITING && this.device.filter.accepts(sent.bytes, sent.bytes.length);
  }

  /** Put a frame behind those that wait for its queue. False when that queue is not running. */
  enqueue(arrival: Arrival): boolean {
    const pair = this.pairFor(arrival.sent);
    const queue = this.device.receiveQueue(pair);
    if (queue.ring === null) return false;
    this.lane(pair).backlog.push(arrival);
    this.waiting++;
    this.device.wake(queue);
    return true;
  }

  /** Queue pair for a frame; one whose receive queue does not run gives way to the first. */
  pairFor(sent: SentFrame): number {
    const pair = this.device.steering.pairFor(sent.bytes, sent.bytes.length);
    return this.device.receiveQueue(pair).ring === null ? 0 : pair;
  }

  /** The number of pairs changed: frames that wait are steered anew, in order of arrival (5.1.6.5.5.2). */
  resteer(): void {
    const all = this.lanes.flatMap((lane) => lane.backlog.splice(0));
    this.waiting = 0;
    for (const arrival of all.sort((a, b) => a.order - b.order)) this.enqueue(arrival);
  }
}
