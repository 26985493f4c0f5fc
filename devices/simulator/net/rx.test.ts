import { describe, expect, it } from 'vitest';
import { F_EVENT_IDX, F_IN_ORDER, F_RING_PACKED, NET_F } from '../../../specs/virtio-1.1/features.ts';
import { VARIANT_NAMES } from '../variants.ts';
import { le16 } from './header.ts';
import { DEV, R4, reply, t4, to, u4 } from './test-frames.ts';
import { concat, Rig, receive, rig, toHex } from './test-rig.ts';

const FENCE = to(toHex(DEV), t4(8, '1492', '0000'));

describe('reception', () => {
  const layouts: [string, number[]][] = [
    ['one', [256]],
    ['header apart', [12, 244]],
    ['split header', [5, 7, 244]],
    ['odd', [14, 33, 209]],
  ];
  it.each(layouts)('stores header and frame: %s', (_, sizes) => {
    for (const features of [
      0n,
      NET_F.MRG_RXBUF,
      F_RING_PACKED,
      F_RING_PACKED | NET_F.MRG_RXBUF | F_IN_ORDER,
    ]) {
      const r = rig(features);
      r.fill(4, sizes);
      const [one, ...rest] = receive(r, R4);
      expect(rest).toEqual([]);
      expect(one.len).toBe(166);
      expect(toHex(one.bytes.subarray(0, 12))).toBe('000000000000000000000100');
      expect(one.bytes.subarray(12, 166)).toEqual(R4);
      expect(one.bytes.subarray(166).every((byte) => byte === 0xa5)).toBe(true);
    }
  });

  it.each([
    [[1066], [1066]],
    [
      [1065, 64],
      [1065, 1],
    ],
    [
      [533, 533],
      [533, 533],
    ],
    [Array(17).fill(64), [...Array(16).fill(64), 42]],
    [Array(89).fill(12), [...Array(88).fill(12), 10]],
    [
      [64, 128, 12, 1526],
      [64, 128, 12, 862],
    ],
  ])('merges buffers %#', (sizes: number[], lengths: number[]) => {
    for (const variant of ['', ...VARIANT_NAMES])
      for (const ring of [0n, F_RING_PACKED, F_IN_ORDER, F_RING_PACKED | F_EVENT_IDX]) {
        const r = new Rig(variant === '' ? {} : { variant }).start(NET_F.MRG_RXBUF | ring, 128, 2);
        for (const size of sizes) r.post(0, [], [size]);
        r.kick(0);
        const frame = reply(t4(1000, '10b2', 'ffff'));
        const got = receive(r, frame);
        // With IN_ORDER a skipped buffer was used in full.
        expect(got.map((one) => one.len ?? one.bytes.length)).toEqual(lengths);
        expect(le16(got[0].bytes, 10)).toBe(sizes.length);
        const whole = concat(got.map((one) => one.bytes)).subarray(12, 12 + frame.length);
        expect(whole).toEqual(frame);
      }
  });

  it('loses a packet that does not fit, but no buffer', () => {
    const r = rig(0n);
    r.fill(3, [256]);
    const big = reply(t4(191, '0000', '0000'));
    expect(receive(r, big, reply(t4(190, '0000', '0000')), big, R4).map((one) => one.len)).toEqual([
      256, 166,
    ]);
    expect(receive(r, big)).toEqual([]);
    expect(receive(r, R4).map((one) => one.len)).toEqual([166]);
  });

  it('waits for buffers, or gives up for the frame behind', () => {
    for (const ring of [0n, F_RING_PACKED, F_EVENT_IDX]) {
      const r = rig(NET_F.MRG_RXBUF | ring, {}, 64);
      r.fill(3, [64]);
      const big = reply(t4(1000, '0000', '0000'));
      expect(receive(r, big)).toEqual([]);
      r.fill(20, [64]);
      r.pump();
      expect(r.poll(0)).toHaveLength(17);
      expect(receive(r, big)).toEqual([]);
      expect(receive(r, R4)).toHaveLength(3);
      expect(r.rings[0].outstanding).toBe(3);
      r.fill(3, [64]);
      expect(receive(r, R4)).toHaveLength(3);
    }
  });

  it('is not blocked by a ring that can never hold the packet', () => {
    const r = rig(NET_F.MRG_RXBUF, {}, 4);
    r.fill(4, [64]);
    expect(receive(r, reply(t4(1000, '0000', '0000')))).toEqual([]);
    expect(receive(r, R4)).toHaveLength(3);
  });

  it('keeps its position while it holds buffers', () => {
    for (const ring of [0n, F_RING_PACKED]) {
      const r = rig(NET_F.MRG_RXBUF | ring, {}, 32);
      r.fill(3, [64]);
      expect(receive(r, reply(t4(1000, '0000', '0000')))).toEqual([]);
      const state = {
        split: { availIndex: 9 },
        packed: { lastAvailCounter: 0, lastAvailIdx: 9, lastUsedCounter: 0, lastUsedIdx: 9 },
      };
      expect(r.device.ops.getVqState(0, state)).toBe(0);
      expect([state.split.availIndex, state.packed.lastAvailIdx, state.packed.lastAvailCounter]).toEqual([
        0, 0, 1,
      ]);
      expect(r.device.ops.suspend!()).toBe(0);
      expect(receive(r, R4)).toEqual([]);
      r.device.ops.resume!();
      r.fill(20, [64]);
      r.pump();
      const got = r.poll(0);
      expect(got).toHaveLength(20);
      expect(got.at(-1)!.len).toBe(38);
    }
  });

  it('delivers after running dry, in order', () => {
    for (const ring of [0n, F_RING_PACKED, F_EVENT_IDX]) {
      const r = rig(ring, {}, 32);
      const frames = Array.from({ length: 10 }, (_, i) => reply(t4(50 + i, '0000', '0000')));
      expect(receive(r, ...frames)).toEqual([]);
      r.fill(4, [256]);
      r.pump();
      r.fill(16, [256]);
      r.pump();
      expect(r.poll(0).map((one) => one.bytes.subarray(12, one.len))).toEqual(frames);
    }
  });

  it('gives useless buffers back empty', () => {
    for (const features of [0n, NET_F.MRG_RXBUF]) {
      const r = rig(features);
      r.post(0, [new Uint8Array(8)], []);
      r.fill(2, [11]);
      r.post(0, [new Uint8Array(16)], [512]);
      r.kick(0);
      expect(receive(r, R4).map((one) => one.len)).toEqual([0, 0, 0, 166]);
    }
  });

  it('returns a buffer that it may not write', () => {
    const r = rig(0n);
    r.rings[0].add([{ iova: 0xdead0000, len: 256, write: true }], { token: { areas: [], writable: [] } });
    r.fill(1, [256]);
    expect(receive(r, R4, R4).map((one) => one.len)).toEqual([0, 166]);
    expect(r.device.getStatus() & 64).toBe(0);
  });

  it('drops what arrives before DRIVER_OK, after reset, or without a carrier', () => {
    const r = new Rig();
    r.peer.send(R4);
    r.start(0n);
    r.fill(4, [256]);
    r.peer.link(false);
    expect(receive(r, R4)).toEqual([]);
    r.peer.link(true);
    expect(receive(r, R4)).toHaveLength(1);
    r.peer.send(R4);
    r.start(0n);
    r.fill(1, [256]);
    expect(receive(r)).toEqual([]);
  });

  it('enforces a negotiated MTU', () => {
    const r = rig(NET_F.MTU);
    r.fill(8, [4096]);
    const exact = [1472, 1473, 2472].map((size) => reply(u4(size, '0000', '0000')));
    expect(receive(r, ...exact, FENCE).map((one) => one.len! - 12)).toEqual([1514, 62]);
  });
});
