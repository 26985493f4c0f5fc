import { BLK_F } from '../../specs/virtio-1.1/features.ts';
import { WRITEBACK_AT } from '../simulator/blk/blk-config.ts';
import type { BlkDevice } from '../simulator/blk/blk-device.ts';
import { IOERR, type Outcome, UNSUPP } from '../simulator/blk/commands.ts';
import { SECTOR } from '../simulator/blk/disk.ts';
import { BLK_S, BLK_T, type BlkRequest, readSegment } from '../simulator/blk/request.ts';
import { loadReadable, storeWritable, zeroWritable } from '../simulator/buffer-io.ts';
import { type Defect, defineDefect } from './defect.ts';

/** What all defects of this file share, with the fields that have a usual value. */
type Row = Pick<Defect, 'id' | 'breaks' | 'what' | 'origin'> &
  Partial<Pick<Defect, 'seenBy' | 'fuzz' | 'options'>> & { seed(device: BlkDevice): void };

const blk = (row: Row): Defect =>
  defineDefect<BlkDevice>({ parents: ['simulator-blk'], seenBy: 'expectation', fuzz: 'yes', ...row });

const OK: Outcome = { status: BLK_S.OK, written: 0 };

/** Replace the way one type of request is carried out. */
function onType(
  device: BlkDevice,
  type: number,
  act: (request: BlkRequest, proper: () => Outcome) => Outcome,
): void {
  const { command } = device;
  device.command = (request) => {
    const proper = () => command.call(device, request);
    return request.type === type ? act(request, proper) : proper();
  };
}

/** Replace the way reads and writes are carried out. */
function onTransfer(device: BlkDevice, act: (request: BlkRequest, proper: () => Outcome) => Outcome): void {
  onType(device, BLK_T.IN, act);
  onType(device, BLK_T.OUT, act);
}

/** Replace the way discards and write zeroes are carried out. */
function onSegments(device: BlkDevice, act: (request: BlkRequest, proper: () => Outcome) => Outcome): void {
  onType(device, BLK_T.DISCARD, act);
  onType(device, BLK_T.WRITE_ZEROES, act);
}

/** Let the next command write although RO is offered. */
function asWritable(device: BlkDevice, action: () => Outcome): Outcome {
  const target = device as { readOnly: boolean };
  const before = target.readOnly;
  target.readOnly = false;
  try {
    return action();
  } finally {
    target.readOnly = before;
  }
}

/** Move every access to the medium. */
function moveMedium(device: BlkDevice, place: (at: number) => number): void {
  const { disk } = device;
  const { read, write } = disk;
  disk.read = (at, length, handle) => read.call(disk, place(at), length, handle);
  disk.write = (at, length, through, fill) => write.call(disk, place(at), length, through, fill);
}

const TYPES: readonly number[] = Object.values(BLK_T);
const BIG = { capacity: String(2 ** 33) };
const LARGE_BLOCKS = { 'blk-size': '4096' };
const READ_ONLY = { 'read-only': 'yes' };

/** Wrong block devices. */
export const BLK_DEFECTS: readonly Defect[] = [
  // ── features and configuration ──────────────────────────────────────────────────────────────────
  blk({
    id: 'blk/no-flush',
    breaks: ['V1.1-5.2.5.2-D1a'],
    what: 'does not offer FLUSH',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      const { getDeviceFeatures } = device;
      device.getDeviceFeatures = () => getDeviceFeatures.call(device) & ~(BLK_F.FLUSH | BLK_F.CONFIG_WCE);
    },
  }),
  blk({
    id: 'blk/wce-without-flush',
    breaks: ['V1.1-5.2.5.2-D1b'],
    what: 'offers CONFIG_WCE but not FLUSH',
    origin: 'BK-13: crosvm, FLUSH offered in one place and refused in another',
    fuzz: 'yes',
    seed(device) {
      const { getDeviceFeatures } = device;
      device.getDeviceFeatures = () => getDeviceFeatures.call(device) & ~BLK_F.FLUSH;
    },
  }),
  blk({
    id: 'blk/writeback-starts-at-1',
    breaks: ['V1.1-5.2.5.2-D2'],
    what: 'leaves writeback at its default of 1 when CONFIG_WCE is negotiated without FLUSH',
    origin: 'BK-14: Cloud Hypervisor, default not resolved against the acknowledged features',
    seed(device) {
      device.featuresAccepted = () => {};
    },
  }),
  blk({
    id: 'blk/writeback-outlives-reset',
    breaks: ['V1.1-5.2.5.2-D2'],
    what: 'keeps the writeback value of the driver before over a reset and a new negotiation',
    origin: 'text inverted',
    seed(device) {
      const { setConfig } = device;
      let written: number | undefined;
      device.setConfig = (offset, bytes) => {
        if (offset === WRITEBACK_AT) written = bytes[0] & 1;
        setConfig.call(device, offset, bytes);
      };
      const { featuresAccepted } = device;
      device.featuresAccepted = () => {
        featuresAccepted.call(device);
        if (written !== undefined) device.config.storeByte(WRITEBACK_AT, written);
      };
    },
  }),
  blk({
    id: 'blk/writeback-as-32-bits',
    breaks: ['V1.1-5.2.5.2-D3'],
    what: 'keeps writeback as a 32-bit field whose second byte shows it too',
    origin: 'text inverted',
    seed(device) {
      const { setConfig } = device;
      device.setConfig = (offset, bytes) => {
        setConfig.call(device, offset, bytes);
        if (offset === WRITEBACK_AT) device.config.storeByte(WRITEBACK_AT + 1, bytes[0]);
      };
    },
  }),
  blk({
    id: 'blk/padding-not-zero',
    breaks: ['V1.1-5.2.5.2-D3'],
    what: 'leaves garbage in the padding at the end of the configuration space',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      device.config.bytes[58] = 0xd5;
    },
  }),
  blk({
    id: 'blk/stray-write-to-padding-stays',
    breaks: ['V1.1-5.2.5.2-D3'],
    what: 'stores what a driver writes to the padding and keeps it over a reset',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      const { acceptsConfigWrite } = device;
      device.acceptsConfigWrite = (offset, value) =>
        (offset > WRITEBACK_AT && offset <= WRITEBACK_AT + 3) ||
        acceptsConfigWrite.call(device, offset, value);
    },
  }),
  blk({
    id: 'blk/writeback-write-ignored',
    breaks: ['P1.1-026e'],
    what: 'ignores what the driver writes to writeback',
    origin: 'CF-04: vhost-device, partial configuration write lost',
    seed(device) {
      device.acceptsConfigWrite = () => false;
    },
  }),
  blk({
    id: 'blk/writeback-not-boolean',
    breaks: ['P1.1-026e'],
    what: 'shows a writeback value of 2 after the negotiation',
    origin: 'text inverted',
    seed(device) {
      device.featuresAccepted = () => void device.config.storeByte(WRITEBACK_AT, 2);
    },
  }),
  blk({
    id: 'blk/config-write-at-0',
    breaks: ['P1.1-026e'],
    what: 'stores a partial configuration write at offset 0, into the capacity',
    origin: 'CF-04: vhost-device, offset of a configuration write ignored',
    seed(device) {
      device.setConfig = (_, bytes) => void device.config.store(0, bytes);
    },
  }),
  blk({
    id: 'blk/capacity-needs-features',
    breaks: ['P1.1-026f'],
    what: 'fills in the capacity only when SEG_MAX is negotiated',
    origin: 'text inverted',
    seed(device) {
      const { getConfig } = device;
      device.getConfig = (offset, into) => {
        getConfig.call(device, offset, into);
        if (device.driverOk && !device.negotiated(BLK_F.SEG_MAX))
          for (let i = 0; i < into.length; i++) if (offset + i < 8) into[i] = 0;
      };
    },
  }),
  blk({
    id: 'blk/last-sector-out-of-range',
    breaks: ['P1.1-026f', 'P1.1-026d'],
    what: 'takes the last sector for one beyond the end',
    origin: 'text inverted',
    seed(device) {
      device.inRange = (sector, count) => sector + count < device.capacity;
    },
  }),
  blk({
    id: 'blk/end-of-disk-mapped-elsewhere',
    breaks: ['P1.1-026d', 'P1.1-026f'],
    what: 'stores the last block of the disk at sector 0',
    origin: 'text inverted',
    seed(device) {
      moveMedium(device, (at) => (at === (device.capacity - 1) * SECTOR ? 0 : at));
    },
  }),
  blk({
    id: 'blk/may-unmap-changes-silently',
    breaks: ['V1.1-5.2.6.2-D8b'],
    what: 'changes write_zeroes_may_unmap without a configuration change notification',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      device.changeConfig = (offset, bytes) => void device.config.store(offset, bytes);
    },
  }),

  // ── read-only devices ───────────────────────────────────────────────────────────────────────────
  blk({
    id: 'blk/read-only-unsupp',
    breaks: ['V1.1-5.2.6.2-D1a'],
    what: 'answers writes to a read-only disk with UNSUPP',
    origin: 'text inverted',
    options: READ_ONLY,
    fuzz: 'yes',
    seed(device) {
      onType(device, BLK_T.OUT, () => UNSUPP);
    },
  }),
  blk({
    id: 'blk/read-only-if-negotiated',
    breaks: ['V1.1-5.2.6.2-D1a', 'V1.1-5.2.6.2-D1b', 'P1.1-024'],
    what: 'refuses writes only when the driver negotiated RO',
    origin: 'FE-10: Cloud Hypervisor, read-only could be negotiated away',
    options: READ_ONLY,
    fuzz: 'yes',
    seed(device) {
      onType(device, BLK_T.OUT, (_, proper) =>
        device.negotiated(BLK_F.RO) ? proper() : asWritable(device, proper),
      );
    },
  }),
  blk({
    id: 'blk/read-only-but-written',
    breaks: ['V1.1-5.2.6.2-D1b', 'P1.1-024'],
    what: 'answers a write to a read-only disk with IOERR and stores the data all the same',
    origin: 'text inverted',
    options: READ_ONLY,
    fuzz: 'yes',
    seed(device) {
      onType(device, BLK_T.OUT, (_, proper) => {
        asWritable(device, proper);
        return IOERR;
      });
    },
  }),
  blk({
    id: 'blk/read-only-ok',
    breaks: ['V1.1-5.2.6.2-D1a', 'P1.1-024'],
    what: 'answers a write to a read-only disk with OK and drops the data',
    origin: 'BK-20: class of the Cloud Hypervisor read-only bug',
    options: READ_ONLY,
    fuzz: 'yes',
    seed(device) {
      onType(device, BLK_T.OUT, () => OK);
    },
  }),
  blk({
    id: 'blk/read-only-unless-in-one-piece',
    breaks: ['V1.1-5.2.6.2-D1a', 'V1.1-5.2.6.2-D1b'],
    what: 'lets a write to a read-only disk through when header and data share a descriptor',
    origin: 'text inverted',
    options: READ_ONLY,
    fuzz: 'yes',
    seed(device) {
      onType(device, BLK_T.OUT, (request, proper) =>
        request.buffer.readable === 1 ? asWritable(device, proper) : proper(),
      );
    },
  }),

  // ── reads and writes ────────────────────────────────────────────────────────────────────────────
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

  // ── status ──────────────────────────────────────────────────────────────────────────────────────
  blk({
    id: 'blk/unknown-type-without-status',
    breaks: ['P1.1-025'],
    what: 'gives requests of an unknown type back without writing the status byte',
    origin: 'BK-11: Cloud Hypervisor, status byte not written on early error',
    seed(device) {
      const { storeStatus } = device;
      device.storeStatus = (request, status) => {
        if (TYPES.includes(request.type)) storeStatus.call(device, request, status);
      };
    },
  }),
  blk({
    id: 'blk/unknown-type-ok',
    breaks: ['P1.1-025'],
    what: 'answers requests of an unknown type with OK',
    origin: 'BK-10: Linux vdpa_sim_blk, first version',
    seed(device) {
      const { command } = device;
      device.command = (request) => (TYPES.includes(request.type) ? command.call(device, request) : OK);
    },
  }),
  blk({
    id: 'blk/unknown-type-as-read',
    breaks: ['P1.1-025'],
    what: 'takes requests of an unknown type for reads',
    origin: 'text inverted',
    seed(device) {
      const { command } = device;
      device.command = (request) => {
        if (!TYPES.includes(request.type)) request.type = BLK_T.IN;
        return command.call(device, request);
      };
    },
  }),
  blk({
    id: 'blk/short-header-without-status',
    breaks: ['P1.1-025'],
    what: 'gives a request with a short header back without writing the status byte',
    origin: 'BK-11: Cloud Hypervisor, status byte not written on early error',
    seed(device) {
      device.shortRequest = () => 0;
    },
  }),
  blk({
    id: 'blk/status-as-32-bits',
    breaks: ['INV-WRITE-SCOPE'],
    what: 'stores the status as 4 bytes',
    origin: 'SP-20: Cloud Hypervisor and vm-virtio, 4 bytes of status where 1 is asked',
    seenBy: 'invariant',
    seed(device) {
      device.storeStatus = ({ dma, buffer, dataIn }, status) => {
        let skip = dataIn;
        for (let i = buffer.readable; i < buffer.readable + buffer.writable; i++) {
          if (skip < buffer.len[i]) {
            dma.store(buffer.addr[i] + skip, Uint8Array.of(status, 0, 0, 0), 0, 4);
            return;
          }
          skip -= buffer.len[i];
        }
      };
    },
  }),

  // ── flush and stable writes ─────────────────────────────────────────────────────────────────────
  blk({
    id: 'blk/flush-unsupp',
    breaks: ['P1.1-026j'],
    what: 'offers FLUSH and answers it with UNSUPP',
    origin: 'BK-13: crosvm, FLUSH offered but refused',
    seed(device) {
      onType(device, BLK_T.FLUSH, () => UNSUPP);
    },
  }),
  blk({
    id: 'blk/flush-fails-when-clean',
    breaks: ['P1.1-026j'],
    what: 'answers a flush with IOERR when there is nothing to flush',
    origin: 'text inverted',
    seed(device) {
      onType(device, BLK_T.FLUSH, (_, proper) => (device.disk.cache.size === 0 ? IOERR : proper()));
    },
  }),
  blk({
    id: 'blk/flush-does-nothing',
    breaks: ['V1.1-5.2.6.2-D9'],
    what: 'acknowledges a flush without making anything stable',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      device.disk.flush = () => {};
    },
  }),
  blk({
    id: 'blk/cache-on-by-default',
    breaks: ['V1.1-5.2.6.2-D9'],
    what: 'caches writes although neither FLUSH nor CONFIG_WCE is negotiated',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      const { writesThrough } = device;
      device.writesThrough = () => device.negotiated(BLK_F.CONFIG_WCE) && writesThrough.call(device);
    },
  }),
  blk({
    id: 'blk/writeback-0-without-effect',
    breaks: ['V1.1-5.2.6.2-D9'],
    what: 'goes on caching after the driver switched to writethrough',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      const { writesThrough } = device;
      device.writesThrough = () => !device.negotiated(BLK_F.CONFIG_WCE) && writesThrough.call(device);
    },
  }),
  blk({
    id: 'blk/power-cut-loses-everything',
    breaks: ['V1.1-5.2.6.2-D9'],
    what: 'comes back from a power cut with an empty disk',
    origin: 'text inverted',
    fuzz: 'yes',
    seed(device) {
      const { powerCut } = device;
      device.powerCut = () => {
        powerCut.call(device);
        device.disk.stable.clear();
      };
    },
  }),

  // ── discard and write zeroes ────────────────────────────────────────────────────────────────────
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
    fuzz: 'random segments are shorter than 256 sectors',
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

  // ── after a breach by the driver ────────────────────────────────────────────────────────────────
  blk({
    id: 'blk/position-wraps-round',
    breaks: ['P1.1-026c', 'P1.1-026i'],
    what: 'multiplies the sector by 512 in 64 bits before it checks the range, so that 2^55 is sector 0',
    origin: 'BK-02: Cloud Hypervisor, range checks that let requests out',
    seed(device) {
      const { inRange } = device;
      device.inRange = (sector, count) => inRange.call(device, sector % 2 ** 55, count);
      const { disk } = device;
      const { zero } = disk;
      moveMedium(device, (at) => at % 2 ** 64);
      disk.zero = (at, length, through) => zero.call(disk, at % 2 ** 64, length, through);
    },
  }),
  blk({
    id: 'blk/flush-writes-its-data',
    breaks: ['P1.1-026c'],
    what: 'stores the data of a flush on the disk',
    origin: 'text inverted',
    seed(device) {
      onType(device, BLK_T.FLUSH, (request, proper) => {
        if (request.dataOut > 0) device.command({ ...request, type: BLK_T.OUT });
        return proper();
      });
    },
  }),
  blk({
    id: 'blk/part-of-a-segment-executed',
    breaks: ['P1.1-026i'],
    what: 'carries out a segment of which only a part was sent, with what its buffer held before',
    origin: 'BK-07: Cloud Hypervisor and QEMU, discards that were not checked',
    seed(device) {
      onSegments(device, (request, proper) => {
        const whole = request.dataOut - (request.dataOut % 16);
        if (whole === request.dataOut) return proper();
        const stale = new Uint8Array(16).fill(0x10);
        loadReadable(request.dma, request.buffer, 16 + whole, stale, 0, request.dataOut - whole);
        const view = new DataView(stale.buffer);
        const count = view.getUint32(8, true) & 0xff;
        device.disk.zero((view.getUint32(0, true) % 64) * SECTOR, count * SECTOR, true);
        return OK;
      });
    },
  }),
  blk({
    id: 'blk/status-into-readable-byte',
    breaks: ['V1.1-2.6.5.1-D1a'],
    what: 'stores the status into the last byte of the request even if that one is for reading only',
    origin: 'text inverted',
    seenBy: 'invariant',
    seed(device) {
      const { execute } = device;
      device.execute = (queue, buffer) => {
        if (buffer.writable > 0) return execute.call(device, queue, buffer);
        const last = buffer.readable - 1;
        queue.bufferDma!.store(buffer.addr[last] + buffer.len[last] - 1, Uint8Array.of(BLK_S.IOERR), 0, 1);
        return 0;
      };
    },
  }),
  blk({
    id: 'blk/claims-data-it-did-not-read',
    breaks: ['V1.1-2.6.8.2-D2', 'P1.1-006'],
    what: 'counts the whole data in the used length of a failed read although it stored the status only',
    origin: 'text inverted',
    seenBy: 'invariant',
    seed(device) {
      device.finish = (request, outcome) => {
        device.storeStatus(request, outcome.status);
        return request.dataIn + 1;
      };
    },
  }),
  blk({
    id: 'blk/short-header-crash',
    breaks: ['INV-ALIVE'],
    what: 'crashes on a request that is shorter than a header',
    origin: 'BK-11: Cloud Hypervisor, early errors of the header',
    seenBy: 'run',
    seed(device) {
      device.shortRequest = () => {
        throw new RangeError('index 15 is out of range of the header');
      };
    },
  }),
  blk({
    id: 'blk/segment-table-overrun',
    breaks: ['INV-ALIVE'],
    what: 'crashes on more segments than its table holds',
    origin: 'text inverted',
    seenBy: 'run',
    seed(device) {
      onSegments(device, (request, proper) => {
        if (request.dataOut / 16 > 64) throw new RangeError('segment 64 is out of range of the table');
        return proper();
      });
    },
  }),
  blk({
    id: 'blk/dead-after-an-odd-request',
    breaks: ['INV-ALIVE'],
    what: 'answers every request with IOERR once it saw one without room for a status, reset or not',
    origin: 'text inverted',
    seed(device) {
      const { execute, command } = device;
      let dead = false;
      device.execute = (queue, buffer) => {
        if (buffer.writable === 0) dead = true;
        return execute.call(device, queue, buffer);
      };
      device.command = (request) => (dead ? IOERR : command.call(device, request));
    },
  }),
  blk({
    id: 'blk/legacy-type-crash',
    breaks: ['INV-ALIVE'],
    what: 'crashes on SCSI commands that it does not support',
    origin: 'text inverted',
    seenBy: 'run',
    seed(device) {
      const { command } = device;
      device.command = (request) => {
        if (request.type === 2 || request.type === 3) throw new TypeError('no handler for SCSI commands');
        return command.call(device, request);
      };
    },
  }),
  blk({
    id: 'blk/id-beyond-its-room',
    breaks: ['P1.1-025'],
    what: 'answers GET_ID without a status when there are exactly 20 bytes of room',
    origin: 'text inverted',
    seed(device) {
      const { storeStatus } = device;
      device.storeStatus = (request, status) => {
        if (request.type !== BLK_T.GET_ID) storeStatus.call(device, request, status);
        else storeWritable(request.dma, request.buffer, 0, device.serial(), 0, Math.min(20, request.dataIn));
      };
    },
  }),
];
