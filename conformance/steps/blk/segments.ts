import type { Range } from '../../../specs/model/blk/medium.ts';
import { concat } from '../buffer-steps.ts';
import { INT, obj, TEXT } from '../step.ts';

/** A sector number: a number, or 64 bits as text ("0xffffffffffffffff"). */
export type Sector = number | string;

export const SECTOR_ARG = { anyOf: [INT, TEXT] };

/** Discard and write zeroes segments; `count` makes several, each `step` sectors further on (default: `num`). */
export interface SegmentArg {
  sector: Sector;
  num: number;
  flags?: number;
  count?: number;
  step?: number;
}

export const SEGMENT = obj({ sector: SECTOR_ARG, num: INT, flags: INT, count: INT, step: INT }, [
  'sector',
  'num',
]);

export const numberOf = (sector: Sector) => (typeof sector === 'number' ? sector : Number(BigInt(sector)));

/** The ranges and the bytes of discard and write zeroes segments. */
export function segmentsOf(segments: readonly SegmentArg[]): { ranges: Range[]; bytes: Uint8Array } {
  const ranges: Range[] = [];
  const encoded: Uint8Array[] = [];
  for (const { sector, num, flags = 0, count = 1, step = num } of segments) {
    for (let i = 0; i < count; i++) {
      const bytes = new Uint8Array(16);
      const view = new DataView(bytes.buffer);
      const start = BigInt.asUintN(64, BigInt(sector) + BigInt(step * i));
      view.setBigUint64(0, start, true);
      view.setUint32(8, num >>> 0, true);
      view.setUint32(12, flags >>> 0, true);
      ranges.push({ sector: Number(start), count: num >>> 0 });
      encoded.push(bytes);
    }
  }
  return { ranges, bytes: concat(encoded) };
}
