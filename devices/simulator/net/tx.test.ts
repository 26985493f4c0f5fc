import { describe, expect, it } from 'vitest';
import { F_EVENT_IDX, F_IN_ORDER, F_RING_PACKED, NET_F } from '../../../specs/virtio-1.1/features.ts';
import { H, T4, T4_PARTIAL, T4_SUPER, t4, t6, u4 } from './test-frames.ts';
import { concat, hex, rig, toHex } from './test-rig.ts';

const TSO4 = NET_F.CSUM | NET_F.HOST_TSO4;

describe('transmission', () => {
  it.each([[[]], [[12]], [[5, 7]], [[14]], [[4, 4, 4, 30]], [[62, 1, 1]]])(
    'sums T4 in layout %j',
    (layout) => {
      for (const ring of [0n, F_RING_PACKED, F_RING_PACKED | F_IN_ORDER, F_EVENT_IDX])
        expect(rig(NET_F.CSUM | ring).send(H.csum4, T4_PARTIAL, layout)).toEqual([T4]);
    },
  );

  it('sums the other vectors, and ignores unknown flags', () => {
    const r = rig(NET_F.CSUM);
    expect(r.send(H.csum6, t6(100, 'fa82'))).toEqual([t6(100, 'f99a')]);
    expect(r.send(H.csumU, u4(100, '0000', '1480'))).toEqual([u4(100, '0000', '3005')]);
    const flags = H.csum4.slice();
    flags[0] = 0xf9;
    expect(r.send(flags, T4_PARTIAL)).toEqual([T4]);
  });

  it('uses csum fields with NEEDS_CSUM only', () => {
    const r = rig(NET_F.CSUM);
    for (const fields of ['22001000', '36002000', '00009900', 'ffffffff', '99000100'])
      for (const flags of ['00', '08', 'f8'])
        expect(r.send(hex(`${flags}0000000000${fields}0000`), T4)).toEqual([T4]);
    expect(rig(0n).send(H.csum4, T4_PARTIAL)).toEqual([T4_PARTIAL]);
  });

  it.each([0, 1, 13, 53, 55, 1400, 3055, 0xffff])('segments whatever hdr_len is: %i', (hdrLen) => {
    const header = H.tso4.slice();
    header[2] = hdrLen & 0xff;
    header[3] = hdrLen >> 8;
    const r = rig(TSO4);
    const got = r.send(header, T4_SUPER, [7]);
    expect(got.map((one) => [one.length, toHex(one.subarray(50, 52))])).toEqual([
      [1454, '4a5f'],
      [1454, '3cdf'],
      [254, '5194'],
    ]);
    r.peer.accept(['csum', 'tso4']);
    r.post(1, [header, T4_SUPER], []);
    r.kick(1);
    r.pump();
    expect(r.peer.take()).toEqual([
      {
        bytes: T4_SUPER,
        queue: 1,
        meta: {
          needsCsum: true,
          csumStart: 34,
          csumOffset: 16,
          gsoType: 'tcpv4',
          ecn: false,
          gsoSize: 1400,
          hdrLen: 54,
        },
      },
    ]);
  });

  it('segments ECN, TSO6 and UFO', () => {
    const all = TSO4 | NET_F.HOST_TSO6 | NET_F.HOST_ECN | NET_F.HOST_UFO;
    expect(rig(all).send(H.tso4e, t4(3000, '08e2', '1fd5', '90'))).toHaveLength(3);
    expect(rig(all).send(H.tso6, t6(3000, '05d7'))).toHaveLength(3);
    expect(rig(all).send(H.ufo, u4(3000, '0000', '1fd4'))).toHaveLength(3);
  });

  it('forwards what it cannot or may not cut as it is', () => {
    const r = rig(TSO4);
    for (const [header, frame] of [
      [hex('00 03 2a00 c805 2200 0600 0000'), u4(3000, '0000', '36b2')],
      [hex('00 04 4a00 7805 3600 1000 0000'), t6(3000, '0000')],
      [hex('00 7f 3600 7805 2200 1000 ffff'), T4],
      [hex('00 01 3600 0000 2200 1000 0700'), T4],
    ])
      expect(r.send(header, frame)).toEqual([frame]);
    expect(rig(0n).send(H.tso4, T4_SUPER)).toEqual([T4_SUPER]);
  });

  it('returns every odd buffer and goes on', () => {
    for (const features of [TSO4, TSO4 | F_RING_PACKED]) {
      const r = rig(features);
      for (const size of [1, 11, 12, 13, 25])
        expect(r.send(new Uint8Array(0), new Uint8Array(size).fill(255))).toEqual([]);
      r.post(1, [concat([H.none, T4])], [64]);
      r.post(1, [], [64]);
      r.post(1, [new Uint8Array(1 << 20)], []);
      r.kick(1);
      r.pump();
      expect(r.poll(1).map((one) => one.len)).toEqual([0, 0, 0]);
      expect(r.peer.take().map((one) => one.bytes)).toEqual([T4]);
      const tiny = H.tso4.slice();
      tiny[4] = 1;
      tiny[5] = 0;
      expect(r.send(tiny, t4(65_483, '0000', '0000'))).toHaveLength(65_483);
    }
  });

  it('holds frames back while the peer is stalled, and drops them without a carrier', () => {
    const r = rig(0n);
    r.peer.stall(true);
    r.post(1, [H.none, T4], []);
    r.kick(1);
    expect(r.pump()).toBe(0);
    expect(r.poll(1)).toEqual([]);
    r.peer.stall(false);
    r.pump();
    expect(r.poll(1)).toHaveLength(1);
    expect(r.peer.take()).toHaveLength(1);
    r.peer.link(false);
    expect(r.send(H.none, T4)).toEqual([]);
  });
});
