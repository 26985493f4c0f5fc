/** Memory layout of split (section 2.6) and packed (section 2.7) virtqueues. All fields are little-endian. */

/** Largest queue size of either format (sections 2.6 and 2.7). */
export const MAX_QUEUE_SIZE = 32768;

/** Bytes per descriptor, split or packed (sections 2.6.5 and 2.7.13). */
export const DESC_SIZE = 16;

/** Descriptor flags (sections 2.6.5, 2.7.1, 2.7.3, 2.7.6, 2.7.7); AVAIL and USED are packed only. */
export const DESC_F = {
  NEXT: 0x1,
  WRITE: 0x2,
  INDIRECT: 0x4,
  AVAIL: 0x80,
  USED: 0x8000,
} as const;

/** Field offsets in a split descriptor (section 2.6.5). */
export const SPLIT_DESC = { addr: 0, len: 8, flags: 12, next: 14 } as const;

/** Available ring (sections 2.6.6 and 2.6.7): header offsets, where entries start, bytes per entry. */
export const SPLIT_AVAIL = { flags: 0, idx: 2, ring: 4, entrySize: 2, usedEventSize: 2 } as const;

/** Used ring (sections 2.6.8 and 2.6.10): header offsets, where entries start, offsets inside an entry. */
export const SPLIT_USED = {
  flags: 0,
  idx: 2,
  ring: 4,
  entrySize: 8,
  entryId: 0,
  entryLen: 4,
  availEventSize: 2,
} as const;

/** Flag of the available ring: the driver would rather not be notified (section 2.6.7). */
export const AVAIL_F_NO_INTERRUPT = 1;

/** Flag of the used ring: the device would rather not be notified (section 2.6.10). */
export const USED_F_NO_NOTIFY = 1;

/** Lowest address alignment of each split area (section 2.6). */
export const SPLIT_ALIGN = { desc: 16, avail: 2, used: 4 } as const;

/** Field offsets in a packed descriptor (section 2.7.13). */
export const PACKED_DESC = { addr: 0, len: 8, id: 12, flags: 14 } as const;

/** An event suppression area (section 2.7.14): offsets, size and how `desc` splits into slot and wrap bit. */
export const PACKED_EVENT = { desc: 0, flags: 2, size: 4, offsetMask: 0x7fff, wrapBit: 0x8000 } as const;

/** Values of the two flag bits in an event suppression area; 3 is reserved (section 2.7.10). */
export const EVENT_FLAGS = { ENABLE: 0, DISABLE: 1, DESC: 2, MASK: 3 } as const;

/** Lowest address alignment of each packed area (section 2.7.10.1). */
export const PACKED_ALIGN = { ring: 16, driver: 4, device: 4 } as const;

/** Bytes in each area of a split virtqueue. */
export interface SplitAreaSizes {
  readonly desc: number;
  readonly avail: number;
  readonly used: number;
}

/** Bytes in each area of a packed virtqueue. */
export interface PackedAreaSizes {
  readonly ring: number;
  readonly driver: number;
  readonly device: number;
}

/**
 * Sizes of the three areas of a split virtqueue (section 2.6), the event fields at their ends included.
 * Whether `num` is a power of two, as a split queue needs, is left to the caller.
 *
 * @throws RangeError when `num` is not an integer from 1 to 32768
 */
export function splitAreaSizes(num: number): SplitAreaSizes {
  checkQueueSize(num);
  return { desc: DESC_SIZE * num, avail: usedEventOffset(num) + 2, used: availEventOffset(num) + 2 };
}

/**
 * Sizes of the descriptor ring and of the two event suppression areas of a packed virtqueue
 * (section 2.7.10.1). The size need not be a power of two.
 *
 * @throws RangeError when `num` is not an integer from 1 to 32768
 */
export function packedAreaSizes(num: number): PackedAreaSizes {
  checkQueueSize(num);
  return { ring: DESC_SIZE * num, driver: PACKED_EVENT.size, device: PACKED_EVENT.size };
}

/** Where `used_event` lies in the available ring of a queue of `num` entries (section 2.6.6). */
export function usedEventOffset(num: number): number {
  return SPLIT_AVAIL.ring + SPLIT_AVAIL.entrySize * num;
}

/** Where `avail_event` lies in the used ring of a queue of `num` entries (section 2.6.8). */
export function availEventOffset(num: number): number {
  return SPLIT_USED.ring + SPLIT_USED.entrySize * num;
}

function checkQueueSize(num: number): void {
  if (Number.isInteger(num) && num >= 1 && num <= MAX_QUEUE_SIZE) return;
  throw new RangeError(`queue size ${num} is not an integer from 1 to ${MAX_QUEUE_SIZE}`);
}
