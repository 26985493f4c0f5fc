import { describe, expect, it } from 'vitest';
import { complement, putWord, sumBytes, word, word32 } from './checksum.ts';
import { ChecksumEngine } from './checksum-engine.ts';
import { parseFrame } from './frame.ts';
import { GSO } from './header.ts';
import { Segmenter } from './segment.ts';
import { payload, t4, t6, tagged, u4 } from './test-frames.ts';
import { concat, hex, toHex } from './test-rig.ts';

const segmenter = new Segmenter();
const checksums = new ChecksumEngine();

const split = (frame: Uint8Array, type: number, size: number) =>
  segmenter.split(frame, frame.length, type, size);

describe('TSO', () => {
  it('cuts T4(3000) as the test plan says', () => {
    const segments = split(t4(3000, '08e2', '1fd5'), GSO.TCPV4, 1400)!;
    expect(segments.map((one) => one.length)).toEqual([1454, 1454, 254]);
    expect(segments.map((one) => toHex(one.subarray(38, 42)))).toEqual(['01020304', '0102087c', '01020df4']);
    expect(segments.map((one) => toHex(one.subarray(16, 18)))).toEqual(['05a0', '05a0', '00f0']);
    expect(segments.map((one) => toHex(one.subarray(50, 52)))).toEqual(['4a5f', '3cdf', '5194']);
    expect(segments.map((one) => word(one, 18))).toEqual([0x1234, 0x1235, 0x1236]);
    for (const one of segments) expect(sumBytes(one, 14, 34)).toBe(0xffff);
    expect(concat(segments.map((one) => one.subarray(54)))).toEqual(payload(3000));
  });

  it('cuts T6(3000) as the test plan says', () => {
    const segments = split(t6(3000, '05d7'), GSO.TCPV6, 1400)!;
    expect(segments.map((one) => one.length)).toEqual([1474, 1474, 274]);
    expect(segments.map((one) => toHex(one.subarray(70, 72)))).toEqual(['645d', '56dd', '6b92']);
    expect(segments.map((one) => word(one, 18))).toEqual([1420, 1420, 220]);
  });

  it('makes no empty segment, and one of a packet that fits', () => {
    expect(split(t4(2800, '09aa', '0000'), GSO.TCPV4, 1400)).toHaveLength(2);
    expect(split(t4(3000, '08e2', '1fd5'), GSO.TCPV4, 3000)).toHaveLength(1);
    expect(split(t4(3000, '08e2', '1fd5'), GSO.TCPV4, 3001)).toHaveLength(1);
    expect(split(t4(0, '0000', '0000'), GSO.TCPV4, 1400)).toHaveLength(1);
    expect(split(t4(1, '0000', '0000'), GSO.TCPV4, 1)).toHaveLength(1);
  });

  it('bounds the number of segments', () => {
    const segments = split(t4(65_483, '0000', '0000'), GSO.TCPV4, 1)!;
    expect(segments).toHaveLength(65_483);
    expect(segments.at(-1)!.length).toBe(55);
    expect(split(t4(3000, '08e2', '1fd5'), GSO.TCPV4, 0)).toBeNull();
  });

  it('puts CWR on the first segment, FIN and PSH on the last', () => {
    const segments = split(t4(3000, '08e2', '1fd5', '99'), GSO.TCPV4 | GSO.ECN, 1400)!;
    expect(segments.map((one) => one[47])).toEqual([0x90, 0x10, 0x19]);
    for (const one of segments) expect(checksums.vouchesFor(one, parseFrame(one, one.length))).toBe(true);
  });

  it('keeps VLAN tags and TCP options, and wraps the sequence number', () => {
    const frame = t4(3000, '08e2', '1fd5');
    const options = concat([frame.subarray(0, 54), hex('0101080a0000000100000002'), frame.subarray(54)]);
    options[46] = 0x80;
    putWord(options, 16, word(frame, 16) + 12);
    putWord(options, 24, 0);
    putWord(options, 24, complement(sumBytes(options, 14, 34)));
    options.fill(0xff, 38, 42);
    const segments = split(tagged(7, options), GSO.TCPV4, 1400)!;
    expect(segments.map((one) => one.length)).toEqual([1470, 1470, 270]);
    expect(segments.map((one) => word32(one, 42))).toEqual([0xffffffff, 1399, 2799]);
    for (const one of segments) {
      expect(toHex(one.subarray(12, 16))).toBe('81000007');
      expect(toHex(one.subarray(58, 70))).toBe('0101080a0000000100000002');
      expect(checksums.vouchesFor(one, parseFrame(one, one.length))).toBe(true);
    }
  });

  it('refuses what is not of the type', () => {
    expect(split(t4(100, '1436', '1481'), GSO.TCPV6, 50)).toBeNull();
    expect(split(t6(100, 'fa82'), GSO.TCPV4, 50)).toBeNull();
    expect(split(u4(100, '0000', '0000'), GSO.TCPV4, 50)).toBeNull();
    expect(split(t4(100, '1436', '1481'), GSO.UDP, 50)).toBeNull();
    expect(split(t4(100, '1436', '1481'), 5, 50)).toBeNull();
  });

  it('survives every cut and every flipped byte of the headers', () => {
    const frame = t4(60, '0000', '0000');
    for (let length = 0; length <= frame.length; length++) segmenter.split(frame, length, GSO.TCPV4, 7);
    for (const original of [frame, t6(60, '0000'), u4(60, '0000', '0000')])
      for (let at = 0; at < 74; at++)
        for (const value of [0, 0xff, 0x4f, 0x60]) {
          const broken = original.slice();
          broken[at] = value;
          for (const type of [GSO.TCPV4, GSO.TCPV6, GSO.UDP]) split(broken, type, 9);
        }
  });
});

describe('UFO', () => {
  it('fragments U4(3000) under one checksum', () => {
    const frame = u4(3000, '0000', '1fd4');
    putWord(frame, 24, complement(sumBytes(frame, 14, 34)));
    const fragments = split(frame, GSO.UDP, 1480)!;
    expect(fragments.map((one) => one.length)).toEqual([1514, 1514, 82]);
    expect(fragments.map((one) => word(one, 20))).toEqual([0x2000, 0x2000 | 185, 370]);
    expect(new Set(fragments.map((one) => word(one, 18)))).toEqual(new Set([0x1234]));
    for (const one of fragments) expect(sumBytes(one, 14, 34)).toBe(0xffff);
    const datagram = concat(fragments.map((one) => one.subarray(34)));
    expect(toHex(datagram.subarray(0, 8))).toBe('0fa00fa10bc036b2');
    expect(datagram.subarray(8)).toEqual(payload(3000));
  });

  it('keeps fragments within gso_size + 8 and their offsets multiples of 8', () => {
    for (const size of [1, 7, 8, 9, 100, 1472]) {
      const frame = u4(3000, '0000', '1fd4');
      for (const one of split(frame, GSO.UDP, size)!) {
        expect(one.length - 34).toBeLessThanOrEqual(size + 8);
        if ((word(one, 20) & 0x2000) !== 0) expect((one.length - 34) % 8).toBe(0);
      }
    }
  });

  it('fragments over IPv6 with a fragment header', () => {
    const v6 = t6(0, '0000');
    const frame = concat([v6.subarray(0, 54), hex('0fa0 0fa1 0bc0 0000'), payload(3000)]);
    frame[20] = 17;
    putWord(frame, 18, 3008);
    const fragments = split(frame, GSO.UDP, 1480)!;
    expect(fragments).toHaveLength(3);
    expect(fragments.map((one) => one[20])).toEqual([44, 44, 44]);
    expect(fragments.map((one) => word(one, 56))).toEqual([1, 1480 | 1, 2960]);
    expect(concat(fragments.map((one) => one.subarray(62))).subarray(8)).toEqual(payload(3000));
    for (const one of fragments) expect(parseFrame(one, one.length).fragment).toBe(true);
  });
});
