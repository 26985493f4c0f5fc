import type { TakenBuffer } from '../../../framework/virtqueue/device/taken-buffer.ts';
import { DESC_SIZE, EVENT_FLAGS, PACKED_DESC, PACKED_EVENT } from '../../../specs/virtio-1.1/ring-layout.ts';
import type { Defect } from '../defect.ts';
import { BYTE, onPush, packed } from './ring-defect.ts';

/** Address of the first byte of the first element of a half that is not empty, or -1. */
function firstByte(buffer: TakenBuffer, from: number, count: number): number {
  for (let i = from; i < from + count; i++) if (buffer.len[i] > 0) return buffer.addr[i];
  return -1;
}

/** Stores where or when they must not be. */
export const PACKED_STORES: readonly Defect[] = [
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
];
