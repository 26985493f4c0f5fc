import { describe, expect, it } from 'vitest';
import { F_IN_ORDER, F_RING_PACKED, NET_F } from '../../../specs/virtio-1.1/features.ts';
import { NET_OFFER } from './parent.ts';
import { DEV, H, R4, T4, T4_SUPER, t6, tagged, u4 } from './test-frames.ts';
import { concat, hex, Rig, receive } from './test-rig.ts';

const ALL = Object.values(NET_F).reduce((sum, bit) => sum | bit, 0n) & NET_OFFER;
const FRAMES = [T4, T4_SUPER, t6(3000, '05d7'), u4(3000, '0000', '1fd4'), tagged(5, T4)];
const HEADERS = Object.values(H);

/** A small generator, so that every run is the same. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
}

/** Bytes with a few of them changed, and maybe the end missing. */
function damaged(bytes: Uint8Array, next: (below: number) => number): Uint8Array {
  const out = bytes.slice(0, next(4) === 0 ? next(bytes.length + 1) : bytes.length);
  for (let i = next(6); i > 0 && out.length > 0; i--) out[next(Math.min(out.length, 90))] = next(256);
  return out;
}

describe('a device that is fed garbage', () => {
  it.each([0n, F_RING_PACKED, F_IN_ORDER, F_RING_PACKED | F_IN_ORDER])(
    'gives every buffer back: %s',
    (ring) => {
      const next = random(Number(ring % 1009n) + 7);
      const r = new Rig({}, 1 << 23);
      let delivered = 0;
      for (let round = 0; round < 60; round++) {
        const drop =
          BigInt(next(2)) * NET_F.MRG_RXBUF + BigInt(next(2)) * NET_F.MTU + BigInt(next(2)) * NET_F.MQ;
        r.start((ALL & ~drop) | ring, 64);
        const control = r.device.controlAt;
        if (next(2) === 0) r.peer.accept(['csum', 'tso4', 'tso6', 'ufo', 'ecn'].slice(next(5)) as 'csum'[]);
        else r.peer.accept([]);
        r.control(0, 0, [1]);
        for (let i = 0; i < 12; i++) r.post(0, [], [12 + next(90), 1 + next(3000)]);
        r.kick(0);
        let expected = 0;
        for (let i = 0; i < 12; i++) {
          const packet = concat([HEADERS[next(HEADERS.length)], FRAMES[next(FRAMES.length)]]);
          r.post(1, [damaged(packet, next), new Uint8Array(1 + next(9))], next(3) === 0 ? [8] : []);
          const data = Uint8Array.from({ length: 1 + next(24) }, () => next(next(2) === 0 ? 3 : 256));
          r.post(control, [Uint8Array.of(next(7), next(3)), data], next(5) === 0 ? [] : [1 + next(2)], 0xee);
          expected++;
          const meta = {
            needsCsum: next(2) === 0,
            csumStart: next(80),
            csumOffset: next(20),
            gsoSize: next(1600),
          };
          const gsoType = (['none', 'tcpv4', 'tcpv6', 'udp'] as const)[next(4)];
          r.peer.send(
            damaged(FRAMES[next(FRAMES.length)], next),
            next(2) === 0 ? { ...meta, gsoType } : undefined,
          );
        }
        r.kick(1);
        r.kick(control);
        r.pump();
        expect(r.device.getStatus()).toBe(15);
        expect(r.poll(1)).toHaveLength(expected);
        expect(r.poll(control)).toHaveLength(expected);
        for (let used = r.rings[0].poll(); used !== null; used = r.rings[0].poll()) {
          expect(used.known).toBe(true);
          delivered++;
        }
        r.peer.take();
      }
      expect(delivered).toBeGreaterThan(200);
      r.start(ring, 16);
      r.fill(1, [256]);
      expect(r.send(H.none, T4)).toEqual([T4]);
      expect(receive(r, concat([DEV, R4.subarray(6)]))).toHaveLength(1);
    },
  );

  it('can be told to be wrong by replacing one method', () => {
    const r = new Rig().start(NET_F.CSUM | NET_F.HOST_TSO4);
    r.device.rx.numBuffers = () => 0;
    r.device.tx.segmenter.segmentCount = (payload, size) => Math.floor(payload / size) + 1;
    r.fill(1, [256]);
    expect(receive(r, R4)[0].bytes.subarray(10, 12)).toEqual(hex('0000'));
    const size = H.tso4.slice();
    size.set(hex('dc05'), 4);
    expect(r.send(size, T4_SUPER)).toHaveLength(3);
    const right = new Rig().start(NET_F.CSUM | NET_F.HOST_TSO4);
    expect(right.send(size, T4_SUPER)).toHaveLength(2);
  });
});
