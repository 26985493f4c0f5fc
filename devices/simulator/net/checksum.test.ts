import { describe, expect, it } from 'vitest';
import { complement, pseudoSum4, pseudoSum6, putWord32, sumBytes, word32 } from './checksum.ts';
import { ChecksumEngine } from './checksum-engine.ts';
import { parseFrame } from './frame.ts';
import { t4, t6, tagged, u4 } from './test-frames.ts';
import { hex } from './test-rig.ts';

/** Naive sum, another way round: bytes by parity. */
function naive(bytes: Uint8Array, start: number, end: number): number {
  let high = 0n;
  let low = 0n;
  for (let i = start; i < end; i++)
    if ((i - start) % 2 === 0) high += BigInt(bytes[i]);
    else low += BigInt(bytes[i]);
  let sum = high * 256n + low;
  while (sum > 0xffffn) sum = (sum & 0xffffn) + (sum >> 16n);
  return Number(sum);
}

describe('sums', () => {
  it('equal a naive sum at every parity of start and length', () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => (i * 37 + 250) & 0xff);
    for (const start of [0, 1, 2, 7, 128])
      for (const end of [start, start + 1, start + 2, 299, 300])
        expect(sumBytes(bytes, start, end)).toBe(naive(bytes, start, end));
  });

  it('stay exact over more than 64 kB of ones', () => {
    const bytes = new Uint8Array(200_001).fill(0xff);
    expect(sumBytes(bytes, 0, bytes.length)).toBe(naive(bytes, 0, bytes.length));
    expect(sumBytes(bytes, 1, 65_536)).toBe(naive(bytes, 1, 65_536));
  });

  it('know the pseudo headers of the test plan', () => {
    expect(pseudoSum4(t4(100, '1436', '0000'), 14, 6, 120)).toBe(0x1481);
    expect(pseudoSum4(t4(3000, '08e2', '0000'), 14, 6, 3020)).toBe(0x1fd5);
    expect(pseudoSum6(t6(100, '0000'), 14, 6, 120)).toBe(0xfa82);
    expect(pseudoSum6(t6(3000, '0000'), 14, 6, 3020)).toBe(0x05d7);
    expect(pseudoSum4(u4(3000, '0000', '0000'), 14, 17, 3008)).toBe(0x1fd4);
  });

  it('know the IPv4 header sums of the test plan', () => {
    expect(complement(sumBytes(t4(100, '0000', '0000'), 14, 34))).toBe(0x1436);
    expect(complement(sumBytes(t4(3000, '0000', '0000'), 14, 34))).toBe(0x08e2);
  });

  it('keep 32-bit words modulo 2^32', () => {
    const bytes = new Uint8Array(4);
    putWord32(bytes, 0, 0xfffffff0 + 0x20);
    expect(word32(bytes, 0)).toBe(0x10);
    putWord32(bytes, 0, 0xdeadbeef);
    expect(bytes).toEqual(hex('deadbeef'));
  });
});

describe('ChecksumEngine', () => {
  const engine = new ChecksumEngine();
  const completed = (frame: Uint8Array, start: number, offset: number) => {
    expect(engine.complete(frame, frame.length, start, offset)).toBe(true);
    return frame;
  };

  it('completes the fixed vectors', () => {
    expect(completed(t4(100, '1436', '1481'), 34, 16)).toEqual(t4(100, '1436', 'df9c'));
    expect(completed(t4(101, '1435', '1482'), 34, 16)).toEqual(t4(101, '1435', '7b9b'));
    expect(completed(t6(100, 'fa82'), 54, 16)).toEqual(t6(100, 'f99a'));
    expect(completed(u4(100, '0000', '1480'), 34, 6)).toEqual(u4(100, '0000', '3005'));
    expect(completed(tagged(5, t4(100, '1436', '1481')), 38, 16)).toEqual(tagged(5, t4(100, '1436', 'df9c')));
  });

  it('sends ffff for a UDP sum of zero', () => {
    const data = Uint8Array.from({ length: 100 }, (_, i) => i);
    data.set(hex('9268'), 98);
    expect(completed(u4(100, '0000', '1480', data), 34, 6)).toEqual(u4(100, '0000', 'ffff', data));
  });

  it.each([
    [154, 0],
    [153, 0],
    [152, 1],
    [34, 120],
    [0xffff, 0xffff],
    [0xfffe, 1],
    [34, 0xfffe],
    [0, 0],
  ])('leaves the frame alone for start %i, offset %i', (start, offset) => {
    const frame = t4(100, '1436', '1481');
    expect(engine.complete(frame, frame.length, start, offset)).toBe(false);
    expect(frame).toEqual(t4(100, '1436', '1481'));
  });

  it('vouches for right sums only', () => {
    const vouches = (frame: Uint8Array) => engine.vouchesFor(frame, parseFrame(frame, frame.length));
    expect(vouches(t4(100, '1436', 'df9c'))).toBe(true);
    expect(vouches(t6(100, 'f99a'))).toBe(true);
    expect(vouches(t4(101, '1435', '7b9b'))).toBe(true);
    expect(vouches(t4(100, '1436', 'df9d'))).toBe(false);
    expect(vouches(t4(100, '1437', 'df9c'))).toBe(false);
    const last = t4(101, '1435', '7b9b');
    last[last.length - 1] ^= 1;
    expect(vouches(last)).toBe(false);
    expect(vouches(u4(100, '5434', '0000'))).toBe(false);
    expect(vouches(hex('ffffffffffff020000000000880500'))).toBe(false);
  });
});
