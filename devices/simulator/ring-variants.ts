import { DmaFault } from '../../framework/memory/host-memory.ts';
import { PackedDeviceRing } from '../../framework/virtqueue/device/packed.ts';
import {
  type DeviceBuffer,
  type DeviceRing,
  RingError,
  writableBytes,
} from '../../framework/virtqueue/device/ring.ts';
import { SplitDeviceRing } from '../../framework/virtqueue/device/split.ts';

/**
 * Make `ring` hand out a buffer without elements where a chain or table is malformed, so that the device can
 * give it back. What leaves no way to go on (a head outside the table, a bad packed list, an index jump) is
 * still an error.
 */
export function skipMalformed(ring: DeviceRing): DeviceRing {
  if (ring instanceof SplitDeviceRing) {
    const { walkChain } = ring;
    ring.intact = false;
    ring.walkChain = (buffer, head) => {
      try {
        walkChain.call(ring, buffer, head);
      } catch (error) {
        makeEmpty(buffer, error);
      }
    };
  } else if (ring instanceof PackedDeviceRing) {
    const { takeIndirect } = ring;
    ring.intact = false;
    ring.takeIndirect = (buffer, slot, flags) => {
      try {
        takeIndirect.call(ring, buffer, slot, flags);
      } catch (error) {
        makeEmpty(buffer, error);
        buffer.id = ring.descId;
        buffer.slots = 1;
        buffer.last = slot;
      }
    };
  }
  return ring;
}

function makeEmpty(buffer: DeviceBuffer, error: unknown): void {
  if (!(error instanceof RingError || error instanceof DmaFault)) throw error;
  buffer.readable = 0;
  buffer.writable = 0;
}

/**
 * Make `ring`, which has IN_ORDER, write one used entry for all buffers of a publication (sections 2.6.9 and
 * 2.7.8). A buffer whose writable part was not filled gets an entry of its own, because a driver takes a
 * skipped one for used in full.
 */
export function batchUsed(ring: DeviceRing): DeviceRing {
  /** By place in the publication: whether the buffer may be skipped. */
  const full: boolean[] = [];
  const endsGroup = (i: number, count: number): boolean => i === count - 1 || !full[i];
  if (ring instanceof SplitDeviceRing) {
    noteFull(ring, full);
    ring.writeUsedEntries = (count) => {
      let first = 0;
      for (let i = 0; i < count; i++) {
        if (!endsGroup(i, count)) continue;
        const slot = ring.usedSlot(ring.advanceIndex(ring.usedIndex, first));
        ring.writeUsedElement(slot, ring.pendingId[i], ring.pendingLen[i]);
        first = i + 1;
      }
    };
  } else if (ring instanceof PackedDeviceRing) {
    noteFull(ring, full);
    ring.writeUsedDescriptors = (count) => {
      const first = ring.usedSlot;
      let firstFlags = -1;
      let slots = 0;
      let total = 0;
      for (let i = 0; i < count; i++) {
        slots += ring.pendingSlots[i];
        if (!endsGroup(i, count)) continue;
        const flags = ring.usedFlags(ring.usedWrap, ring.pendingFlags[i]);
        ring.writeUsedElement(ring.usedSlot, ring.pendingId[i], ring.pendingLen[i]);
        if (firstFlags === -1) firstFlags = flags;
        else ring.storeUsedFlags(ring.usedSlot, flags);
        ring.advanceUsed(slots);
        total += slots;
        slots = 0;
      }
      ring.storeUsedFlags(first, firstFlags);
      return total;
    };
  }
  return ring;
}

function noteFull(ring: SplitDeviceRing | PackedDeviceRing, full: boolean[]): void {
  const { complete } = ring;
  ring.intact = false;
  ring.complete = (buffer, written) => {
    full[ring.pending] = written === writableBytes(buffer);
    complete.call(ring, buffer, written);
  };
}
