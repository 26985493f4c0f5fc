import { describe, expect, it } from 'vitest';
import { NET_F } from '../../../specs/virtio-1.1/features.ts';
import { R4, R4_PARTIAL, reply, T4_SUPER, t4, tagged, u4 } from './test-frames.ts';
import { hex, rig, toHex } from './test-rig.ts';

const TSO4 = NET_F.CSUM | NET_F.HOST_TSO4;
const GUEST = NET_F.GUEST_CSUM | NET_F.GUEST_TSO4;

describe('receive offloads', () => {
  const meta = { needsCsum: true, csumStart: 34, csumOffset: 16 };
  const gso = { ...meta, gsoType: 'tcpv4' as const, gsoSize: 1400, hdrLen: 54 };
  const SUPER = reply(T4_SUPER);

  function got(
    features: bigint,
    frame: Uint8Array,
    about: object | undefined,
    options?: Record<string, string>,
  ) {
    const r = rig(features, options);
    r.fill(6, [8192]);
    r.peer.send(frame, about);
    r.pump();
    return r
      .poll(0)
      .map((one) => ({ header: toHex(one.bytes.subarray(0, 12)), frame: one.bytes.subarray(12, one.len) }));
  }

  it('completes partial checksums, or passes them on', () => {
    expect(got(0n, R4_PARTIAL, meta)).toEqual([{ header: '000000000000000000000100', frame: R4 }]);
    expect(got(NET_F.GUEST_CSUM, R4_PARTIAL, meta)).toEqual([
      { header: '010000000000220010000100', frame: R4_PARTIAL },
    ]);
    const vlan = tagged(7, R4_PARTIAL);
    expect(got(NET_F.GUEST_CSUM, vlan, { ...meta, csumStart: 38 })[0].header).toBe(
      '010000000000260010000100',
    );
  });

  it('cuts super-frames, or passes them on', () => {
    for (const features of [0n, NET_F.GUEST_CSUM, NET_F.GUEST_CSUM | NET_F.GUEST_TSO6]) {
      const segments = got(features, SUPER, gso);
      expect(segments.map((one) => [one.header.slice(0, 4), toHex(one.frame.subarray(50, 52))])).toEqual([
        ['0000', '4a5f'],
        ['0000', '3cdf'],
        ['0000', '5194'],
      ]);
    }
    expect(got(GUEST, SUPER, gso)).toEqual([{ header: '010136007805220010000100', frame: SUPER }]);
    expect(got(NET_F.GUEST_CSUM | NET_F.GUEST_UFO, SUPER, gso)).toHaveLength(3);
    const udp = { needsCsum: true, csumStart: 34, csumOffset: 6, gsoType: 'udp' as const, gsoSize: 1480 };
    expect(got(GUEST, reply(u4(3000, '0000', '1fd4')), udp)).toHaveLength(3);
    expect(got(NET_F.GUEST_CSUM | NET_F.GUEST_UFO, reply(u4(3000, '0000', '1fd4')), udp)[0].header).toBe(
      '01032a00c805220006000100',
    );
  });

  it('marks ECN, and cuts where the driver does not know it', () => {
    const frame = reply(t4(3000, '08e2', '1fd5', '90'));
    expect(got(GUEST, frame, { ...gso, ecn: true })).toHaveLength(3);
    expect(got(GUEST | NET_F.GUEST_ECN, frame, { ...gso, ecn: true })[0].header.slice(0, 4)).toBe('0181');
    expect(got(GUEST | NET_F.GUEST_ECN, SUPER, gso)[0].header.slice(0, 4)).toBe('0101');
  });

  it('vouches only when it looked', () => {
    const bad = R4.slice();
    bad[51] ^= 1;
    for (const frame of [R4, bad])
      expect(got(NET_F.GUEST_CSUM, frame, { dataValid: true })[0].header.slice(0, 2)).toBe('00');
    const options = { 'data-valid': 'yes' };
    expect(got(NET_F.GUEST_CSUM, R4, undefined, options)[0].header.slice(0, 2)).toBe('02');
    expect(got(NET_F.GUEST_CSUM, bad, undefined, options)[0].header.slice(0, 2)).toBe('00');
    expect(got(0n, R4, undefined, options)[0].header.slice(0, 2)).toBe('00');
  });

  it('reports segment counts with RSC_EXT', () => {
    const features = GUEST | TSO4 | NET_F.RSC_EXT;
    expect(got(features, SUPER, gso, { 'rsc-ext': 'yes' })[0].header).toBe('050136007805030000000100');
    expect(got(features, R4, undefined, { 'rsc-ext': 'yes' })[0].header.slice(0, 4)).toBe('0000');
    const udp = { needsCsum: true, csumStart: 34, csumOffset: 6, gsoType: 'udp' as const, gsoSize: 1480 };
    const datagram = reply(u4(3000, '0000', '1fd4'));
    expect(got(features | NET_F.GUEST_UFO, datagram, udp, { 'rsc-ext': 'yes' })).toHaveLength(3);
  });

  it('does not launder a bad super-frame', () => {
    const bad = reply(t4(3000, '08e2', '1234'));
    expect(got(GUEST, bad, { gsoType: 'tcpv4', gsoSize: 1400 })).toEqual([]);
  });

  it('follows the offloads command', () => {
    const r = rig(GUEST | NET_F.CTRL_VQ | NET_F.CTRL_GUEST_OFFLOADS);
    r.fill(12, [8192]);
    const set = (mask: string) => r.control(5, 0, [...hex(mask)]);
    const flags = (frame: Uint8Array, about: object) => {
      r.peer.send(frame, about);
      r.pump();
      return r.poll(0).map((one) => toHex(one.bytes.subarray(0, 2)));
    };
    expect(flags(SUPER, gso)).toEqual(['0101']);
    expect(set('0200000000000000')).toBe(0);
    expect(flags(SUPER, gso)).toEqual(['0000', '0000', '0000']);
    expect(flags(R4_PARTIAL, meta)).toEqual(['0100']);
    expect(set('0000000000000000')).toBe(0);
    expect(flags(R4_PARTIAL, meta)).toEqual(['0000']);
    for (const mask of ['0001000000000000', '0000000000000080', 'ffffffffffffffff', '8200'])
      expect(set(mask)).toBe(1);
    expect(set('8200000000000000')).toBe(0);
    expect(flags(SUPER, gso)).toEqual(['0101']);
  });
});
