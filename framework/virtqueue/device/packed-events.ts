import { EVENT_FLAGS, PACKED_EVENT } from '../../../specs/virtio-1.1/ring-layout.ts';
import { initialVqState, type VqStatePacked } from '../../device.ts';
import type { DmaView } from '../../memory/iotlb.ts';
import { DeviceRingBase } from './base.ts';
import type { DeviceRingConfig } from './ring.ts';

/** Positions of a packed ring and the two event suppression areas (sections 2.7.1 and 2.7.10). */
export abstract class PackedRingEvents extends DeviceRingBase {
  /** Slot of the next buffer to take, and the counter of that lap. */
  availSlot: number;
  availWrap: number;
  /** Slot of the next used descriptor, and the counter of that lap. */
  usedSlot: number;
  usedWrap: number;
  /** Device Event Suppression words as stored last; -1 before the first store. */
  deviceDesc = -1;
  deviceFlags = -1;
  readonly driverBase: number;
  readonly deviceBase: number;

  constructor(ringDma: DmaView, bufferDma: DmaView, config: DeviceRingConfig, start?: VqStatePacked) {
    super(ringDma, bufferDma, config);
    const from = start ?? initialVqState().packed;
    this.availSlot = from.lastAvailIdx % this.num;
    this.availWrap = from.lastAvailCounter & 1;
    this.usedSlot = from.lastUsedIdx % this.num;
    this.usedWrap = from.lastUsedCounter & 1;
    this.driverBase = config.driverArea;
    this.deviceBase = config.deviceArea;
  }

  /** Section 2.7.10. Values that were not negotiated, or are reserved, ask for every notification. */
  wantsNotification(count: number): boolean {
    const flags = this.readDriverFlags() & EVENT_FLAGS.MASK;
    if (flags === EVENT_FLAGS.DISABLE) return false;
    if (flags !== EVENT_FLAGS.DESC || !this.config.eventIdx) return true;
    const event = this.eventPosition(this.readDriverDesc());
    return this.needEvent(event, this.usedSlot, this.usedSlot - count);
  }

  /** Position of an event relative to slot 0 of the current lap: negative in the lap before. */
  eventPosition(desc: number): number {
    const slot = desc & PACKED_EVENT.offsetMask;
    return desc >>> 15 === this.usedWrap ? slot : slot - this.num;
  }

  /** Whether moving from `old` to `now` passed over `event`. */
  needEvent(event: number, now: number, old: number): boolean {
    return event >= old && event < now;
  }

  readDriverDesc(): number {
    return this.ringDma.get16(this.driverBase + PACKED_EVENT.desc);
  }

  readDriverFlags(): number {
    return this.ringDma.get16(this.driverBase + PACKED_EVENT.flags);
  }

  /** Ask for a kick at the next buffer: its position with EVENT_IDX, otherwise any (section 2.7.10). */
  requestKicks(): void {
    if (!this.config.eventIdx) {
      this.storeDeviceFlags(EVENT_FLAGS.ENABLE);
      return;
    }
    this.storeDeviceDesc(this.availSlot | (this.availWrap << 15));
    this.storeDeviceFlags(EVENT_FLAGS.DESC);
  }

  refuseKicks(): void {
    this.storeDeviceFlags(EVENT_FLAGS.DISABLE);
  }

  storeDeviceDesc(desc: number): void {
    if (this.deviceDesc === desc) return;
    this.ringDma.put16(this.deviceBase + PACKED_EVENT.desc, desc);
    this.deviceDesc = desc;
  }

  storeDeviceFlags(flags: number): void {
    if (this.deviceFlags === flags) return;
    this.ringDma.put16(this.deviceBase + PACKED_EVENT.flags, flags);
    this.deviceFlags = flags;
  }
}
