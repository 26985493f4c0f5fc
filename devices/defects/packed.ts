import type { PackedDeviceRing } from '../../framework/virtqueue/device/packed.ts';
import { RingError, writableBytes } from '../../framework/virtqueue/device/ring.ts';
import type { TakenBuffer } from '../../framework/virtqueue/device/taken-buffer.ts';
import {
  DESC_F,
  DESC_SIZE,
  EVENT_FLAGS,
  PACKED_DESC,
  PACKED_EVENT,
} from '../../specs/virtio-1.1/ring-layout.ts';
import type { SimulatorDevice } from '../simulator/core.ts';
import type { SimQueue } from '../simulator/queue.ts';
import { type Defect, defineDefect, onPackedRing } from './defect.ts';

const BOTH = ['simulator-net', 'simulator-blk'] as const;
const { AVAIL, USED, WRITE, INDIRECT, NEXT } = DESC_F;
const BYTE = new Uint8Array(1);

type Change = (ring: PackedDeviceRing, queue: SimQueue, device: SimulatorDevice) => void;
type Facts = Partial<Defect> & Pick<Defect, 'id' | 'breaks' | 'what'>;

/** A defect in the packed ring; the origin is the inverted text unless it says otherwise. */
const packed = (facts: Facts, change: Change): Defect =>
  defineDefect({
    parents: BOTH,
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    ...facts,
    seed: (device) => onPackedRing(device, (ring, queue) => change(ring, queue, device)),
  });

/** A defect elsewhere in the device that shows on packed rings. */
const device = (facts: Facts, seed: (device: SimulatorDevice) => void): Defect =>
  defineDefect({
    parents: BOTH,
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'yes',
    ...facts,
    seed,
  });

/** Run `action` with the element lists of every buffer that is given back. */
function onPush(ring: PackedDeviceRing, action: (buffer: TakenBuffer) => void): void {
  const { complete } = ring;
  ring.complete = (buffer, written) => {
    action(buffer);
    complete.call(ring, buffer, written);
  };
}

/** Address of the first byte of the first element of a half that is not empty, or -1. */
function firstByte(buffer: TakenBuffer, from: number, count: number): number {
  for (let i = from; i < from + count; i++) if (buffer.len[i] > 0) return buffer.addr[i];
  return -1;
}

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

const isEndless = (error: unknown) => error instanceof RingError && error.code === 'chain-too-long';

/** Seeded defects of packed virtqueues (section 2.7). */
export const PACKED_DEFECTS: readonly Defect[] = [
  // ── used descriptors: id, wrap counter, flags, length ─────────────────────────────────────────
  packed(
    {
      id: 'packed/slot-as-id',
      breaks: ['P1.1-001'],
      what: 'writes the slot number of the buffer where its Buffer ID belongs',
      origin: 'PK-10: completion id taken from the ring position',
    },
    (ring) => {
      ring.usedId = (buffer) => buffer.first;
    },
  ),
  packed(
    {
      id: 'packed/used-twice',
      breaks: ['P1.1-001'],
      what: 'uses every fifth buffer twice',
      origin: 'public reports of double completion after a retry',
    },
    (ring) => {
      let count = 0;
      const { complete } = ring;
      ring.complete = (buffer, written) => {
        complete.call(ring, buffer, written);
        if (++count % 5 === 0) complete.call(ring, buffer, written);
      };
    },
  ),
  packed(
    {
      id: 'packed/wrap-only-at-last-slot',
      breaks: ['P1.1-002'],
      what: 'flips the used wrap counter only when the used descriptor itself stands in the last slot',
      origin: 'PK-01: wrap counter not toggled on some advances',
    },
    (ring) => {
      ring.advanceUsed = (slots) => {
        const from = ring.usedSlot;
        ring.usedSlot += slots;
        if (ring.usedSlot < ring.num) return;
        ring.usedSlot -= ring.num;
        if (from === ring.num - 1) ring.usedWrap ^= 1;
      };
    },
  ),
  packed(
    {
      id: 'packed/full-lap-keeps-wrap',
      breaks: ['P1.1-002', 'P1.1-007'],
      what: 'flips the wrap counters only when the new position is below the old one, so not after a list of N',
      origin: 'PK-01: toggle only if new index < old index',
    },
    (ring) => {
      ring.advanceAvail = (slots) => {
        const from = ring.availSlot;
        ring.availSlot = (from + slots) % ring.num;
        if (ring.availSlot < from) ring.availWrap ^= 1;
      };
      ring.advanceUsed = (slots) => {
        const from = ring.usedSlot;
        ring.usedSlot = (from + slots) % ring.num;
        if (ring.usedSlot < from) ring.usedWrap ^= 1;
      };
    },
  ),
  packed(
    {
      id: 'packed/position-masked',
      breaks: ['P1.1-002', 'P1.1-014k'],
      what: 'computes positions with a mask, as if the size were a power of two',
    },
    (ring) => {
      const size = 2 ** Math.ceil(Math.log2(ring.num));
      ring.advanceUsed = (slots) => {
        ring.usedSlot += slots;
        if (ring.usedSlot < size) return;
        ring.usedSlot -= size;
        ring.usedWrap ^= 1;
      };
    },
  ),
  packed(
    {
      id: 'packed/avail-always-1',
      breaks: ['P1.1-003'],
      what: 'builds used flags with AVAIL 1 in every lap',
      origin: 'PK-05: used descriptor keeps AVAIL of the wrong wrap',
    },
    (ring) => {
      ring.usedFlags = (wrap, writeFlag) => (wrap !== 0 ? AVAIL | USED : AVAIL) | writeFlag;
    },
  ),
  packed(
    {
      id: 'packed/avail-always-0',
      breaks: ['P1.1-003'],
      what: 'builds used flags with AVAIL 0 in every lap',
      origin: 'PK-05: used descriptor keeps AVAIL of the wrong wrap',
    },
    (ring) => {
      ring.usedFlags = (wrap, writeFlag) => (wrap !== 0 ? USED : 0) | writeFlag;
    },
  ),
  packed(
    {
      id: 'packed/write-flag-never',
      breaks: ['P1.1-005'],
      what: 'never sets WRITE in a used descriptor',
      origin: 'PK-19: flags are AVAIL and USED only',
    },
    (ring) => {
      ring.writeFlag = () => 0;
    },
  ),
  packed(
    {
      id: 'packed/write-flag-of-first',
      breaks: ['P1.1-005'],
      what: 'copies WRITE from the first descriptor of the buffer',
    },
    (ring) => {
      ring.writeFlag = (buffer) => buffer.firstFlags & WRITE;
    },
  ),
  packed(
    {
      id: 'packed/write-flag-always',
      parents: ['simulator-net'],
      breaks: ['P1.1-005'],
      what: 'sets WRITE in every used descriptor, written or not',
    },
    (ring) => {
      ring.writeFlag = () => WRITE;
    },
  ),
  packed(
    {
      id: 'packed/length-counts-readable',
      parents: ['simulator-blk'],
      breaks: ['P1.1-006'],
      what: 'reports readable and written bytes together as the used length',
    },
    (ring) => {
      const { usedLength } = ring;
      ring.usedLength = (buffer, written) => {
        let readable = 0;
        for (let i = 0; i < buffer.readable; i++) readable += buffer.len[i];
        return usedLength.call(ring, buffer, written) + readable;
      };
    },
  ),
  packed(
    { id: 'packed/length-too-long', breaks: ['P1.1-006'], what: 'reports four bytes more than it wrote' },
    (ring) => {
      ring.usedLength = (_, written) => written + 4;
    },
  ),
  // ── lists ─────────────────────────────────────────────────────────────────────────────────────
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
  // ── indirect tables ───────────────────────────────────────────────────────────────────────────
  packed(
    {
      id: 'packed/table-flags-followed',
      breaks: ['P1.1-009'],
      what: 'follows INDIRECT inside an indirect table',
    },
    (ring) => {
      const { readTableEntry } = ring;
      ring.readTableEntry = (table, index) => {
        readTableEntry.call(ring, table, index);
        if ((ring.descFlags & INDIRECT) !== 0) readTableEntry.call(ring, ring.descAddr, 0);
      };
    },
  ),
  packed(
    {
      id: 'packed/table-next-refused',
      breaks: ['P1.1-009'],
      what: 'needs a reset when an entry of an indirect table has NEXT set',
    },
    (ring) => {
      const { readTableEntry } = ring;
      ring.readTableEntry = (table, index) => {
        readTableEntry.call(ring, table, index);
        if ((ring.descFlags & NEXT) !== 0) throw new RingError('indirect-with-next', 'NEXT inside a table');
      };
    },
  ),
  packed(
    {
      id: 'packed/id-of-table-entry',
      breaks: ['P1.1-010'],
      what: 'takes the Buffer ID from the last entry of an indirect table',
    },
    (ring) => {
      const { walkTable } = ring;
      ring.walkTable = (buffer, table, entries) => {
        walkTable.call(ring, buffer, table, entries);
        buffer.id = ring.tableDma.get16(table + DESC_SIZE * (entries - 1) + PACKED_DESC.id);
      };
    },
  ),
  packed(
    {
      id: 'packed/indirect-write-means-writable',
      breaks: ['P1.1-011'],
      what: 'takes the whole table for writable when WRITE stands beside INDIRECT',
    },
    (ring) => {
      const { takeIndirect } = ring;
      ring.takeIndirect = (buffer, slot, flags) => {
        takeIndirect.call(ring, buffer, slot, flags);
        if ((flags & WRITE) === 0) return;
        buffer.writable += buffer.readable;
        buffer.readable = 0;
      };
    },
  ),
  packed(
    {
      id: 'packed/indirect-write-refused',
      breaks: ['P1.1-011'],
      what: 'needs a reset when WRITE stands beside INDIRECT',
    },
    (ring) => {
      const { takeIndirect } = ring;
      ring.takeIndirect = (buffer, slot, flags) => {
        if ((flags & WRITE) !== 0) throw new RingError('indirect-with-next', 'WRITE beside INDIRECT');
        takeIndirect.call(ring, buffer, slot, flags);
      };
    },
  ),
  packed(
    {
      id: 'packed/table-needs-next',
      breaks: ['P1.1-014f'],
      what: 'stops at the first table entry without NEXT',
      origin: 'IN-10: NEXT inside the table obeyed',
    },
    (ring) => {
      const { walkTable } = ring;
      ring.walkTable = (buffer, table, entries) => {
        let count = 1;
        for (; count < entries; count++) {
          ring.readTableEntry(table, count - 1);
          if ((ring.descFlags & NEXT) === 0) break;
        }
        walkTable.call(ring, buffer, table, count);
      };
    },
  ),
  packed(
    {
      id: 'packed/table-one-entry-too-many',
      breaks: ['P1.1-014f'],
      what: 'reads one entry past the end of an indirect table',
    },
    (ring) => {
      ring.tableEntries = (length) => length / DESC_SIZE + 1;
    },
  ),
  packed(
    {
      id: 'packed/indirect-skips-table-length',
      breaks: ['P1.1-014g'],
      what: 'moves on by the number of table entries after an indirect buffer',
    },
    (ring) => {
      ring.usedSlots = (buffer) => buffer.readable + buffer.writable;
    },
  ),
  // ── order of taking, unavailable slots ────────────────────────────────────────────────────────
  packed(
    {
      id: 'packed/scans-for-available',
      breaks: ['V1.1-2.7.12-D1', 'P1.1-014d'],
      what: 'takes the first available descriptor that it finds anywhere in the ring',
      origin: 'PK-25: starts out of order after a slot that is not available',
      fuzz: 'needs heads that become visible out of order',
    },
    (ring) => {
      const { take } = ring;
      ring.take = (buffer) => {
        const from = ring.availSlot;
        const wrap = ring.availWrap;
        for (let i = 0; i < ring.num; i++) {
          if (take.call(ring, buffer)) return true;
          ring.advanceAvail(1);
        }
        ring.availSlot = from;
        ring.availWrap = wrap;
        return false;
      };
    },
  ),
  packed(
    {
      id: 'packed/avail-bit-only',
      breaks: ['V1.1-2.7.15-D2'],
      what: 'takes every descriptor with AVAIL equal to 1, whatever the lap',
    },
    (ring) => {
      ring.isAvailable = (flags) => (flags & AVAIL) !== 0;
    },
  ),
  packed(
    {
      id: 'packed/avail-differs-from-used',
      breaks: ['V1.1-2.7.15-D2'],
      what: 'takes every descriptor whose AVAIL and USED differ, whatever the lap',
    },
    (ring) => {
      ring.isAvailable = (flags) => ((flags & AVAIL) !== 0) !== ((flags & USED) !== 0);
    },
  ),
  packed(
    {
      id: 'packed/zero-is-available',
      breaks: ['V1.1-2.7.15-D2'],
      what: 'takes the zeroed first slot of a fresh ring for an available descriptor',
    },
    (ring) => {
      const { isAvailable } = ring;
      let fresh = ring.availSlot === 0 && ring.availWrap === 1;
      ring.isAvailable = (flags, wrap) => {
        const first = fresh && flags === 0;
        fresh = false;
        return first || isAvailable.call(ring, flags, wrap);
      };
    },
  ),
  device(
    {
      id: 'packed/wrap-survives-reset',
      breaks: ['P1.1-014l'],
      what: 'keeps the wrap counters of a queue over a reset',
    },
    (device) => {
      const last = new Map<number, PackedDeviceRing>();
      onPackedRing(device, (ring, queue) => {
        const old = last.get(queue.index);
        last.set(queue.index, ring);
        if (old === undefined || queue.start.packed.lastAvailIdx !== 0) return;
        ring.availWrap = old.availWrap;
        ring.usedWrap = old.usedWrap;
      });
    },
  ),
  packed(
    {
      id: 'packed/wrap-starts-at-0',
      breaks: ['P1.1-014l'],
      what: 'begins with wrap counter 0 in a zeroed ring',
    },
    (ring, queue) => {
      if (queue.start.packed.lastAvailIdx !== 0) return;
      ring.availWrap = 0;
      ring.usedWrap = 0;
    },
  ),
  device(
    {
      id: 'packed/size-rounded-up',
      breaks: ['P1.1-014k'],
      what: 'rounds the queue size up to a power of two',
    },
    (device) => {
      const { latch } = device;
      device.latch = (queue) => {
        const config = latch.call(device, queue);
        if (config !== null && queue.packed) config.num = 2 ** Math.ceil(Math.log2(config.num));
        return config;
      };
    },
  ),
  // ── stores where or when they must not be ─────────────────────────────────────────────────────
  packed(
    {
      id: 'packed/store-after-used',
      breaks: ['P1.1-014m'],
      what: 'stores the first byte of the writable part again after the used descriptor is visible',
      origin: 'public reports of a status byte that is written after the completion',
      seenBy: 'invariant',
    },
    (ring, queue) => {
      const late: number[] = [];
      onPush(ring, (buffer) => {
        const addr = firstByte(buffer, buffer.readable, buffer.writable);
        if (addr >= 0) late.push(addr);
      });
      const { publish } = ring;
      ring.publish = () => {
        publish.call(ring);
        for (const addr of late.splice(0)) {
          queue.bufferDma!.load(addr, 1, BYTE);
          queue.bufferDma!.store(addr, BYTE);
        }
      };
    },
  ),
  packed(
    {
      id: 'packed/clears-driver-event-area',
      breaks: ['P1.1-014a'],
      what: 'clears the driver event suppression area once it was read',
    },
    (ring) => {
      const { readDriverFlags } = ring;
      ring.readDriverFlags = () => {
        const flags = readDriverFlags.call(ring);
        ring.ringDma.put16(ring.driverBase + PACKED_EVENT.flags, 0);
        return flags;
      };
    },
  ),
  packed(
    {
      id: 'packed/desc-without-event-idx',
      breaks: ['P1.1-014b'],
      what: 'asks for kicks with DESC although EVENT_IDX was not negotiated',
    },
    (ring) => {
      ring.requestKicks = () => {
        ring.storeDeviceDesc(ring.availSlot | (ring.availWrap << 15));
        ring.storeDeviceFlags(EVENT_FLAGS.DESC);
      };
    },
  ),
  packed(
    {
      id: 'packed/reserved-event-bits',
      breaks: ['P1.1-014b'],
      what: 'leaves reserved bits set in its event suppression area',
    },
    (ring) => {
      const { storeDeviceFlags } = ring;
      ring.storeDeviceFlags = (flags) => storeDeviceFlags.call(ring, flags | 0x0100);
    },
  ),
  packed(
    {
      id: 'packed/event-offset-outside',
      breaks: ['P1.1-014b'],
      what: 'writes the queue size as event offset where slot 0 is meant',
    },
    (ring) => {
      const { storeDeviceDesc } = ring;
      ring.storeDeviceDesc = (desc) =>
        storeDeviceDesc.call(ring, (desc & PACKED_EVENT.offsetMask) === 0 ? desc | ring.num : desc);
    },
  ),
  packed(
    {
      id: 'packed/stores-into-readable',
      breaks: ['V1.1-2.7.15-D1a'],
      what: 'changes the first byte of what it read',
    },
    (ring, queue) => {
      onPush(ring, (buffer) => {
        const addr = firstByte(buffer, 0, buffer.readable);
        if (addr < 0) return;
        queue.bufferDma!.load(addr, 1, BYTE);
        BYTE[0] ^= 0xff;
        queue.bufferDma!.store(addr, BYTE);
      });
    },
  ),
  packed(
    {
      id: 'packed/marks-table-used',
      breaks: ['V1.1-2.7.15-D1a'],
      what: 'writes used information into the first entry of an indirect table',
    },
    (ring) => {
      const { walkTable } = ring;
      ring.walkTable = (buffer, table, entries) => {
        walkTable.call(ring, buffer, table, entries);
        ring.tableDma.put16(table + PACKED_DESC.id, 0x5555);
      };
    },
  ),
  packed(
    {
      id: 'packed/reads-writable',
      breaks: ['V1.1-2.7.15-D1b'],
      what: 'reads the first byte of what it is only to write',
      fuzz: 'yes',
    },
    (ring, queue) => {
      onPush(ring, (buffer) => {
        const addr = firstByte(buffer, buffer.readable, buffer.writable);
        if (addr >= 0) queue.bufferDma!.load(addr, 1, BYTE);
      });
    },
  ),
  packed(
    {
      id: 'packed/flags-before-length',
      breaks: ['V1.1-2.7.15-D3'],
      what: 'stores the used flags before id and length',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.writeUsedDescriptors = (count) => {
        let total = 0;
        for (let i = 0; i < count; i++) {
          ring.storeUsedFlags(ring.usedSlot, ring.usedFlags(ring.usedWrap, ring.pendingFlags[i]));
          ring.writeUsedElement(ring.usedSlot, ring.pendingId[i], ring.pendingLen[i]);
          ring.advanceUsed(ring.pendingSlots[i]);
          total += ring.pendingSlots[i];
        }
        return total;
      };
    },
  ),
  packed(
    {
      id: 'packed/clears-used-length',
      breaks: ['V1.1-2.7.15-D3'],
      what: 'clears the length of the used descriptor before when it publishes the next',
    },
    (ring) => {
      let before = -1;
      const { commit } = ring;
      ring.commit = () => {
        if (before >= 0 && before !== ring.usedSlot)
          ring.ringDma.put32(ring.ringBase + DESC_SIZE * before + PACKED_DESC.len, 0x55);
        before = ring.usedSlot;
        commit.call(ring);
      };
    },
  ),
  // ── notifications ─────────────────────────────────────────────────────────────────────────────
  packed(
    {
      id: 'packed/reads-device-event-area',
      breaks: ['P1.1-012'],
      what: 'looks at its own event suppression area to decide whether to notify',
    },
    (ring) => {
      ring.readDriverFlags = () => ring.ringDma.get16(ring.deviceBase + PACKED_EVENT.flags);
      ring.readDriverDesc = () => ring.ringDma.get16(ring.deviceBase + PACKED_EVENT.desc);
    },
  ),
  packed(
    {
      id: 'packed/disable-ignored',
      breaks: ['P1.1-012'],
      what: 'notifies although the driver disabled notifications',
      origin: 'EV-14: packed DISABLE ignored',
    },
    (ring) => {
      const { wantsNotification } = ring;
      ring.wantsNotification = (count) =>
        ring.readDriverFlags() === EVENT_FLAGS.DISABLE || wantsNotification.call(ring, count);
    },
  ),
  packed(
    { id: 'packed/desc-is-disable', breaks: ['P1.1-012', 'P1.1-013'], what: 'takes DESC for DISABLE' },
    (ring) => {
      const { wantsNotification } = ring;
      ring.wantsNotification = (count) =>
        ring.readDriverFlags() !== EVENT_FLAGS.DESC && wantsNotification.call(ring, count);
    },
  ),
  packed(
    {
      id: 'packed/event-wrap-ignored',
      breaks: ['P1.1-013'],
      what: 'compares the event offset without its wrap bit',
      origin: 'EV-13: packed DESC event wrap bit ignored',
    },
    (ring) => {
      ring.eventPosition = (desc) => desc & PACKED_EVENT.offsetMask;
    },
  ),
  packed(
    {
      id: 'packed/event-modulo-power-of-two',
      breaks: ['P1.1-013'],
      what: 'compares event positions modulo 65536, as in a split ring',
    },
    (ring) => {
      ring.needEvent = (event, now, old) => {
        const at = (slot: number) => (slot < 0 ? slot + ring.num : slot);
        return ((now - at(event) - 1) & 0xffff) < ((now - at(old)) & 0xffff);
      };
    },
  ),
  packed(
    {
      id: 'packed/event-only-at-end-of-batch',
      breaks: ['P1.1-013'],
      what: 'notifies only when the last slot of a publication is the one named',
      fuzz: 'needs a batch that is published at once',
      options: { variant: 'coalesce' },
    },
    (ring) => {
      ring.needEvent = (event, now) => event === now - 1;
    },
  ),
  packed(
    {
      id: 'packed/notifies-first-lap-only',
      breaks: ['P1.1-013'],
      what: 'remembers the position of its last notification without the lap and takes it for a repetition',
      origin: 'PK-14: used event lost after more than one wrap between checks',
    },
    (ring) => {
      const { needEvent } = ring;
      let last = -1;
      ring.needEvent = (event, now, old) => {
        if (!needEvent.call(ring, event, now, old)) return false;
        if (last === ring.usedSlot) return false;
        last = ring.usedSlot;
        return true;
      };
      ring.readDriverFlags = () => {
        const flags = ring.ringDma.get16(ring.driverBase + PACKED_EVENT.flags);
        if (flags === EVENT_FLAGS.DISABLE) last = (ring.usedSlot + 2) % ring.num;
        return flags;
      };
    },
  ),
  device(
    {
      id: 'packed/sleeps-with-kicks-off',
      breaks: ['P1.1-014n'],
      what: 'leaves kicks disabled when it goes to sleep',
    },
    (device) => {
      device.sleep = (queue) => {
        queue.pending = false;
        return true;
      };
    },
  ),
  packed(
    {
      id: 'packed/asks-for-kick-one-too-late',
      breaks: ['P1.1-014n'],
      what: 'names the slot behind the next one as the position to be kicked at',
    },
    (ring) => {
      ring.requestKicks = () => {
        const next = ring.availSlot + 4;
        const wrap = next < ring.num ? ring.availWrap : ring.availWrap ^ 1;
        if (ring.config.eventIdx) ring.storeDeviceDesc((next % ring.num) | (wrap << 15));
        ring.storeDeviceFlags(ring.config.eventIdx ? EVENT_FLAGS.DESC : EVENT_FLAGS.ENABLE);
      };
    },
  ),
  device(
    {
      id: 'rings/notification-data-wrap-ignored',
      breaks: ['P1.1-014j'],
      what: 'reads notification data without bit 31, and takes notifications of the other lap for old ones',
    },
    (device) => {
      device.kickVqWithData = (data) => {
        const ring = device.queues[data & 0xffff]?.ring as { availWrap?: number; nextAvail?: number } | null;
        const next = (data >>> 16) & 0x7fff;
        if (ring && (ring.availWrap === undefined ? next < (ring.nextAvail ?? 0) : ring.availWrap === 0))
          return;
        device.kickVq(data & 0xffff);
      };
    },
  ),
  device(
    {
      id: 'rings/notification-data-repeated',
      breaks: ['P1.1-014j'],
      what: 'needs a reset when a notification repeats the one before',
    },
    (device) => {
      const last = new Map<number, number>();
      device.kickVqWithData = (data) => {
        const idx = data & 0xffff;
        if (last.get(idx) === data) device.needsReset('the same notification twice');
        last.set(idx, data);
        device.kickVq(idx);
      };
    },
  ),
  // ── batches (IN_ORDER) ────────────────────────────────────────────────────────────────────────
  packed(
    {
      id: 'packed/batch-entry-at-last',
      breaks: ['P1.1-014h'],
      what: 'writes the used descriptor of a batch at the position of its last buffer',
      options: { variant: 'batching' },
    },
    (ring) => writeBatch(ring, 'last'),
  ),
  packed(
    {
      id: 'packed/batch-skips-buffers',
      breaks: ['P1.1-014h'],
      what: 'skips as many slots as the batch has buffers, not as they have descriptors',
      options: { variant: 'batching' },
    },
    (ring) => writeBatch(ring, 'count'),
  ),
  packed(
    {
      id: 'packed/batch-with-first-id',
      breaks: ['P1.1-014h'],
      what: 'writes the id of the first buffer of a batch',
      options: { variant: 'batching' },
    },
    (ring) => writeBatch(ring, 'first-id'),
  ),
  device(
    {
      id: 'packed/batch-before-done',
      breaks: ['P1.1-014i'],
      what: 'publishes a batch although it only carried out its last buffer',
      options: { variant: 'batching' },
    },
    (device) => {
      const { execute } = device;
      device.execute = (queue, buffer) => {
        const { ring } = queue;
        const skip = queue.packed && ring!.config.inOrder && ring!.hasAvailable();
        return skip ? writableBytes(buffer) : execute.call(device, queue, buffer);
      };
    },
  ),
  // ── the driver breaks a rule, and the device does not survive it ──────────────────────────────
  device(
    {
      id: 'packed/endless-list-retried',
      breaks: ['INV-ALIVE'],
      what: 'tries a list that does not end again and again',
      origin: 'public reports of endless loops over descriptor chains',
      seenBy: 'run',
    },
    (device) => {
      const { serve, serveFailed, reset } = device;
      let stuck = false;
      device.serve = (queue) => (stuck ? 1 : serve.call(device, queue));
      device.serveFailed = (queue, error) => {
        stuck = isEndless(error);
        return stuck ? 1 : serveFailed.call(device, queue, error);
      };
      device.reset = () => {
        stuck = false;
        return reset.call(device);
      };
    },
  ),
  packed(
    {
      id: 'packed/table-memory-by-length',
      breaks: ['INV-ALIVE'],
      what: 'takes memory for an indirect table by the length that the driver states',
      origin: 'public reports of allocations by a length from the guest',
      seenBy: 'run',
    },
    (ring) => {
      const { checkIndirect } = ring;
      ring.checkIndirect = (flags, length) => {
        if (length > 1 << 24) throw new RangeError(`cannot take ${length} bytes for a table`);
        checkIndirect.call(ring, flags, length);
      };
    },
  ),
  packed(
    {
      id: 'packed/requests-indexed-by-id',
      breaks: ['INV-ALIVE'],
      what: 'keeps requests in an array of the queue size that it indexes by Buffer ID',
      seenBy: 'run',
    },
    (ring) => {
      const requests: { id: number }[] = Array.from({ length: ring.num }, () => ({ id: 0 }));
      onPush(ring, (buffer) => {
        requests[buffer.id].id = buffer.id;
      });
    },
  ),
  packed(
    {
      id: 'packed/indirect-state-missing',
      breaks: ['INV-ALIVE'],
      what: 'uses state that is only set up with INDIRECT_DESC when it meets INDIRECT',
      seenBy: 'run',
    },
    (ring) => {
      const tables: { entries: number } | undefined = ring.config.indirect ? { entries: 0 } : undefined;
      const { checkIndirect } = ring;
      ring.checkIndirect = (flags, length) => {
        (tables as { entries: number }).entries++;
        checkIndirect.call(ring, flags, length);
      };
    },
  ),
  device(
    {
      id: 'packed/error-survives-reset',
      breaks: ['INV-ALIVE'],
      what: 'stays in the error state that a malformed list brought, over a reset',
    },
    (device) => {
      const { reset, serveFailed } = device;
      let dead = false;
      device.serveFailed = (queue, error) => {
        dead ||= queue.packed && error instanceof RingError;
        return serveFailed.call(device, queue, error);
      };
      device.reset = () => {
        const result = reset.call(device);
        device.broken = dead;
        return result;
      };
    },
  ),
  packed(
    {
      id: 'packed/marks-error-behind-ring',
      breaks: ['INV-WRITE-SCOPE'],
      what: 'writes an error mark behind the ring when a list is malformed',
      seenBy: 'invariant',
    },
    (ring) => {
      const { take } = ring;
      ring.take = (buffer) => {
        try {
          return take.call(ring, buffer);
        } catch (error) {
          ring.ringDma.put32(ring.ringBase + DESC_SIZE * ring.num, 0xdead);
          throw error;
        }
      };
    },
  ),
  packed(
    {
      id: 'packed/readable-after-writable-written',
      breaks: ['V1.1-2.7.15-D1a'],
      what: 'takes every element behind the first writable one for writable',
    },
    (ring, queue) => {
      const { addElement } = ring;
      ring.addElement = (buffer, addr, len, writable) => {
        if (!writable && buffer.writable > 0) {
          BYTE[0] = 0;
          queue.bufferDma!.store(addr, BYTE);
        }
        addElement.call(ring, buffer, addr, len, writable || buffer.writable > 0);
      };
    },
  ),
  device(
    {
      id: 'packed/notification-data-trusted',
      breaks: ['V1.1-2.7.15-D2'],
      what: 'works on every slot before the offset in notification data, available or not',
    },
    (device) => {
      const { kickVqWithData } = device;
      const until = new Map<number, number>();
      onPackedRing(device, (ring, queue) => {
        const { isAvailable } = ring;
        ring.isAvailable = (flags, wrap) => {
          const end = until.get(queue.index) ?? 0;
          return isAvailable.call(ring, flags, wrap) || (end < ring.num && ring.availSlot < end);
        };
      });
      device.kickVqWithData = (data) => {
        until.set(data & 0xffff, (data >>> 16) & 0x7fff);
        kickVqWithData.call(device, data);
      };
    },
  ),
  packed(
    {
      id: 'packed/reserved-event-flags-latched',
      breaks: ['P1.1-012'],
      what: 'never notifies again once the driver event area held a reserved value',
    },
    (ring) => {
      const { wantsNotification } = ring;
      let off = false;
      ring.wantsNotification = (count) => {
        off ||= (ring.readDriverFlags() & EVENT_FLAGS.MASK) === EVENT_FLAGS.MASK;
        return !off && wantsNotification.call(ring, count);
      };
    },
  ),
];

/** One used descriptor for everything that is pending, with something wrong about it. */
function writeBatch(ring: PackedDeviceRing, fault: 'last' | 'count' | 'first-id'): void {
  if (!ring.config.inOrder) return;
  ring.writeUsedDescriptors = (count) => {
    const end = count - 1;
    const slots = ring.pendingSlots.slice(0, count).reduce((sum, n) => sum + n, 0);
    if (fault === 'last') ring.advanceUsed(slots - ring.pendingSlots[end]);
    const id = fault === 'first-id' ? ring.pendingId[0] : ring.pendingId[end];
    ring.writeUsedElement(ring.usedSlot, id, ring.pendingLen[end]);
    ring.storeUsedFlags(ring.usedSlot, ring.usedFlags(ring.usedWrap, ring.pendingFlags[end]));
    ring.advanceUsed(fault === 'last' ? ring.pendingSlots[end] : fault === 'count' ? count : slots);
    return slots;
  };
}
