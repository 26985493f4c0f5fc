import { DESC_F } from '../../../specs/virtio-1.1/ring-layout.ts';
import type { Defect } from '../defect.ts';
import { inRing } from './ring-defect.ts';

/** Wrong reading of descriptors and tables. */
export const SPLIT_DESCRIPTORS: readonly Defect[] = [
  inRing(
    {
      id: 'split/scribbles-in-header',
      breaks: ['V1.1-2.6.5.1-D1a'],
      what: 'keeps a note of its own in bytes 4 to 7 of the request header',
      origin: 'SP-19: class of DPDK 409c47c7c5',
      seenBy: 'invariant',
    },
    (ring) => {
      const { complete } = ring;
      ring.complete = (buffer, written) => {
        if (buffer.readable > 0 && buffer.len[0] >= 8) ring.tableDma.put32(buffer.addr[0] + 4, 0x600d);
        complete.call(ring, buffer, written);
      };
    },
  ),
  inRing(
    {
      id: 'split/reads-writable-memory',
      breaks: ['V1.1-2.6.5.1-D1b'],
      what: 'reads the first device-writable byte before it writes there',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      const { take } = ring;
      const scratch = new Uint8Array(1);
      ring.take = (buffer) => {
        const taken = take.call(ring, buffer);
        if (taken && buffer.writable > 0) ring.tableDma.load(buffer.addr[buffer.readable], 1, scratch, 0);
        return taken;
      };
    },
  ),
  inRing(
    {
      id: 'split/write-flag-hides-indirect',
      breaks: ['V1.1-2.6.5.3.2-D1'],
      what: 'takes a descriptor with INDIRECT and WRITE for a plain writable one',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.isIndirect = (flags) => (flags & (DESC_F.INDIRECT | DESC_F.WRITE)) === DESC_F.INDIRECT;
    },
  ),
  inRing(
    {
      id: 'split/write-flag-spreads-over-table',
      breaks: ['V1.1-2.6.5.3.2-D1'],
      what: 'takes all entries of a table for writable when the descriptor that refers to it has WRITE',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      const { walkTable, addElement } = ring;
      ring.walkTable = (buffer, table, entries) => {
        if ((ring.descFlags & DESC_F.WRITE) === 0) walkTable.call(ring, buffer, table, entries);
        else {
          ring.addElement = (into, addr, len) => addElement.call(ring, into, addr, len, true);
          walkTable.call(ring, buffer, table, entries);
          ring.addElement = addElement;
        }
      };
    },
  ),
  inRing(
    {
      id: 'split/indirect-in-head-only',
      breaks: ['V1.1-2.6.5.3.2-D2'],
      what: 'looks for INDIRECT in the first descriptor of a chain alone',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.isIndirect = (flags, count) => count === 1 && (flags & DESC_F.INDIRECT) !== 0;
    },
  ),
  inRing(
    {
      id: 'split/table-in-sequence',
      breaks: ['P1.1-017c'],
      what: 'reads the entries of a table one after the other, as in a packed ring',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.nextIndirectIndex = (index) => index + 1;
    },
  ),
  inRing(
    {
      id: 'split/table-must-be-aligned',
      breaks: ['P1.1-017c'],
      what: 'drops buffers whose table does not lie at a multiple of 16',
      origin: 'IN-13: rust-vmm 922f2e5',
      seenBy: 'expectation',
    },
    (ring) => {
      const { walkTable } = ring;
      ring.walkTable = (buffer, table, entries) => {
        if (table % 16 === 0) walkTable.call(ring, buffer, table, entries);
      };
    },
  ),
  inRing(
    {
      id: 'split/table-by-length',
      breaks: ['P1.1-017d'],
      what: 'takes every entry that the length of a table has room for',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.walkTable = (buffer, table, entries) => {
        for (let i = 0; i < entries; i++) {
          ring.readTableEntry(table, i);
          ring.addElement(buffer, ring.descAddr, ring.descLen, (ring.descFlags & DESC_F.WRITE) !== 0);
        }
      };
    },
  ),
];
