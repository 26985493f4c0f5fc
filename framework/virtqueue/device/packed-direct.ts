import { EPOCH } from '../../memory/host-memory.ts';
import { AVAIL, INDIRECT, MARKS, NEXT, USED, WRITE } from '../constants.ts';
import type { PackedDeviceRing } from './packed.ts';
import type { TakenBuffer } from './taken-buffer.ts';

/**
 * What `pop` of a packed ring does for nearly every buffer, in one piece, as `popDirectChain` does in a split
 * ring.
 *
 * Holds for an intact ring without IN_ORDER that can be read in place, when the next descriptor is available
 * and its list has direct descriptors only. In any other case, malformed lists included, it returns null and has
 * changed nothing that counts: the caller then decides step by step.
 */
export function popDirectList(ring: PackedDeviceRing): TakenBuffer | null {
  if (ring.aimedAt !== EPOCH.now) ring.aim();
  if (ring.freeCount === 0) ring.growPool();
  const { descRing, num, availSlot, outstandingSlots, freeCount } = ring;
  if (descRing === null || ring.inOrder === true) return null;
  let at = availSlot << 2;
  let word = descRing[at + 3];
  if (((word >>> 16) & MARKS) !== (ring.availWrap !== 0 ? AVAIL : USED)) return null;
  const firstFlags = word >>> 16;
  const buffer = ring.free[freeCount - 1];
  const { addr, len } = buffer;
  let slot = availSlot;
  let readable = 0;
  let writable = 0;
  for (let count = 1; count <= num - outstandingSlots; count++) {
    if ((word & (INDIRECT << 16)) !== 0) return null;
    if ((word & (WRITE << 16)) !== 0) writable++;
    else if (writable === 0) readable++;
    else return null;
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
      buffer.taken = true;
      ring.freeCount = freeCount - 1;
      ring.outstandingSlots = outstandingSlots + count;
      ring.availSlot = slot;
      if (slot <= availSlot) ring.availWrap ^= 1;
      return buffer;
    }
    at = slot << 2;
    word = descRing[at + 3];
  }
  return null;
}

/** The same for `push`; false when the caller has to see to it. */
export function pushDirectList(ring: PackedDeviceRing, buffer: TakenBuffer, written: number): boolean {
  const { pending, pendingId } = ring;
  if (ring.inOrder === true || buffer.taken !== true || pending === pendingId.length) return false;
  pendingId[pending] = buffer.id;
  ring.pendingLen[pending] = written;
  ring.pendingSlots[pending] = buffer.slots;
  ring.pendingFlags[pending] = buffer.writable > 0 ? WRITE : 0;
  ring.pending = pending + 1;
  ring.outstandingSlots -= buffer.slots;
  buffer.taken = false;
  ring.free[ring.freeCount++] = buffer;
  return true;
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
