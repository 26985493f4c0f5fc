import { describe, expect, it } from 'vitest';
import { F_INDIRECT_DESC, F_RING_PACKED, NET_F } from '../../../specs/virtio-1.1/features.ts';
import { R4, to } from './test-frames.ts';
import { concat, hex, receive, rig, toHex } from './test-rig.ts';

const FILTER = NET_F.CTRL_VQ | NET_F.CTRL_RX;

describe('control', () => {
  const all = FILTER | NET_F.CTRL_RX_EXTRA | NET_F.CTRL_VLAN | NET_F.CTRL_MAC_ADDR;

  it.each([[[]], [[2]], [[1, 1, 1]], [[1]]])('takes any framing: %j', (cut) => {
    for (const ring of [0n, F_RING_PACKED, F_INDIRECT_DESC]) {
      const r = rig(all | ring);
      expect(r.control(0, 0, [1], cut)).toBe(0);
      expect(r.device.filter.promisc).toBe(true);
      expect(r.control(0, 0, [0], cut)).toBe(0);
      expect(r.control(1, 1, [...hex('020000000011')], [...cut, 1, 1])).toBe(0);
    }
  });

  it('answers errors and changes nothing', () => {
    const r = rig(all);
    const before = JSON.stringify([r.device.filter, [...r.device.config.bytes]]);
    const wrong: [number, number, number[]][] = [
      [0x7f, 0, [1]],
      [0, 6, [1]],
      [0, 0, []],
      [0, 0, [1, 1]],
      [0, 0, [2]],
      [1, 1, [1, 2, 3, 4, 5]],
      [1, 1, [1, 2, 3, 4, 5, 6, 7]],
      [1, 2, [0, 0, 0, 0, 0, 0]],
      [1, 0, []],
      [1, 0, [0, 0, 0, 0]],
      [1, 0, [...hex('02000000 020000000011 00000000')]],
      [1, 0, [...hex('01000000 020000000011')]],
      [1, 0, [...hex('01000000 020000000011 00000000 000000')]],
      [1, 0, [...hex('abaaaa2a 020000000011 00000000')]],
      [1, 0, [...hex('ffffffff 020000000011 00000000')]],
      [2, 0, [0, 0x10]],
      [2, 0, [5]],
      [2, 2, [5, 0]],
      [3, 0, []],
      [4, 0, [1, 0]],
      [5, 0, [0, 0, 0, 0, 0, 0, 0, 0]],
    ];
    for (const [class_, command, data] of wrong) expect(r.control(class_, command, data)).toBe(1);
    expect(JSON.stringify([r.device.filter, [...r.device.config.bytes]])).toBe(before);
  });

  it('survives buffers without sense', () => {
    const r = rig(all);
    r.post(2, [], [1], 0xee);
    r.post(2, [Uint8Array.of(0)], [1], 0xee);
    r.post(2, [Uint8Array.of(0, 0, 1)], []);
    r.post(2, [Uint8Array.of(0, 0, 1)], [4], 0xee);
    r.post(2, [new Uint8Array(100_000)], [1], 0xee);
    r.kick(2);
    r.pump();
    expect(r.poll(2).map((one) => [one.len, toHex(one.bytes)])).toEqual([
      [1, '01'],
      [1, '01'],
      [0, ''],
      [1, '00eeeeee'],
      [1, '01'],
    ]);
  });

  it('sets both tables, as a whole and at once', () => {
    const r = rig(all);
    r.fill(8, [256]);
    const foreign = ['020000000077', '01005e0000fb', '0200000000aa'].map((mac) => to(mac, R4));
    expect(receive(r, ...foreign)).toEqual([]);
    const table = '01000000 020000000077 01000000 01005e0000fb';
    expect(r.control(1, 0, [...hex(table)], [2, 3, 5, 4])).toBe(0);
    expect(receive(r, ...foreign)).toHaveLength(2);
    expect(r.control(1, 0, [...hex('01000000 0200000000aa 00000000')])).toBe(0);
    expect(receive(r, ...foreign)).toHaveLength(1);
    const many = concat([
      hex('e8030000'),
      ...Array.from({ length: 1000 }, (_, i) => hex(`0200000f${(i + 4096).toString(16)}`)),
      hex('00000000'),
    ]);
    expect(r.control(1, 0, [...many])).toBe(0);
    expect(receive(r, to('0200000f13e7', R4))).toHaveLength(1);
    r.start(all);
    r.fill(4, [256]);
    expect(receive(r, to('0200000f13e7', R4), R4)).toHaveLength(1);
  });

  it('moves the address', () => {
    const r = rig(all | NET_F.MAC);
    r.fill(4, [256]);
    const generation = r.device.getGeneration();
    expect(r.control(1, 1, [...hex('020000aa00bb')])).toBe(0);
    expect(toHex(r.device.config.bytes.subarray(0, 6))).toBe('020000aa00bb');
    expect(r.device.getGeneration()).not.toBe(generation);
    expect(receive(r, R4, to('020000aa00bb', R4)).map((one) => one.bytes[12])).toEqual([2]);
    r.device.reset();
    expect(toHex(r.device.config.bytes.subarray(0, 6))).toBe('525400123456');
  });

  it('announces', () => {
    const r = rig(FILTER | NET_F.GUEST_ANNOUNCE | NET_F.STATUS);
    for (let i = 1; i < 3; i++) {
      r.peer.announce();
      expect([r.configInterrupts, r.device.config.bytes[6]]).toEqual([i, 3]);
      expect(r.control(3, 0)).toBe(0);
      expect(r.device.config.bytes[6]).toBe(1);
    }
    r.peer.link(false);
    expect([r.configInterrupts, r.device.config.bytes[6]]).toEqual([3, 0]);
    r.device.suspend();
    r.peer.announce();
    r.peer.link(true);
    expect(r.device.config.bytes[6]).toBe(0);
    r.device.resume();
    expect(r.device.config.bytes[6]).toBe(3);
    r.device.reset();
    expect(r.device.config.bytes[6]).toBe(1);
    const plain = rig(FILTER | NET_F.STATUS);
    plain.peer.announce();
    expect([plain.configInterrupts, plain.device.config.bytes[6]]).toEqual([0, 1]);
  });
});
