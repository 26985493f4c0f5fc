/** The 16-bit ones' complement sums of IP, TCP and UDP, over byte ranges of any parity. */

/** 16-bit words that can be added before the sum could leave the range of exact 32-bit arithmetic. */
const WORDS_PER_FOLD = 0x8000;

/** Add the carries back in until `sum` fits into 16 bits. */
export function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  return sum;
}

/**
 * Folded sum of the bytes `start` to `end` as big-endian words, added to `initial`. Words are counted from
 * `start`, whatever its parity; an odd last byte counts as the high half of a word.
 */
export function sumBytes(bytes: Uint8Array, start: number, end: number, initial = 0): number {
  let sum = initial;
  let at = start;
  while (at + 1 < end) {
    const stop = Math.min(end - 1, at + 2 * WORDS_PER_FOLD);
    for (; at < stop; at += 2) sum += (bytes[at] << 8) | bytes[at + 1];
    sum = fold(sum);
  }
  if (at < end) sum += bytes[at] << 8;
  return fold(sum);
}

/** The checksum that belongs to a folded sum: its ones' complement. */
export function complement(sum: number): number {
  return ~sum & 0xffff;
}

/** Folded sum of the TCP or UDP pseudo header of IPv4; `l3` is the offset of the IP header. */
export function pseudoSum4(bytes: Uint8Array, l3: number, protocol: number, l4Length: number): number {
  return sumBytes(bytes, l3 + 12, l3 + 20, protocol + l4Length);
}

/** Folded sum of the TCP or UDP pseudo header of IPv6; `l3` is the offset of the IP header. */
export function pseudoSum6(bytes: Uint8Array, l3: number, protocol: number, l4Length: number): number {
  return sumBytes(bytes, l3 + 8, l3 + 40, protocol + l4Length);
}

/** Load a big-endian 16-bit word. */
export function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

/** Store a big-endian 16-bit word. */
export function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Load a big-endian 32-bit word. */
export function word32(bytes: Uint8Array, at: number): number {
  return word(bytes, at) * 0x1_0000 + word(bytes, at + 2);
}

/** Store a big-endian 32-bit word, reduced modulo 2^32. */
export function putWord32(bytes: Uint8Array, at: number, value: number): void {
  putWord(bytes, at, (value / 0x1_0000) & 0xffff);
  putWord(bytes, at + 2, value & 0xffff);
}
