import { BLK_F } from '../../../specs/virtio-1.1/features.ts';
import { forEachPiece, storeWritable } from '../buffer-io.ts';
import type { BlkDevice } from './blk-device.ts';
import { SECTOR } from './disk.ts';
import {
  BLK_S,
  type BlkRequest,
  HEADER_SIZE,
  ID_SIZE,
  readSegment,
  SEGMENT_SIZE,
  type Segment,
} from './request.ts';

/** What commands need of the device whose requests they carry out. */
export type BlkMedium = Pick<
  BlkDevice,
  | 'disk'
  | 'readOnly'
  | 'limits'
  | 'transferFits'
  | 'inRange'
  | 'flagsKnown'
  | 'writesThrough'
  | 'negotiated'
  | 'serial'
>;

/** Flag of a discard or write zeroes segment (section 5.2.6). */
export const SEGMENT_F_UNMAP = 1;

/** How a request ended: its status, and how many bytes from the first writable one on were stored. */
export interface Outcome {
  readonly status: number;
  readonly written: number;
}

const OK: Outcome = { status: BLK_S.OK, written: 0 };
/** Device or driver error (section 5.2.6). */
export const IOERR: Outcome = { status: BLK_S.IOERR, written: 0 };
/** Not supported by this device. */
export const UNSUPP: Outcome = { status: BLK_S.UNSUPP, written: 0 };

/** VIRTIO_BLK_T_IN: read whole sectors into the writable data. */
export function readSectors(device: BlkMedium, request: BlkRequest): Outcome {
  const length = request.dataIn;
  if (!device.transferFits(request.sector, length)) return IOERR;
  const { buffer, dma } = request;
  const end = buffer.readable + buffer.writable;
  let at = request.sector * SECTOR;
  forEachPiece(buffer, buffer.readable, end, 0, length, (iova, piece) => {
    device.disk.read(at, piece, (page, offset, size, done) => dma.store(iova + done, page, offset, size));
    at += piece;
  });
  return { status: BLK_S.OK, written: length };
}

/** VIRTIO_BLK_T_OUT: write whole sectors; never on a device that offers RO (section 5.2.6.2). */
export function writeSectors(device: BlkMedium, request: BlkRequest): Outcome {
  const length = request.dataOut;
  if (device.readOnly || !device.transferFits(request.sector, length)) return IOERR;
  const { buffer, dma } = request;
  const through = device.writesThrough();
  let at = request.sector * SECTOR;
  forEachPiece(buffer, 0, buffer.readable, HEADER_SIZE, length, (iova, piece) => {
    device.disk.write(at, piece, through, (page, offset, size, done) =>
      dma.load(iova + done, size, page, offset),
    );
    at += piece;
  });
  return OK;
}

/** VIRTIO_BLK_T_FLUSH: completed writes become stable. */
export function flush(device: BlkMedium, _request: BlkRequest): Outcome {
  if (!device.negotiated(BLK_F.FLUSH)) return UNSUPP;
  device.disk.flush();
  return OK;
}

/** GET_ID: 20 bytes of serial number, as far as there is room. */
export function getId(device: BlkMedium, request: BlkRequest): Outcome {
  const length = Math.min(ID_SIZE, request.dataIn);
  return {
    status: BLK_S.OK,
    written: storeWritable(request.dma, request.buffer, 0, device.serial(), 0, length),
  };
}

/** VIRTIO_BLK_T_DISCARD: deallocate; `unmap` and unknown flags are not supported (section 5.2.6.2). */
export function discard(device: BlkMedium, request: BlkRequest): Outcome {
  if (!device.negotiated(BLK_F.DISCARD)) return UNSUPP;
  return eachSegment(device, request, 0, device.limits.discardSectors, device.limits.discardSegments);
}

/** VIRTIO_BLK_T_WRITE_ZEROES: the ranges read as zeroes, deallocated or not (section 5.2.6.2). */
export function writeZeroes(device: BlkMedium, request: BlkRequest): Outcome {
  if (!device.negotiated(BLK_F.WRITE_ZEROES)) return UNSUPP;
  const { zeroesSectors, zeroesSegments } = device.limits;
  return eachSegment(device, request, SEGMENT_F_UNMAP, zeroesSectors, zeroesSegments);
}

/** Check all segments, flags before ranges, then zero them. */
function eachSegment(
  device: BlkMedium,
  request: BlkRequest,
  knownFlags: number,
  maxSectors: number,
  maxSegments: number,
): Outcome {
  const count = request.dataOut / SEGMENT_SIZE;
  if (device.readOnly || count === 0 || !Number.isInteger(count) || count > maxSegments) return IOERR;
  const segments: Segment[] = [];
  for (let i = 0; i < count; i++) segments.push(readSegment(request, i));
  if (segments.some((segment) => !device.flagsKnown(segment.flags, knownFlags))) return UNSUPP;
  if (
    segments.some((segment) => segment.count > maxSectors || !device.inRange(segment.sector, segment.count))
  )
    return IOERR;
  const through = device.writesThrough();
  for (const segment of segments) device.disk.zero(segment.sector * SECTOR, segment.count * SECTOR, through);
  return OK;
}
