import { describe, expect, it } from 'vitest';
import { NET_F } from '../../../specs/virtio-1.1/features.ts';
import { R4 } from './test-frames.ts';
import { Rig, rig, toHex } from './test-rig.ts';

const FILTER = NET_F.CTRL_VQ | NET_F.CTRL_RX;

describe('the device', () => {
  it('describes itself', () => {
    const r = new Rig({ 'max-pairs': '2', mtu: '9000', mac: '020000000001' });
    expect(toHex(r.device.config.bytes)).toBe('0200000000010100 0200 2823'.replaceAll(' ', ''));
    expect(r.instance.facts).toEqual({ mac: '020000000001', mtu: 9000, maxVirtqueuePairs: 2 });
    expect([r.device.nvqs, r.device.ngroups, r.device.nas]).toEqual([5, 2, 2]);
    const small = new Rig({ without: 'NET_F_CTRL_VQ+NET_F_MTU' });
    expect([small.device.nvqs, small.device.getConfigSize(), small.device.ngroups]).toEqual([2, 8, 1]);
    small.device.setConfig(0, new Uint8Array(12).fill(0xff));
    expect(toHex(small.device.config.bytes)).toBe('5254001234560100');
    expect(() => new Rig({ mtu: '67' })).toThrow('mtu=67');
    expect(() => new Rig({ mac: '010000000001' })).toThrow('mac=');
    expect(() => new Rig({ pairs: '2' })).toThrow('unknown option');
  });

  it('is the same after reset', () => {
    const r = rig(FILTER | NET_F.MQ, {}, 64);
    r.control(0, 0, [1]);
    r.control(4, 0, [3, 0]);
    r.device.reset();
    expect([r.device.filter.promisc, r.device.steering.pairs, r.device.pairs]).toEqual([false, 1, 0]);
    r.fill(1, [256]);
    r.peer.send(R4);
    expect(r.pump()).toBe(1);
  });
});

describe('control buffers in another address space', () => {
  it('are reached through the group of the control queue', () => {
    const r = new Rig();
    r.device.ops.reset();
    expect(r.device.setGroupAsid(1, 1)).toBe(0);
    expect([r.device.translation.groupAsid[0], r.device.translation.groupAsid[1]]).toEqual([0, 1]);
    expect([0, 1, 2, 3].map((queue) => r.device.getVqGroup(queue))).toEqual([0, 0, 1, 0]);
  });
});
