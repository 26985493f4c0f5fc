import { RingError } from '../../../framework/virtqueue/device/ring.ts';
import type { TakenBuffer } from '../../../framework/virtqueue/device/taken-buffer.ts';
import type { Defect } from '../defect.ts';
import { AVAIL, NEXT, packed } from './ring-defect.ts';

/** Move the elements `from` to `end` of `buffer` to where `order` says. */
function reorder(buffer: TakenBuffer, from: number, order: readonly number[]): void {
  const addr = order.map((i) => buffer.addr[i]);
  const len = order.map((i) => buffer.len[i]);
  for (let i = 0; i < order.length; i++) {
    buffer.addr[from + i] = addr[i];
    buffer.len[from + i] = len[i];
  }
}

const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

/** Lists of descriptors. */
export const PACKED_LISTS: readonly Defect[] = [
  packed(
    {
      id: 'packed/used-per-element',
      breaks: ['P1.1-007'],
      what: 'writes a used descriptor into every slot of a list',
      origin: 'PK-07: one used descriptor per chain element',
    },
    (ring) => {
      ring.writeUsedDescriptors = (count) => {
        let total = 0;
        for (let i = 0; i < count; i++) {
          for (let k = 0; k < ring.pendingSlots[i]; k++) {
            ring.writeUsedElement(ring.usedSlot, ring.pendingId[i], ring.pendingLen[i]);
            ring.storeUsedFlags(ring.usedSlot, ring.usedFlags(ring.usedWrap, ring.pendingFlags[i]));
            ring.advanceUsed(1);
            total++;
          }
        }
        return total;
      };
    },
  ),
  packed(
    {
      id: 'packed/skips-one-slot',
      breaks: ['P1.1-008'],
      what: 'moves the used position by one slot per buffer, however long its list',
      origin: 'PK-08: used index moves by 1',
    },
    (ring) => {
      ring.usedSlots = () => 1;
    },
  ),
  packed(
    {
      id: 'packed/skips-list-at-slot',
      parents: ['simulator-blk'],
      breaks: ['P1.1-008'],
      what: 'skips the length of the list that stood at the slot, not that of the buffer used there',
      fuzz: 'needs completion out of order, which random steps rarely cause',
    },
    (ring) => {
      const lengths: number[] = [];
      const { take } = ring;
      ring.take = (buffer) => {
        const taken = take.call(ring, buffer);
        if (taken) lengths.push(buffer.slots);
        return taken;
      };
      ring.usedSlots = (buffer) => lengths.shift() ?? buffer.slots;
    },
  ),
  packed(
    {
      id: 'packed/id-of-first',
      breaks: ['P1.1-014c'],
      what: 'takes the Buffer ID from the first descriptor of a list',
    },
    (ring) => {
      ring.listId = (first) => first;
    },
  ),
  packed(
    {
      id: 'packed/list-runs-over-the-end',
      breaks: ['P1.1-014e'],
      what: 'continues a list behind the last slot instead of at slot 0',
      origin: 'PK-02: next index in a chain not wrapped at the ring end',
    },
    (ring) => {
      ring.nextSlot = (slot) => slot + 1;
    },
  ),
  packed(
    {
      id: 'packed/list-with-one-avail-value',
      breaks: ['P1.1-014e'],
      what: 'expects every descriptor of a list to have the AVAIL value of its head',
    },
    (ring) => {
      const { takeList } = ring;
      ring.takeList = (buffer, first, firstFlags) => {
        let slot = first;
        for (let flags = firstFlags; (flags & NEXT) !== 0; flags = ring.descFlags) {
          slot = (slot + 1) % ring.num;
          ring.readTail(slot);
          if ((ring.descFlags & AVAIL) !== (firstFlags & AVAIL))
            throw new RingError('chain-too-long', `list ends in slot ${slot} without an end`);
        }
        takeList.call(ring, buffer, first, firstFlags);
      };
    },
  ),
  packed(
    {
      id: 'packed/list-reversed',
      breaks: ['V1.1-2.7.18-D1'],
      what: 'takes the data elements of a list in reverse order',
    },
    (ring) => {
      const { takeList } = ring;
      ring.takeList = (buffer, first, flags) => {
        takeList.call(ring, buffer, first, flags);
        const { readable, writable } = buffer;
        if (readable > 2) reorder(buffer, 1, range(1, readable - 1).reverse());
        if (writable > 2) reorder(buffer, readable, range(readable, writable - 1).reverse());
        else if (writable === 2) reorder(buffer, readable, range(readable, writable).reverse());
      };
    },
  ),
  packed(
    {
      id: 'packed/list-sorted-by-slot',
      breaks: ['V1.1-2.7.18-D1'],
      what: 'takes the elements of a list in the order of their slot numbers, so slot 0 comes first',
    },
    (ring) => {
      const { takeList } = ring;
      ring.takeList = (buffer, first, flags) => {
        takeList.call(ring, buffer, first, flags);
        const slotOf = (i: number) => (first + i) % ring.num;
        const sorted = (from: number, count: number) =>
          reorder(
            buffer,
            from,
            range(from, count).sort((a, b) => slotOf(a) - slotOf(b)),
          );
        sorted(0, buffer.readable);
        sorted(buffer.readable, buffer.writable);
      };
    },
  ),
];
