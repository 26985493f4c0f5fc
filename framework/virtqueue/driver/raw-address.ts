/** A 64-bit address field: any bigint of 64 bits, or a number while that is exact. */
export type RawAddress = number | bigint;

const MASK_32 = 0xffff_ffffn;

/** Store a 64-bit little-endian address. */
export function putAddress(view: DataView, at: number, addr: RawAddress): void {
  if (typeof addr === 'bigint') {
    if (BigInt.asUintN(64, addr) !== addr) throw new RangeError(`address ${addr} is not a 64-bit value`);
    view.setUint32(at, Number(addr & MASK_32), true);
    view.setUint32(at + 4, Number(addr >> 32n), true);
    return;
  }
  if (!Number.isSafeInteger(addr) || addr < 0) {
    throw new RangeError(`address ${addr} is not exact as a number: use a bigint`);
  }
  view.setUint32(at, addr >>> 0, true);
  view.setUint32(at + 4, Math.floor(addr / 0x1_0000_0000), true);
}

/** Load a 64-bit little-endian address: a number if that is exact, otherwise a bigint. */
export function takeAddress(view: DataView, at: number): RawAddress {
  const low = view.getUint32(at, true);
  const high = view.getUint32(at + 4, true);
  if (high < 0x20_0000) return high * 0x1_0000_0000 + low;
  return (BigInt(high) << 32n) | BigInt(low);
}

/** Refuse an entry number outside the queue, so that a slip does not land in other memory. */
export function checkEntry(i: number, num: number): number {
  if (Number.isInteger(i) && i >= 0 && i < num) return i;
  throw new RangeError(`entry ${i} is outside a queue of ${num}`);
}
