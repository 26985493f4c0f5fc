import { BLK_F } from '../../virtio-1.1/features.ts';

/** Status byte of a block request (section 5.2.6). */
export type BlkStatus = 'OK' | 'IOERR' | 'UNSUPP';

/** A block request as far as its outcome depends on it. */
export interface BlkRequest {
  /** Request type. */
  type: number;
  /** Every sector that it names lies below the capacity. */
  inRange: boolean;
  /** Flags of each discard or write zeroes segment. */
  flags: readonly number[];
}

const T = { IN: 0, OUT: 1, FLUSH: 4, GET_ID: 8, DISCARD: 11, WRITE_ZEROES: 13 } as const;
const UNMAP = 1;
const ANY: readonly BlkStatus[] = ['OK', 'IOERR', 'UNSUPP'];

/**
 * Statuses with which a right device may answer, given the features it offers and those in force.
 * Sections 5.2.6.2 (D1a, D2, D3) and the text of 5.2.6 where no keyword stands (P1.1-025, P1.1-026b, P1.1-026j).
 */
export function allowedStatuses(
  { type, inRange, flags }: BlkRequest,
  offered: bigint,
  inForce: bigint,
): readonly BlkStatus[] {
  const readOnly = (offered & BLK_F.RO) !== 0n;
  switch (type) {
    case T.IN:
      return inRange ? ['OK'] : ANY;
    case T.OUT:
      if (readOnly) return ['IOERR'];
      return inRange ? ['OK'] : ANY;
    case T.FLUSH:
      return (inForce & BLK_F.FLUSH) !== 0n && !readOnly ? ['OK'] : ANY;
    case T.DISCARD:
    case T.WRITE_ZEROES: {
      const feature = type === T.DISCARD ? BLK_F.DISCARD : BLK_F.WRITE_ZEROES;
      if ((inForce & feature) === 0n || readOnly) return ANY;
      const known = type === T.DISCARD ? 0 : UNMAP;
      const bad = flags.some((value) => (value & ~known) !== 0);
      if (bad) return inRange ? ['UNSUPP'] : ['UNSUPP', 'IOERR'];
      return inRange ? ['OK'] : ANY;
    }
    case T.GET_ID:
      return ANY;
    default:
      return ['UNSUPP', 'IOERR'];
  }
}
