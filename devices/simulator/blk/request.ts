import type { DmaView } from '../../../framework/memory/iotlb.ts';
import { type DeviceBuffer, readableBytes, writableBytes } from '../../../framework/virtqueue/device/ring.ts';
import { loadReadable } from '../buffer-io.ts';

/** Request types (section 5.2.6); GET_ID is common practice and part of later versions. */
export const BLK_T = { IN: 0, OUT: 1, FLUSH: 4, GET_ID: 8, DISCARD: 11, WRITE_ZEROES: 13 } as const;

/** Request status (section 5.2.6). */
export const BLK_S = { OK: 0, IOERR: 1, UNSUPP: 2 } as const;

/** Bytes of the header: type le32, reserved le32, sector le64. */
export const HEADER_SIZE = 16;
/** Bytes of a discard or write zeroes segment: sector le64, num_sectors le32, flags le32. */
export const SEGMENT_SIZE = 16;
/** Bytes that GET_ID answers with. */
export const ID_SIZE = 20;

/** A request as the driver framed it, however that was: header, data, status byte (section 2.6.4.1). */
export interface BlkRequest {
  readonly dma: DmaView;
  readonly buffer: DeviceBuffer;
  type: number;
  /** First sector; exact below 2^53, and otherwise so large that it is out of range of any disk. */
  sector: number;
  /** Device-readable bytes after the header. */
  dataOut: number;
  /** Device-writable bytes before the status byte. */
  dataIn: number;
}

/** Scratch for headers and segments: loaded and decoded without a call in between. */
const SCRATCH = new Uint8Array(16);
const VIEW = new DataView(SCRATCH.buffer);

/**
 * Decode the request in `buffer`. `short`: there is no whole header, but a status byte to say so;
 * `no-status`: there is no writable byte at all.
 *
 * @throws DmaFault when the header is out of reach
 */
export function parseRequest(dma: DmaView, buffer: DeviceBuffer): BlkRequest | 'short' | 'no-status' {
  const writable = writableBytes(buffer);
  if (writable === 0) return 'no-status';
  if (loadReadable(dma, buffer, 0, SCRATCH) < HEADER_SIZE) return 'short';
  return {
    dma,
    buffer,
    type: VIEW.getUint32(0, true),
    sector: le64(8),
    dataOut: readableBytes(buffer) - HEADER_SIZE,
    dataIn: writable - 1,
  };
}

/** One range of a discard or write zeroes request. */
export interface Segment {
  readonly sector: number;
  readonly count: number;
  readonly flags: number;
}

/** Decode segment `index` of a discard or write zeroes request. */
export function readSegment(request: BlkRequest, index: number): Segment {
  loadReadable(request.dma, request.buffer, HEADER_SIZE + SEGMENT_SIZE * index, SCRATCH);
  return { sector: le64(0), count: VIEW.getUint32(8, true), flags: VIEW.getUint32(12, true) };
}

/** A le64 of the scratch as a number: rounding begins at 2^53, far beyond the largest disk. */
function le64(at: number): number {
  return VIEW.getUint32(at + 4, true) * 0x1_0000_0000 + VIEW.getUint32(at, true);
}
