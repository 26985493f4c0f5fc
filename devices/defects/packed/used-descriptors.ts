import type { Defect } from '../defect.ts';
import { AVAIL, packed, USED, WRITE } from './ring-defect.ts';

/** Used descriptors: id, wrap counter, flags, length. */
export const PACKED_USED: readonly Defect[] = [
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
];
