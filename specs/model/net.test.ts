import { describe, expect, test } from 'vitest';
import { NET_F } from '../virtio-1.1/features.ts';
import { allowedAcks } from './net/control.ts';
import { applyFilter, type FilterState, initialFilter, RX_MODES, reception } from './net/filter.ts';
import { judgeBuffers, judgeHeader, type ReceivedHeader } from './net/packets.ts';

const HDR: ReceivedHeader = {
  flags: 0,
  gso_type: 0,
  hdr_len: 0,
  gso_size: 0,
  csum_start: 0,
  csum_offset: 0,
  num_buffers: 1,
};
const PLAIN = { headers: 54, cwr: false, sumGood: true };
const { GUEST_CSUM, GUEST_TSO4, GUEST_ECN, CTRL_RX, MQ } = NET_F;

describe('headers of received packets', () => {
  const rules = (features: bigint, hdr: Partial<ReceivedHeader>, frame = PLAIN) =>
    judgeHeader(features, { ...HDR, ...hdr }, frame).map(({ requirement }) => requirement);

  test('without GUEST_CSUM no flag is set', () => {
    expect(rules(0n, {})).toEqual([]);
    expect(rules(0n, { flags: 2 })).toEqual(['V1.1-5.1.6.4.1-D5a']);
    expect(rules(GUEST_CSUM, { flags: 2 })).toEqual([]);
  });

  test('a super-frame needs its feature, NEEDS_CSUM, a size and the length of its headers', () => {
    const right = { flags: 1, gso_type: 1, gso_size: 1400, hdr_len: 54 };
    expect(rules(GUEST_CSUM | GUEST_TSO4, right)).toEqual([]);
    expect(rules(GUEST_CSUM, right)).toEqual(['V1.1-5.1.6.4.1-D14']);
    expect(rules(GUEST_CSUM | NET_F.GUEST_TSO6, right)).toEqual(['V1.1-5.1.6.4.1-D6']);
    expect(rules(GUEST_CSUM | GUEST_TSO4, { ...right, flags: 0 })).toEqual(['V1.1-5.1.6.4.1-D15a']);
    expect(rules(GUEST_CSUM | GUEST_TSO4, { ...right, gso_size: 0 })).toEqual(['V1.1-5.1.6.4.1-D15b']);
    expect(rules(GUEST_CSUM | GUEST_TSO4, { ...right, hdr_len: 20 })).toEqual(['V1.1-5.1.6.4.1-D18']);
  });

  test('the ECN bit goes with CWR, and with GUEST_ECN', () => {
    const cwr = { ...PLAIN, cwr: true };
    const hdr = { flags: 1, gso_type: 1, gso_size: 1400, hdr_len: 54 };
    const features = GUEST_CSUM | GUEST_TSO4;
    expect(rules(features, hdr, cwr)).toEqual(['V1.1-5.1.6.4.1-D9a']);
    expect(rules(features | GUEST_ECN, hdr, cwr)).toEqual(['V1.1-5.1.6.4.1-D9b']);
    expect(rules(features | GUEST_ECN, { ...hdr, gso_type: 0x81 }, cwr)).toEqual([]);
  });

  test('DATA_VALID does not vouch for a wrong checksum', () => {
    expect(rules(GUEST_CSUM, { flags: 2 }, { ...PLAIN, sumGood: false })).toEqual(['V1.1-5.1.6.4.1-D19b']);
    expect(rules(GUEST_CSUM, { flags: 3 }, { ...PLAIN, sumGood: false })).toEqual([]);
  });

  test('buffers are counted and full', () => {
    const rulesOf = (mergeable: boolean, num_buffers: number, lens: number[], missing?: number) =>
      judgeBuffers(mergeable, { hdr: { ...HDR, num_buffers }, lens, rooms: [64, 64], missing }).map(
        ({ aspect, requirement }) => `${aspect} ${requirement}`,
      );
    expect(rulesOf(false, 1, [60])).toEqual([]);
    expect(rulesOf(false, 0, [60])).toEqual(['num_buffers V1.1-5.1.6.4.1-D1']);
    expect(rulesOf(true, 2, [64, 10])).toEqual([]);
    expect(rulesOf(true, 2, [60, 10])).toEqual(['lens V1.1-5.1.6.4.1-D3']);
    expect(rulesOf(true, 3, [64, 64], 1)).toEqual(['num_buffers V1.1-5.1.6.4.1-D2']);
  });
});

describe('the receive filter', () => {
  const own = '025000000001';
  const quiet = RX_MODES.reduce<FilterState>(
    (state, mode) => applyFilter(state, { mode, on: false }),
    initialFilter(own),
  );

  test('no mode is specified before the first command', () => {
    expect(reception(initialFilter(own), own).received).toEqual([true, false]);
  });

  test('own address, tables and broadcast come in, others do not', () => {
    const state = applyFilter(quiet, { unicast: ['020100010007'], multicast: ['01005e010007'] });
    for (const to of [own, '020100010007', '01005e010007', 'ffffffffffff'])
      expect(reception(state, to).received).toEqual([true]);
    for (const to of ['020100010006', '01005e010006']) {
      expect(reception(state, to)).toEqual({ received: [false], requirement: 'V1.1-5.1.6.5.2.1-D4' });
    }
  });

  test('PROMISC wins over all modes, those that hold back over those that let in', () => {
    const both = applyFilter(applyFilter(quiet, { mode: 'nomulti', on: true }), {
      mode: 'allmulti',
      on: true,
    });
    expect(reception(both, '01005e0000fb')).toEqual({
      received: [false],
      requirement: 'V1.1-5.1.6.5.1.1-D8',
    });
    const promisc = applyFilter(both, { mode: 'promisc', on: true });
    expect(reception(promisc, '01005e0000fb')).toEqual({
      received: [true],
      requirement: 'V1.1-5.1.6.5.1.1-D3',
    });
  });

  test('VLAN ids that were added come in; of others nothing is demanded', () => {
    const unset = { ...quiet, vlans: 'unset' as const };
    expect(reception(unset, own, 5).received).toEqual([true, false]);
    expect(reception(unset, own).received).toEqual([true]);
    const state = applyFilter(unset, { vlan: 5, add: true });
    expect(reception(state, own, 5).received).toEqual([true]);
    expect(reception(state, own, 6)).toMatchObject({ received: [true, false], better: false });
    expect(reception(applyFilter(state, { vlan: 5, add: false }), own, 5).received).toEqual([true, false]);
  });
});

describe('acks of control commands', () => {
  const acks = (kind: number, command: number, data: number[], features = CTRL_RX | MQ) =>
    allowedAcks({ class: kind, command, data }, { features, maxPairs: 4 });

  test('right commands succeed', () => {
    expect(acks(0, 0, [1])).toEqual({ acks: [0], requirement: 'V1.1-5.1.6.5.1.1-D1.1' });
    expect(acks(1, 0, [0, 0, 0, 0, 0, 0, 0, 0])).toEqual({ acks: [0], requirement: 'P1.1-027q' });
    expect(acks(4, 0, [4, 0])).toEqual({ acks: [0], requirement: 'P1.1-027t' });
  });

  test('wrong ones, and those of features that were not negotiated, may fail', () => {
    expect(acks(0, 0, [1, 0]).acks).toEqual([0, 1]);
    expect(acks(0, 2, [1]).acks).toEqual([0, 1]);
    expect(acks(4, 0, [5, 0]).acks).toEqual([0, 1]);
    expect(acks(1, 0, [2, 0, 0, 0]).acks).toEqual([0, 1]);
    expect(acks(127, 0, []).better).toBe(1);
  });
});
