import { EVENT_FLAGS, PACKED_EVENT } from '../../../specs/virtio-1.1/ring-layout.ts';
import { noEventIdx } from './elements.ts';
import { DriverRingError, type InterruptMode } from './ring.ts';

/** A position in a packed ring of `num` slots: slot and wrap counter (section 2.7.1). */
export interface PackedPosition {
  slot: number;
  wrap: number;
}

/**
 * Whether the device event suppression area at `pa` asks for a kick after `published` descriptors that end
 * before `next` (sections 2.7.10 and 2.7.21.2).
 *
 * A descriptor event is met when any descriptor of that range is the one it names; one outside the ring is
 * never met. Reserved flags, and descriptor events without EVENT_IDX, leave the kick on.
 */
export function packedKick(
  view: DataView,
  pa: number,
  eventIdx: boolean,
  num: number,
  next: Readonly<PackedPosition>,
  published: number,
): boolean {
  const flags = view.getUint16(pa + PACKED_EVENT.flags, true) & EVENT_FLAGS.MASK;
  if (flags === EVENT_FLAGS.DISABLE) return false;
  if (flags !== EVENT_FLAGS.DESC || !eventIdx) return true;
  const word = view.getUint16(pa + PACKED_EVENT.desc, true);
  const offset = word & PACKED_EVENT.offsetMask;
  if (offset >= num) return false;
  // Positions in a double lap: counter 1 first, counter 0 behind it.
  const end = next.slot + (next.wrap === 1 ? 0 : num);
  const event = offset + ((word & PACKED_EVENT.wrapBit) !== 0 ? 0 : num);
  return (end - event - 1 + 2 * num) % (2 * num) < published;
}

/**
 * Write the driver event suppression area at `pa` (section 2.7.10). `used` is where the next used descriptor
 * is expected; it settles the wrap counter of an event that comes without one.
 */
export function putDriverEvent(
  view: DataView,
  pa: number,
  eventIdx: boolean,
  num: number,
  used: Readonly<PackedPosition>,
  mode: InterruptMode,
): void {
  let flags: number = mode.mode === 'enable' ? EVENT_FLAGS.ENABLE : EVENT_FLAGS.DISABLE;
  let word = view.getUint16(pa + PACKED_EVENT.desc, true);
  if (mode.mode === 'event') {
    if (!eventIdx) throw noEventIdx();
    const { at } = mode;
    if (!Number.isInteger(at) || at < 0 || at >= num) {
      throw new DriverRingError('bad-mode', `event offset ${at} is outside a ring of ${num}`);
    }
    const wrap = mode.wrap ?? (at >= used.slot ? used.wrap : used.wrap ^ 1);
    word = at | (wrap << 15);
    flags = EVENT_FLAGS.DESC;
  }
  // One store, so that position and flags never disagree.
  view.setUint32(pa, (word | (flags << (8 * PACKED_EVENT.flags))) >>> 0, true);
}
