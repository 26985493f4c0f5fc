import { IOERR } from '../../simulator/blk/commands.ts';
import { SECTOR } from '../../simulator/blk/disk.ts';
import { BLK_T, readSegment } from '../../simulator/blk/request.ts';
import type { Defect } from '../defect.ts';
import { BIG, blk, LARGE_BLOCKS, onSegments, onType } from './blk-defect.ts';

/** Discard and write zeroes. */
export const BLK_SEGMENTS: readonly Defect[] = [
  blk({
    id: 'blk/segment-flags-ignored',
    breaks: ['V1.1-5.2.6.2-D2', 'V1.1-5.2.6.2-D3'],
    what: 'does not look at the flags of discard and write zeroes segments',
    origin: 'BK-04, BK-05: Cloud Hypervisor, flags not read or masked away',
    seed(device) {
      device.flagsKnown = () => true;
    },
  }),
  blk({
    id: 'blk/segment-flags-in-8-bits',
    breaks: ['V1.1-5.2.6.2-D2'],
    what: 'looks at the low 8 flag bits only',
    origin: 'BK-05: class of flags masked away',
    seed(device) {
      device.flagsKnown = (flags, known) => (flags & 0xff & ~known) === 0;
    },
  }),
  blk({
    id: 'blk/flags-of-first-segment-only',
    breaks: ['V1.1-5.2.6.2-D2', 'V1.1-5.2.6.2-D3'],
    what: 'checks the flags of the first segment only',
    origin: 'text inverted',
    seed(device) {
      const { flagsKnown } = device;
      let first = true;
      onSegments(device, (_, proper) => {
        first = true;
        return proper();
      });
      device.flagsKnown = (flags, known) => {
        const judged = first;
        first = false;
        return !judged || flagsKnown.call(device, flags, known);
      };
    },
  }),
  blk({
    id: 'blk/discard-takes-unmap',
    breaks: ['V1.1-5.2.6.2-D3'],
    what: 'accepts the unmap flag in a discard',
    origin: 'BK-04: Cloud Hypervisor, discard flags ignored',
    seed(device) {
      const { flagsKnown } = device;
      device.flagsKnown = (flags, known) => flagsKnown.call(device, flags, known | 1);
    },
  }),
  blk({
    id: 'blk/unmapped-reads-old-data',
    breaks: ['V1.1-5.2.6.2-D6'],
    what: 'deallocates on write zeroes with unmap, and reads of the range return the old data',
    origin: 'text inverted',
    seed(device) {
      const { disk } = device;
      const { zero } = disk;
      onType(device, BLK_T.WRITE_ZEROES, (request, proper) => {
        const unmap = request.dataOut >= 16 && (readSegment(request, 0).flags & 1) !== 0;
        disk.zero = unmap ? () => {} : zero;
        const outcome = proper();
        disk.zero = zero;
        return outcome;
      });
    },
  }),
  blk({
    id: 'blk/zeroes-one-sector-short',
    breaks: ['V1.1-5.2.6.2-D6'],
    what: 'leaves the last sector of a write zeroes range as it was',
    origin: 'text inverted',
    seed(device) {
      const { disk } = device;
      const { zero } = disk;
      disk.zero = (at, length, through) => zero.call(disk, at, length - SECTOR, through);
    },
  }),
  blk({
    id: 'blk/zeroes-count-in-8-bits',
    breaks: ['V1.1-5.2.6.2-D6'],
    what: 'keeps the number of sectors of a segment in 8 bits',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      const { disk } = device;
      const { zero } = disk;
      disk.zero = (at, length, through) => zero.call(disk, at, ((length / SECTOR) & 0xff) * SECTOR, through);
    },
  }),
  blk({
    id: 'blk/zeroes-one-sector-too-far',
    breaks: ['P1.1-026i'],
    what: 'clears one sector beyond the end of a discard or write zeroes range',
    origin: 'text inverted',
    seed(device) {
      const { disk } = device;
      const { zero } = disk;
      disk.zero = (at, length, through) => zero.call(disk, at, length + SECTOR, through);
    },
  }),
  blk({
    id: 'blk/segments-in-blocks',
    breaks: ['P1.1-026i'],
    what: 'takes the number of sectors of a segment as a number of blocks',
    origin: 'BK-01: class of sector units taken for the block size',
    options: LARGE_BLOCKS,
    fuzz: 'yes',
    seed(device) {
      const { disk } = device;
      const { zero } = disk;
      disk.zero = (at, length, through) =>
        zero.call(disk, at, (length / SECTOR) * device.limits.blkSize, through);
    },
  }),
  blk({
    id: 'blk/segment-sector-in-32-bits',
    breaks: ['P1.1-026i'],
    what: 'keeps the start of a segment in 32 bits',
    origin: 'text inverted',
    options: BIG,
    fuzz: 'yes',
    seed(device) {
      const { disk } = device;
      const { zero } = disk;
      disk.zero = (at, length, through) => zero.call(disk, at % (2 ** 32 * SECTOR), length, through);
    },
  }),
  blk({
    id: 'blk/one-segment-fewer-than-offered',
    breaks: ['P1.1-026g'],
    what: 'refuses discards and write zeroes with as many segments as it advertises',
    origin: 'text inverted',
    seed(device) {
      const { discardSegments, zeroesSegments } = device.limits;
      onSegments(device, (request, proper) => {
        const most = request.type === BLK_T.DISCARD ? discardSegments : zeroesSegments;
        return request.dataOut / 16 >= most ? IOERR : proper();
      });
    },
  }),
];
