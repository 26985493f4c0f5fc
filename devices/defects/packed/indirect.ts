import { RingError } from '../../../framework/virtqueue/device/ring.ts';
import { DESC_SIZE, PACKED_DESC } from '../../../specs/virtio-1.1/ring-layout.ts';
import type { Defect } from '../defect.ts';
import { INDIRECT, NEXT, packed, WRITE } from './ring-defect.ts';

/** Indirect tables. */
export const PACKED_INDIRECT: readonly Defect[] = [
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
];
