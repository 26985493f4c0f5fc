/** Numbers that one allocation serves. */
const SLAB = 1 << 14;

let slab = new ArrayBuffer(4 * SLAB);
let taken = 0;

/**
 * `n` numbers, all 0, for what a driver notes about a ring. Small ones share an allocation, which costs more than a
 * ring's few numbers are worth; it goes when the last of them does.
 */
export function zeroedInts(n: number): Int32Array {
  if (n > SLAB >> 4) return new Int32Array(n);
  if (taken + n > SLAB) {
    slab = new ArrayBuffer(4 * SLAB);
    taken = 0;
  }
  const ints = new Int32Array(slab, 4 * taken, n);
  taken += n;
  return ints;
}
