import { AVAIL, INDIRECT, MARKS, NEXT, USED, WRITE } from '../constants.ts';
import type { PackedDeviceRing } from './packed.ts';
import type { TakenBuffer } from './taken-buffer.ts';

/**
 * What {@link PackedDeviceRing.take} does for nearly every buffer, in one piece, as `takeDirectChain` does in a
 * split ring.
 *
 * Holds for an intact ring that can be read in place, when the next descriptor is available and its list has
 * direct descriptors only. In any other case, malformed lists included, it returns false and has changed
 * nothing that counts: the caller then decides step by step.
 */
export function takeDirectList(ring: PackedDeviceRing, buffer: TakenBuffer): boolean {
  const { descRing, num, availSlot } = ring;
  if (descRing === null) return false;
  let at = availSlot << 2;
  let word = descRing[at + 3];
  if (((word >>> 16) & MARKS) !== (ring.availWrap !== 0 ? AVAIL : USED)) return false;
  const firstFlags = word >>> 16;
  const room = num - ring.outstandingSlots;
  const { addr, len } = buffer;
  let slot = availSlot;
  let readable = 0;
  let writable = 0;
  for (let count = 1; count <= room; count++) {
    if ((word & (INDIRECT << 16)) !== 0) return false;
    if ((word & (WRITE << 16)) !== 0) writable++;
    else if (writable === 0) readable++;
    else return false;
    addr[count - 1] = descRing[at + 1] * 0x1_0000_0000 + descRing[at];
    len[count - 1] = descRing[at + 2];
    const last = slot;
    slot = slot + 1 === num ? 0 : slot + 1;
    if ((word & (NEXT << 16)) === 0) {
      buffer.id = word & 0xffff;
      buffer.slots = count;
      buffer.first = availSlot;
      buffer.firstFlags = firstFlags;
      buffer.last = last;
      buffer.readable = readable;
      buffer.writable = writable;
      ring.outstandingSlots += count;
      ring.availSlot = slot;
      if (slot <= availSlot) ring.availWrap ^= 1;
      return true;
    }
    at = slot << 2;
    word = descRing[at + 3];
  }
  return false;
}

/**
 * The used descriptors of the `count` completed buffers of an intact ring, those of the first one last
 * (section 2.7.9). Moves the used position; returns the slots covered.
 */
export function storeUsedDescriptors(ring: PackedDeviceRing, descRing: Uint32Array, count: number): number {
  const { pendingId, pendingLen, pendingSlots, pendingFlags, num } = ring;
  const first = (ring.usedSlot << 2) + 2;
  let slot = ring.usedSlot;
  let wrap = ring.usedWrap;
  const firstTail = pendingId[0] | ((pendingFlags[0] | (wrap !== 0 ? MARKS : 0)) << 16);
  let slots = 0;
  for (let i = 0; i < count; i++) {
    const at = (slot << 2) + 2;
    descRing[at] = pendingLen[i];
    if (i > 0) descRing[at + 1] = pendingId[i] | ((pendingFlags[i] | (wrap !== 0 ? MARKS : 0)) << 16);
    slots += pendingSlots[i];
    slot += pendingSlots[i];
    if (slot >= num) {
      slot -= num;
      wrap ^= 1;
    }
  }
  descRing[first + 1] = firstTail;
  ring.usedSlot = slot;
  ring.usedWrap = wrap;
  return slots;
}
