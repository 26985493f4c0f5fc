import { remembering } from '../../../specs/remember.ts';
import { SECTOR } from '../../kits/blk.ts';
import { pattern } from '../../kits/kit.ts';
import { INT } from '../step.ts';

/** Content of sectors: a byte all over, or `pattern`: bytes that depend on this seed and on the sector. */
export interface Content {
  fill?: number;
  pattern?: number;
}

export const CONTENT = { fill: INT, pattern: INT };

/** Contents that come again and again. Shared: not to be changed. */
const contents = remembering<string, Uint8Array>(2048);

/** The first `size` bytes of sectors from `sector` on; each begins with its number, so that a misplaced one can be told. */
export function contentOf({ fill, pattern: seed = 0 }: Content, sector: number, size: number): Uint8Array {
  return contents(`${fill ?? `${seed}/${sector}`}/${size}`, () => {
    const bytes = new Uint8Array(size);
    if (fill !== undefined) return bytes.fill(fill);
    for (let at = 0; at < size; at += SECTOR) bytes.set(patternOf(seed, sector + at / SECTOR, size - at), at);
    return bytes;
  });
}

/** One sector of a pattern, or the first `most` bytes of it. */
function patternOf(seed: number, sector: number, most: number): Uint8Array {
  const bytes = pattern(seed * 7919 + (sector % 0x1000_0000), SECTOR).slice();
  new DataView(bytes.buffer).setBigUint64(0, BigInt(sector), true);
  return bytes.subarray(0, most);
}
