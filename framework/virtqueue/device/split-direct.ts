import { INDIRECT, NEXT, WRITE } from '../constants.ts';
import type { SplitDeviceRing } from './split.ts';
import type { TakenBuffer } from './taken-buffer.ts';

/**
 * What {@link SplitDeviceRing.take} does for nearly every buffer, in one piece: a compiler that meets a dozen
 * methods for each buffer gives up putting them together half-way, and takes twice the time.
 *
 * Holds for an intact ring with a size of a power of two, of which descriptor table and available ring can be
 * read in place, when the index read last covers a buffer and its chain has direct descriptors only. In any
 * other case, malformed chains included, it returns false and has changed nothing that counts: the caller then
 * decides step by step.
 */
export function takeDirectChain(ring: SplitDeviceRing, buffer: TakenBuffer): boolean {
  const { descTable, availRing, mask, num, nextAvail } = ring;
  if (descTable === null || availRing === null || mask === 0) return false;
  const ahead = (ring.availIndex - nextAvail) & 0xffff;
  if (ahead === 0 || ahead > num || ring.outstanding >= num) return false;
  const head = availRing[2 + (nextAvail & mask)];
  const { addr, len } = buffer;
  let index = head;
  let readable = 0;
  let writable = 0;
  for (let count = 0; count < num && index < num; count++) {
    const at = index << 2;
    const word = descTable[at + 3];
    if ((word & INDIRECT) !== 0) return false;
    if ((word & WRITE) !== 0) writable++;
    else if (writable === 0) readable++;
    else return false;
    addr[count] = descTable[at + 1] * 0x1_0000_0000 + descTable[at];
    len[count] = descTable[at + 2];
    if ((word & NEXT) === 0) {
      buffer.id = head;
      buffer.last = index;
      buffer.readable = readable;
      buffer.writable = writable;
      ring.nextAvail = (nextAvail + 1) & 0xffff;
      return true;
    }
    index = word >>> 16;
  }
  return false;
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
