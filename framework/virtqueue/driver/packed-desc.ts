import { DESC_F, DESC_SIZE, PACKED_DESC } from '../../../specs/virtio-1.1/ring-layout.ts';
import type { Element } from './ring.ts';

/** Store address and length of a packed descriptor (section 2.7.13). */
export function putBuffer(view: DataView, at: number, iova: number, len: number): void {
  view.setUint32(at + PACKED_DESC.addr, iova >>> 0, true);
  view.setUint32(at + PACKED_DESC.addr + 4, iova / 0x1_0000_0000, true);
  view.setUint32(at + PACKED_DESC.len, len, true);
}

/**
 * Fill an indirect table with the elements from `from` on. Entries lie one behind the other; WRITE is the
 * only flag and there is no Buffer ID (section 2.7.7).
 */
export function putPackedTable(view: DataView, pa: number, elements: readonly Element[], from: number): void {
  for (let i = from; i < elements.length; i++) {
    const at = pa + (i - from) * DESC_SIZE;
    putBuffer(view, at, elements[i].iova, elements[i].len);
    view.setUint16(at + PACKED_DESC.id, 0, true);
    view.setUint16(at + PACKED_DESC.flags, elements[i].write === true ? DESC_F.WRITE : 0, true);
  }
}
