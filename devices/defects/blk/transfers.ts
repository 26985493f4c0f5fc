import type { BlkDevice } from '../../simulator/blk/blk-device.ts';
import { IOERR, type Outcome } from '../../simulator/blk/commands.ts';
import { SECTOR } from '../../simulator/blk/disk.ts';
import { BLK_S, BLK_T, type BlkRequest } from '../../simulator/blk/request.ts';
import { zeroWritable } from '../../simulator/buffer-io.ts';
import type { Defect } from '../defect.ts';
import { BIG, blk, LARGE_BLOCKS, moveMedium, onType } from './blk-defect.ts';

/** Replace the way reads and writes are carried out. */
function onTransfer(device: BlkDevice, act: (request: BlkRequest, proper: () => Outcome) => Outcome): void {
  onType(device, BLK_T.IN, act);
  onType(device, BLK_T.OUT, act);
}

/** Reads and writes. */
export const BLK_TRANSFERS: readonly Defect[] = [
  blk({
    id: 'blk/sector-times-block-size',
    breaks: ['P1.1-026a'],
    what: 'multiplies sector numbers by the block size instead of 512',
    origin: 'BK-01: QEMU and ACRN, sector unit taken for the block size',
    options: LARGE_BLOCKS,
    fuzz: 'yes',
    seed(device) {
      moveMedium(device, (at) => (at * device.limits.blkSize) / SECTOR);
    },
  }),
  blk({
    id: 'blk/whole-blocks-only',
    breaks: ['P1.1-026a'],
    what: 'refuses transfers that are no whole number of its blocks',
    origin: 'BK-01: class of sector units taken for the block size',
    options: LARGE_BLOCKS,
    fuzz: 'yes',
    seed(device) {
      const { transferFits } = device;
      device.transferFits = (sector, length) =>
        length % device.limits.blkSize === 0 && transferFits.call(device, sector, length);
    },
  }),
  blk({
    id: 'blk/read-fills-first-segment-only',
    breaks: ['P1.1-026b', 'P1.1-026h'],
    what: 'reads into the first data segment and zeroes the others',
    origin: 'text inverted',
    seed(device) {
      onType(device, BLK_T.IN, (request, proper) => {
        const outcome = proper();
        const { buffer, dma, dataIn } = request;
        const first = buffer.len[buffer.readable];
        if (outcome.status === BLK_S.OK && first < dataIn) zeroWritable(dma, buffer, first, dataIn - first);
        return outcome;
      });
    },
  }),
  blk({
    id: 'blk/read-cache-stale',
    breaks: ['P1.1-026b'],
    what: 'keeps what it read of a sector and returns it again after a write',
    origin: 'text inverted',
    seed(device) {
      const { disk } = device;
      const { read } = disk;
      const seen = new Map<string, Uint8Array>();
      disk.read = (at, length, handle) =>
        read.call(disk, at, length, (page, offset, size, done) => {
          const key = `${at + done}/${size}`;
          const kept = seen.get(key) ?? page.slice(offset, offset + size);
          seen.set(key, kept);
          handle(kept, 0, size, done);
        });
    },
  }),
  blk({
    id: 'blk/write-loses-last-segment',
    breaks: ['P1.1-026c', 'P1.1-026h'],
    what: 'does not store the last data segment of a write that has several',
    origin: 'BK-08: Cloud Hypervisor, lost tail of a request',
    seed(device) {
      onType(device, BLK_T.OUT, (request, proper) => {
        const { buffer } = request;
        if (buffer.readable > 2) request.dataOut -= buffer.len[buffer.readable - 1];
        return proper();
      });
    },
  }),
  blk({
    id: 'blk/write-one-sector-too-far',
    breaks: ['P1.1-026c'],
    what: 'zeroes the sector after the last one written',
    origin: 'text inverted',
    seed(device) {
      const { disk } = device;
      const { write } = disk;
      disk.write = (at, length, through, fill) => {
        write.call(disk, at, length, through, fill);
        const next = at + length;
        if (next < device.capacity * SECTOR)
          write.call(disk, next, SECTOR, through, (page, offset, size) =>
            page.fill(0, offset, offset + size),
          );
      };
    },
  }),
  blk({
    id: 'blk/sector-of-511-bytes',
    breaks: ['P1.1-026d'],
    what: 'places sectors 511 bytes apart',
    origin: 'text inverted',
    seed(device) {
      moveMedium(device, (at) => at - at / SECTOR);
    },
  }),
  blk({
    id: 'blk/sector-in-32-bits',
    breaks: ['P1.1-026d'],
    what: 'keeps the sector number in 32 bits',
    origin: 'text inverted',
    options: BIG,
    fuzz: 'yes',
    seed(device) {
      moveMedium(device, (at) => at % (2 ** 32 * SECTOR));
    },
  }),
  blk({
    id: 'blk/byte-offset-in-32-bits',
    breaks: ['P1.1-026d'],
    what: 'keeps the byte position on the disk in 32 bits',
    origin: 'text inverted',
    options: BIG,
    fuzz: 'yes',
    seed(device) {
      moveMedium(device, (at) => at % 2 ** 32);
    },
  }),
  blk({
    id: 'blk/one-segment-below-seg-max',
    breaks: ['P1.1-026h'],
    what: 'refuses requests with as many data segments as seg_max',
    origin: 'BK-16: OpenVMM and SPDK, seg_max beyond what works',
    seed(device) {
      onTransfer(device, ({ buffer }, proper) =>
        Math.max(buffer.readable - 1, buffer.writable - 1) >= device.limits.segMax ? IOERR : proper(),
      );
    },
  }),
  blk({
    id: 'blk/total-below-the-product',
    breaks: ['P1.1-026h'],
    what: 'refuses requests above 64 KiB although seg_max and size_max admit them',
    origin: 'BK-16: OpenVMM and SPDK, limits that do not hold together',
    seed(device) {
      onTransfer(device, ({ dataIn, dataOut }, proper) =>
        Math.max(dataIn, dataOut) > 65536 ? IOERR : proper(),
      );
    },
  }),
];
