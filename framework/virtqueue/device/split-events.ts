import {
  AVAIL_F_NO_INTERRUPT,
  availEventOffset,
  SPLIT_AVAIL,
  SPLIT_USED,
  USED_F_NO_NOTIFY,
  usedEventOffset,
} from '../../../specs/virtio-1.1/ring-layout.ts';
import type { DmaView } from '../../memory/iotlb.ts';
import { DeviceRingBase } from './base.ts';
import type { DeviceRingConfig } from './ring.ts';

/** Positions of a split ring and what both sides say about notifications (sections 2.6.7 and 2.6.10). */
export abstract class SplitRingEvents extends DeviceRingBase {
  /** Index of the next buffer to take. */
  nextAvail: number;
  /** `used.idx` as published. */
  usedIndex: number;
  /** `used.flags` and `avail_event` as stored last; -1 before the first store. */
  usedFlags = -1;
  availEvent = -1;
  readonly availBase: number;
  readonly usedBase: number;

  constructor(ringDma: DmaView, bufferDma: DmaView, config: DeviceRingConfig, index: number) {
    super(ringDma, bufferDma, config);
    this.nextAvail = index;
    this.usedIndex = index;
    this.availBase = config.driverArea;
    this.usedBase = config.deviceArea;
  }

  wantsNotification(count: number): boolean {
    if (!this.config.eventIdx) return (this.readAvailFlags() & AVAIL_F_NO_INTERRUPT) === 0;
    const event = this.readUsedEvent();
    return count > 0xffff || this.needEvent(event, this.usedIndex, (this.usedIndex - count) & 0xffff);
  }

  /** Whether moving from `old` to `now` passed over `event`: an entry was written at it (section 2.6.7.2). */
  needEvent(event: number, now: number, old: number): boolean {
    return ((now - event - 1) & 0xffff) < ((now - old) & 0xffff);
  }

  readAvailFlags(): number {
    return this.ringDma.get16(this.availBase + SPLIT_AVAIL.flags);
  }

  readUsedEvent(): number {
    return this.ringDma.get16(this.availBase + usedEventOffset(this.num));
  }

  /** Section 2.6.10.2: `avail_event` with EVENT_IDX, otherwise `used.flags` 0. */
  requestKicks(): void {
    if (this.config.eventIdx) this.storeAvailEvent(this.nextAvail);
    else this.storeUsedFlags(0);
  }

  /** With EVENT_IDX there is nothing to do: the driver has passed `avail_event`. */
  refuseKicks(): void {
    if (!this.config.eventIdx) this.storeUsedFlags(USED_F_NO_NOTIFY);
  }

  storeAvailEvent(index: number): void {
    if (this.availEvent === index) return;
    this.ringDma.put16(this.usedBase + availEventOffset(this.num), index);
    this.availEvent = index;
  }

  storeUsedFlags(flags: number): void {
    if (this.usedFlags === flags) return;
    this.ringDma.put16(this.usedBase + SPLIT_USED.flags, flags);
    this.usedFlags = flags;
  }
}
