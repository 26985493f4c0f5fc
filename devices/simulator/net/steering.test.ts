import { describe, expect, it } from 'vitest';
import { NET_F } from '../../../specs/virtio-1.1/features.ts';
import { H, reply, T4 } from './test-frames.ts';
import { type Rig, rig } from './test-rig.ts';

describe('multiqueue', () => {
  const MQ = NET_F.CTRL_VQ | NET_F.MQ;
  const flow = (i: number, frame = T4) => {
    const one = frame.slice();
    one[34] = 0x20;
    one[35] = i;
    return one;
  };
  const perQueue = (r: Rig) => [0, 2, 4, 6].map((queue) => r.poll(queue).length);

  it('has its control queue at the end only with MQ', () => {
    expect(rig(MQ).device.controlAt).toBe(8);
    expect(rig(NET_F.CTRL_VQ).device.controlAt).toBe(2);
    expect(rig(0n).device.controlAt).toBe(-1);
    expect(rig(MQ | NET_F.CTRL_RX).control(0, 0, [1])).toBe(0);
    const r = rig(MQ);
    expect([2, 8].map((queue) => r.device.getVqGroup(queue))).toEqual([0, 1]);
  });

  it('uses the first queue until told otherwise', () => {
    const r = rig(MQ, {}, 128);
    for (const queue of [0, 2, 4, 6]) r.fill(80, [256], queue);
    for (let i = 0; i < 64; i++) r.peer.send(reply(flow(i)));
    r.pump();
    expect(perQueue(r)).toEqual([64, 0, 0, 0]);
  });

  it('steers replies to the pair of the flow, and within the pairs in use', () => {
    const r = rig(MQ, {}, 128);
    for (const queue of [0, 2, 4, 6]) r.fill(100, [256], queue);
    expect(r.control(4, 0, [4, 0])).toBe(0);
    for (let i = 0; i < 16; i++) r.send(H.none, flow(i), [], 2 * (i % 4) + 1);
    for (let i = 0; i < 16; i++) r.peer.send(reply(flow(i)));
    r.pump();
    expect(perQueue(r)).toEqual([4, 4, 4, 4]);
    for (let i = 0; i < 16; i++) r.send(H.none, flow(i), [], 5);
    for (let i = 0; i < 16; i++) r.peer.send(reply(flow(i)));
    r.pump();
    expect(perQueue(r)).toEqual([0, 0, 16, 0]);
    expect(r.control(4, 0, [2, 0])).toBe(0);
    for (let i = 0; i < 64; i++) r.peer.send(reply(flow(i)));
    r.pump();
    const [one, two, ...none] = perQueue(r);
    expect([one + two, none]).toEqual([64, [0, 0]]);
    for (const pairs of [0, 5, 0x8000]) expect(r.control(4, 0, [pairs & 0xff, pairs >> 8])).toBe(1);
    expect(r.device.steering.pairs).toBe(2);
  });

  it('takes waiting frames along when pairs go', () => {
    const r = rig(MQ, {}, 128);
    expect(r.control(4, 0, [4, 0])).toBe(0);
    for (let i = 0; i < 32; i++) r.peer.send(reply(flow(i)));
    r.pump();
    expect(r.control(4, 0, [1, 0])).toBe(0);
    for (const queue of [0, 2, 4, 6]) r.fill(40, [256], queue);
    r.pump();
    const got = r.poll(0);
    expect(got.map((one) => one.bytes[12 + 37])).toEqual(Array.from({ length: 32 }, (_, i) => i));
    expect(perQueue(r)).toEqual([0, 0, 0, 0]);
  });
});
