import { DmaFault } from '../../framework/memory/host-memory.ts';
import type { DmaView } from '../../framework/memory/iotlb.ts';
import type { DeviceBuffer } from '../../framework/virtqueue/device/ring.ts';
import { IOVA_RANGE } from './profile.ts';

/** Handles one contiguous piece of a buffer: `length` bytes at `iova`, being byte `done` of the range asked for. */
export type PieceHandler = (iova: number, length: number, done: number) => void;

/**
 * Walk bytes `offset` to `offset + length` of one half of a buffer, whatever its framing (section 2.6.4.1).
 * The elements from `first` to `end` are taken as one stretch of bytes. Returns how many bytes were there.
 *
 * @throws DmaFault for an address that no mapping can have; up there numbers are not exact any more
 */
export function forEachPiece(
  buffer: DeviceBuffer,
  first: number,
  end: number,
  offset: number,
  length: number,
  handle: PieceHandler,
): number {
  let skip = offset;
  let done = 0;
  for (let i = first; i < end && done < length; i++) {
    const size = buffer.len[i];
    if (skip >= size) {
      skip -= size;
      continue;
    }
    const piece = Math.min(size - skip, length - done);
    if (buffer.addr[i] > IOVA_RANGE.last) throw outOfRange(buffer, i);
    handle(buffer.addr[i] + skip, piece, done);
    done += piece;
    skip = 0;
  }
  return done;
}

function outOfRange(buffer: DeviceBuffer, i: number): DmaFault {
  const access = i < buffer.readable ? 'read' : 'write';
  return new DmaFault(buffer.addr[i], buffer.len[i], access, 'unmapped');
}

/** Copy from the device-readable bytes of `buffer`, starting at `offset`. Returns the bytes copied. */
export function loadReadable(
  dma: DmaView,
  buffer: DeviceBuffer,
  offset: number,
  into: Uint8Array,
  at = 0,
  length: number = into.length - at,
): number {
  return forEachPiece(buffer, 0, buffer.readable, offset, length, (iova, size, done) =>
    dma.load(iova, size, into, at + done),
  );
}

/** Copy to the device-writable bytes of `buffer`, starting at `offset`. Returns the bytes copied. */
export function storeWritable(
  dma: DmaView,
  buffer: DeviceBuffer,
  offset: number,
  from: Uint8Array,
  at = 0,
  length: number = from.length - at,
): number {
  const end = buffer.readable + buffer.writable;
  return forEachPiece(buffer, buffer.readable, end, offset, length, (iova, size, done) =>
    dma.store(iova, from, at + done, size),
  );
}

const ZEROES = new Uint8Array(4096);

/** Store zeroes to `length` device-writable bytes of `buffer`, starting at `offset`. Returns the bytes stored. */
export function zeroWritable(dma: DmaView, buffer: DeviceBuffer, offset: number, length: number): number {
  const end = buffer.readable + buffer.writable;
  return forEachPiece(buffer, buffer.readable, end, offset, length, (iova, size) => {
    for (let done = 0; done < size; done += ZEROES.length) {
      dma.store(iova + done, ZEROES, 0, Math.min(ZEROES.length, size - done));
    }
  });
}
