import { SPLIT_USED } from '../../../specs/virtio-1.1/ring-layout.ts';
import type { BlkDevice } from '../../simulator/blk/blk-device.ts';
import { BLK, type Defect, defineDefect } from '../defect.ts';
import { inRing } from './ring-defect.ts';

/** Wrong used elements: their order, lengths and ids. */
export const SPLIT_USED_ELEMENTS: readonly Defect[] = [
  inRing(
    {
      id: 'split/index-before-element',
      breaks: ['V1.1-2.6.8.2-D1'],
      what: 'moves the used index first and writes the elements afterwards',
      origin: 'SP-07: DPDK 159793ac86, ACRN 6f482b885',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.commit = () => {
        const count = ring.pending;
        const index = ring.advanceIndex(ring.usedIndex, count);
        ring.storeUsedIndex(index);
        ring.writeUsedEntries(count);
        ring.advanceUsed(index, count);
      };
    },
  ),
  inRing(
    {
      id: 'split/length-after-index',
      breaks: ['V1.1-2.6.8.2-D1'],
      what: 'stores the length of an element once more after the index covered it',
      origin: 'SP-07: class of SPDK df8d361f6c',
      seenBy: 'invariant',
    },
    (ring) => {
      const { commit } = ring;
      ring.commit = () => {
        const slot = ring.usedSlot(ring.usedIndex);
        const len = ring.pendingLen[0];
        commit.call(ring);
        ring.ringDma.put32(ring.usedBase + SPLIT_USED.ring + SPLIT_USED.entrySize * slot + 4, len);
      };
    },
  ),
  inRing(
    {
      id: 'split/length-counts-readable',
      breaks: ['V1.1-2.6.8.2-D2'],
      what: 'counts the bytes that it read into the used length',
      origin: 'SP-01: Cloud Hypervisor 746114319, DPDK 69244dbc48',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.usedLength = (buffer, written) => {
        let sum = written;
        for (let i = 0; i < buffer.readable; i++) sum += buffer.len[i];
        return sum;
      };
    },
  ),
  inRing(
    {
      id: 'split/length-of-all-writable-and-more',
      breaks: ['V1.1-2.6.8.2-D2'],
      what: 'reports one byte more than it wrote',
      origin: 'class of SP-01',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.usedLength = (_, written) => written + 1;
    },
  ),
  defineDefect<BlkDevice>({
    id: 'split/length-of-status-only',
    parents: BLK,
    breaks: ['V1.1-2.6.8.2-D2'],
    what: 'reports length 1 for a failed read, of which only the last byte was written',
    origin: 'class of SP-01',
    seenBy: 'invariant',
    fuzz: 'yes',
    seed(device) {
      const { finish } = device;
      device.finish = (request, outcome) => {
        if (outcome.written === request.dataIn) return finish.call(device, request, outcome);
        device.storeStatus(request, outcome.status);
        return 1;
      };
    },
  }),
  inRing(
    {
      id: 'split/length-without-last-byte',
      parents: BLK,
      breaks: ['P1.1-016'],
      what: 'reports one byte less than it wrote',
      origin: 'text inverted',
      seenBy: 'expectation',
    },
    (ring) => {
      ring.usedLength = (_, written) => Math.max(0, written - 1);
    },
  ),
  inRing(
    {
      id: 'split/id-of-last-descriptor',
      breaks: ['P1.1-016'],
      what: 'names the last descriptor of a chain in the used element',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.usedId = (buffer) => buffer.last;
    },
  ),
  inRing(
    {
      id: 'split/id-of-slot',
      breaks: ['P1.1-016'],
      what: 'names the slot of the used ring instead of the head',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.usedId = () => ring.slotOf(ring.usedIndex + ring.pending - 1);
    },
  ),
  inRing(
    {
      id: 'split/id-with-upper-half',
      breaks: ['P1.1-016'],
      what: 'leaves bits of its own in the upper half of the id',
      origin: 'text inverted',
      seenBy: 'invariant',
    },
    (ring) => {
      ring.usedId = (buffer) => buffer.id + 0x1_0000;
    },
  ),
  inRing(
    {
      id: 'split/uses-fourth-buffer-twice',
      breaks: ['P1.1-016'],
      what: 'gives every fourth buffer back twice',
      origin: 'SP-05: QEMU 10f5a72f70',
      seenBy: 'invariant',
    },
    (ring) => {
      let count = 0;
      const { complete } = ring;
      ring.complete = (buffer, written) => {
        complete.call(ring, buffer, written);
        if (++count % 4 !== 0) return;
        ring.pendingId[ring.pending] = ring.pendingId[ring.pending - 1];
        ring.pendingLen[ring.pending] = ring.pendingLen[ring.pending - 1];
        ring.pending++;
      };
    },
  ),
];
