import { describe, expect, it } from 'vitest';
import { compareFrames } from './frame-compare.ts';
import type { Macs } from './frame-headers.ts';
import { normalise } from './frame-normal.ts';
import type { FrameArg } from './frame-spec.ts';
import { buildFrames } from './frames.ts';
import { hdrBytes, metaOfHdr, readHdr } from './net-header.ts';
import { get16, get32 } from './sums.ts';

const macs: Macs = {
  dev: Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56),
  peer: Uint8Array.of(2, 0, 0, 0, 0, 0xfe),
};
const one = (arg: FrameArg) => buildFrames(arg, macs)[0];

describe('frame templates', () => {
  it.each([
    ['t4', { t4: 100 }, 154, 50, 0xdf9c],
    ['t4 pseudo', { t4: 100, sum: 'pseudo' }, 154, 50, 0x1481],
    ['t4 odd', { t4: 101 }, 155, 50, 0x7b9b],
    ['t4 odd pseudo', { t4: 101, sum: 'pseudo' }, 155, 50, 0x1482],
    ['t4 3000 pseudo', { t4: 3000, sum: 'pseudo' }, 3054, 50, 0x1fd5],
    ['t6', { t6: 100 }, 174, 70, 0xf99a],
    ['t6 pseudo', { t6: 100, sum: 'pseudo' }, 174, 70, 0xfa82],
    ['t6 3000 pseudo', { t6: 3000, sum: 'pseudo' }, 3074, 70, 0x05d7],
    ['u4', { u4: 100 }, 142, 40, 0x3005],
    ['u4 pseudo', { u4: 100, sum: 'pseudo' }, 142, 40, 0x1480],
    ['u4z', { u4: 100, end: '92 68' }, 142, 40, 0xffff],
    ['u4 3000', { u4: 3000 }, 3042, 40, 0x36b2],
    ['u4 3000 pseudo', { u4: 3000, sum: 'pseudo' }, 3042, 40, 0x1fd4],
    ['r4', { r4: 100 }, 154, 50, 0xdf9c],
    ['r4 bad', { r4: 100, sum: 'bad' }, 154, 50, 0xdf9d],
    ['vlan', { t4: 100, vlan: 5 }, 158, 54, 0xdf9c],
  ] as [string, FrameArg, number, number, number][])('%s', (_, arg, length, at, sum) => {
    const { bytes } = one(arg);
    expect(bytes.length).toBe(length);
    expect(get16(bytes, at).toString(16)).toBe(sum.toString(16));
  });

  it('puts the IPv4 header checksum of the vectors', () => {
    expect(get16(one({ t4: 100 }).bytes, 24)).toBe(0x1436);
    expect(get16(one({ t4: 3000 }).bytes, 24)).toBe(0x08e2);
  });

  it('completes partial checksums', () => {
    for (const [partial, full] of [
      [{ t4: 101, partial: true }, { t4: 101 }],
      [
        { u4: 100, end: '9268', partial: true },
        { u4: 100, end: '9268' },
      ],
      [
        { r6: 100, vlan: 7, partial: true },
        { r6: 100, vlan: 7 },
      ],
    ] as FrameArg[][])
      expect(normalise(one(partial))[0].bytes).toEqual(one(full).bytes);
  });

  it('cuts TCP super-frames as in the vectors', () => {
    const four = normalise(one({ t4: 3000, gso: 1400 })).map(({ bytes }) => bytes);
    expect(four.map((b) => b.length)).toEqual([1454, 1454, 254]);
    expect(four.map((b) => get32(b, 38))).toEqual([0x01020304, 0x0102087c, 0x01020df4]);
    expect(four.map((b) => get16(b, 50))).toEqual([0x4a5f, 0x3cdf, 0x5194]);
    const six = normalise(one({ t6: 3000, gso: 1400 })).map(({ bytes }) => bytes);
    expect(six.map((b) => b.length)).toEqual([1474, 1474, 274]);
    expect(six.map((b) => get16(b, 70))).toEqual([0x645d, 0x56dd, 0x6b92]);
  });

  it('reads named headers as metadata', () => {
    expect(metaOfHdr(readHdr(hdrBytes('Htso4')))).toEqual(one({ t4: 3000, gso: 1400 }).meta);
    expect(metaOfHdr(readHdr(hdrBytes('Hufo')))).toEqual(one({ u4: 3000, gso: 1480 }).meta);
  });
});

describe('comparing frames', () => {
  it('finds missing, extra and altered frames', () => {
    const want = buildFrames(
      [
        { r4: 100, marker: 1 },
        { r4: 100, marker: 2 },
      ],
      macs,
    );
    expect(compareFrames(want, want)).toEqual([]);
    expect(compareFrames(want, want.slice(1)).map(({ kind }) => kind)).toEqual(['missing']);
    expect(compareFrames(want.slice(1), want).map(({ kind }) => kind)).toEqual(['extra']);
    expect(compareFrames(want, want.slice(1), { missing: true })).toEqual([]);
    expect(compareFrames(want, [want[1], want[0]]).map(({ kind }) => kind)).toEqual(['order']);
    const short = { ...want[0], bytes: want[0].bytes.subarray(0, 120) };
    expect(compareFrames(want, [short, want[1]]).map(({ kind }) => kind)).toEqual(['different']);
  });

  it('takes a super-frame and its segments for the same', () => {
    const [whole] = buildFrames({ t4: 3000, gso: 1400 }, macs);
    const pieces = normalise(whole);
    expect(compareFrames([whole], [whole])).toEqual([]);
    expect(compareFrames([whole], pieces)).toEqual([]);
    expect(compareFrames([whole], pieces.slice(1)).length).toBe(1);
  });
});
