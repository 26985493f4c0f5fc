import { EPOCH } from '../../memory/host-memory.ts';
import { INDIRECT, NEXT, WRITE } from '../constants.ts';
import type { SplitDeviceRing } from './split.ts';
import type { TakenBuffer } from './taken-buffer.ts';

/**
 * What `pop` of a split ring does for nearly every buffer, in one piece: a compiler that meets a dozen methods
 * for each buffer, of two classes, gives up putting them together half-way, and takes twice the time.
 *
 * Holds for an intact ring without IN_ORDER and with a size of a power of two, of which descriptor table and
 * available ring can be read in place, when the next chain has direct descriptors only. In any other case,
 * malformed chains included, it returns null and has changed nothing that counts: the caller then decides step
 * by step.
 */
export function popDirectChain(ring: SplitDeviceRing): TakenBuffer | null {
  if (ring.aimedAt !== EPOCH.now) ring.aim();
  if (ring.freeCount === 0) ring.growPool();
  const { descTable, availRing, mask, num, nextAvail, freeCount } = ring;
  if (descTable === null || availRing === null || mask === 0 || ring.inOrder === true) return null;
  let ahead = (ring.availIndex - nextAvail) & 0xffff;
  if (ahead === 0) {
    ring.availIndex = availRing[1];
    ahead = (ring.availIndex - nextAvail) & 0xffff;
  }
  if (ahead === 0 || ahead > num || ring.outstanding >= num) return null;
  const head = availRing[2 + (nextAvail & mask)];
  const buffer = ring.free[freeCount - 1];
  const { addr, len } = buffer;
  let index = head;
  let readable = 0;
  let writable = 0;
  for (let count = 0; count < num && index < num; count++) {
    const at = index << 2;
    const word = descTable[at + 3];
    if ((word & INDIRECT) !== 0) return null;
    if ((word & WRITE) !== 0) writable++;
    else if (writable === 0) readable++;
    else return null;
    addr[count] = descTable[at + 1] * 0x1_0000_0000 + descTable[at];
    len[count] = descTable[at + 2];
    if ((word & NEXT) === 0) {
      buffer.id = head;
      buffer.last = index;
      buffer.readable = readable;
      buffer.writable = writable;
      buffer.taken = true;
      ring.freeCount = freeCount - 1;
      ring.nextAvail = (nextAvail + 1) & 0xffff;
      return buffer;
    }
    index = word >>> 16;
  }
  return null;
}

/** The same for `push`; false when the caller has to see to it. */
export function pushDirectChain(ring: SplitDeviceRing, buffer: TakenBuffer, written: number): boolean {
  const { pending, pendingId, pendingLen } = ring;
  if (ring.inOrder === true || buffer.taken !== true || pending === pendingId.length) return false;
  pendingId[pending] = buffer.id;
  pendingLen[pending] = written;
  ring.pending = pending + 1;
  buffer.taken = false;
  ring.free[ring.freeCount++] = buffer;
  return true;
}

/** The used entries of all completed buffers of an intact ring; `usedRing` is its used ring as words. */
export function storeUsedEntries(ring: SplitDeviceRing, usedRing: Uint32Array, count: number): void {
  const { pendingId, pendingLen, mask } = ring;
  let { usedIndex } = ring;
  for (let i = 0; i < count; i++) {
    const at = 1 + ((usedIndex++ & mask) << 1);
    usedRing[at] = pendingId[i];
    usedRing[at + 1] = pendingLen[i];
  }
}
