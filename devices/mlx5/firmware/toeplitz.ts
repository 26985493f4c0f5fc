import { PROTO_TCP, parseFrame } from '../../simulator/net/frame.ts';

/**
 * Toeplitz hash of `input` under `key`: for every set bit of the input, from its first on, the 32 bits of the key
 * from that position on are added without carry.
 */
export function toeplitz(key: Uint8Array, input: Uint8Array): number {
  let hash = 0;
  let window = ((key[0] << 24) | (key[1] << 16) | (key[2] << 8) | key[3]) >>> 0;
  for (let i = 0; i < input.length; i++) {
    for (let bit = 7; bit >= 0; bit--) {
      if ((input[i] >> bit) & 1) hash ^= window;
      window = ((window << 1) | (((key[i + 4] ?? 0) >> bit) & 1)) >>> 0;
    }
  }
  return hash >>> 0;
}

/**
 * What is hashed of a frame: addresses and ports of TCP over IPv4; with `symmetric` what both have in common of either
 * direction, source and destination added without carry. null for any other frame.
 */
export function tcp4Tuple(frame: Uint8Array, symmetric: boolean): Uint8Array | null {
  const { ip, l3, l4, protocol, payload, fragment } = parseFrame(frame, frame.length);
  if (ip !== 4 || protocol !== PROTO_TCP || fragment || payload < 0) return null;
  const tuple = new Uint8Array(12);
  tuple.set(frame.subarray(l3 + 12, l3 + 20));
  tuple.set(frame.subarray(l4, l4 + 4), 8);
  if (!symmetric) return tuple;
  const both = new Uint8Array(6);
  for (let i = 0; i < 4; i++) both[i] = tuple[i] ^ tuple[4 + i];
  for (let i = 0; i < 2; i++) both[4 + i] = tuple[8 + i] ^ tuple[10 + i];
  return both;
}
