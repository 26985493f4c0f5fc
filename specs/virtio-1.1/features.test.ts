import { describe, expect, it } from 'vitest';
import * as features from './features.ts';
import {
  BLK_F,
  bitMask,
  closestName,
  FEATURES,
  type FeatureBit,
  featureByName,
  NET_F,
  namesOf,
  unmetDependencies,
  VIRTIO_NET_F_CTRL_RX_EXTRA_BIT,
  withDependencies,
} from './features.ts';

const rows: readonly FeatureBit[] = FEATURES;

describe('feature table', () => {
  it('has 67 rows with a number from 1.1 and CTRL_RX_EXTRA with the de-facto one', () => {
    expect(rows).toHaveLength(67 + 1);
    const extra = featureByName('VIRTIO_NET_F_CTRL_RX_EXTRA');
    expect(extra.bit).toBe(VIRTIO_NET_F_CTRL_RX_EXTRA_BIT);
    expect(extra.note).toContain('no number');
  });

  it.each([
    ['common', 9],
    ['legacy', 3],
    ['net', 24],
    ['net-legacy', 3],
    ['blk', 10],
    ['blk-legacy', 2],
    ['console', 3],
    ['balloon', 3],
    ['scsi', 4],
    ['gpu', 2],
    ['crypto', 5],
    ['socket', 0],
  ] as const)('holds the %s bits', (scope, count) => {
    expect(rows.filter((row) => row.scope === scope)).toHaveLength(count);
  });

  it('repeats no name and no bit that one device could show twice', () => {
    expect(new Set(rows.map((row) => row.name)).size).toBe(rows.length);
    const places = rows.map((row) => `${row.scope.replace('-legacy', '')}:${row.bit}`);
    expect(new Set(places).size).toBe(rows.length);
    const shared = new Set(rows.filter((row) => /^(common|legacy)$/.test(row.scope)).map((row) => row.bit));
    const own = rows.filter((row) => !/^(common|legacy)$/.test(row.scope));
    expect(own.filter((row) => shared.has(row.bit))).toEqual([]);
  });

  it('requires only names of the same device', () => {
    for (const row of rows) {
      for (const name of row.requires.flat()) expect(featureByName(name).scope).toBe(row.scope);
    }
  });

  it('agrees with the exported masks', () => {
    const prefixes = { net: NET_F, blk: BLK_F } as const;
    for (const [scope, masks] of Object.entries(prefixes)) {
      const table = rows.filter((row) => row.scope === scope);
      const expected = table.map((row) => [row.name.replace(/^VIRTIO_[A-Z]+_F_/, ''), 1n << BigInt(row.bit)]);
      expect(masks).toEqual(Object.fromEntries(expected));
    }
    const exported: Record<string, unknown> = { ...features };
    const common = rows.filter((row) => row.scope === 'common');
    for (const row of common) {
      const constant = row.name.replace('VIRTIO_', '');
      expect(exported[constant]).toBe(1n << BigInt(row.bit));
    }
  });
});

describe('featureByName', () => {
  it.each([
    ['VIRTIO_NET_F_CSUM', 'VIRTIO_NET_F_CSUM'],
    ['NET_F_CSUM', 'VIRTIO_NET_F_CSUM'],
    ['F_VERSION_1', 'VIRTIO_F_VERSION_1'],
    ['VERSION_1', 'VIRTIO_F_VERSION_1'],
    ['EVENT_IDX', 'VIRTIO_F_EVENT_IDX'],
    ['RING_PACKED', 'VIRTIO_F_RING_PACKED'],
    ['RING_EVENT_IDX', 'VIRTIO_F_EVENT_IDX'],
    ['VIRTIO_F_RING_INDIRECT_DESC', 'VIRTIO_F_INDIRECT_DESC'],
    ['net.CSUM', 'VIRTIO_NET_F_CSUM'],
    ['net.GSO', 'VIRTIO_NET_F_GSO'],
    ['blk.FLUSH', 'VIRTIO_BLK_F_FLUSH'],
    ['common.IN_ORDER', 'VIRTIO_F_IN_ORDER'],
    ['UNUSED_30', 'UNUSED_30'],
  ])('takes %s', (spelling, name) => {
    expect(featureByName(spelling).name).toBe(name);
  });

  it.each([
    ['VIRTIO_NET_F_CSMU', 'VIRTIO_NET_F_CSUM'],
    ['CTRL_VQ', 'VIRTIO_NET_F_CTRL_VQ'],
    ['net.csum', 'VIRTIO_NET_F_CSUM'],
    ['blk.FLUHS', 'VIRTIO_BLK_F_FLUSH'],
    ['VERSION_2', 'VIRTIO_F_VERSION_1'],
  ])('suggests a name for %s', (wrong, right) => {
    expect(() => featureByName(wrong)).toThrow(RangeError);
    expect(() => featureByName(wrong)).toThrow(`did you mean ${right}?`);
  });

  it('suggests nothing when nothing is close', () => {
    expect(() => featureByName('qqqqqqqqqqqq')).toThrow(/"qqqqqqqqqqqq"$/);
    expect(closestName('toString', [])).toBeUndefined();
    expect(() => featureByName('toString')).toThrow(RangeError);
    expect(() => featureByName('')).toThrow(RangeError);
  });
});

describe('masks', () => {
  it('turns names into a mask and back', () => {
    const mask = bitMask(['net.CSUM', 'net.STANDBY', 'VERSION_1']);
    expect(mask).toBe((1n << 0n) | (1n << 62n) | (1n << 32n));
    expect(namesOf(mask, 'net')).toEqual(['VIRTIO_NET_F_CSUM', 'VIRTIO_F_VERSION_1', 'VIRTIO_NET_F_STANDBY']);
    expect(bitMask([])).toBe(0n);
    expect(namesOf(0n, 'net')).toEqual([]);
  });

  it('names a bit by the device at hand', () => {
    expect(namesOf(1n << 1n, 'blk')).toEqual(['VIRTIO_BLK_F_SIZE_MAX']);
    expect(namesOf(1n << 1n, 'socket')).toEqual(['bit 1']);
    expect(namesOf(1n << 41n, 'net')).toEqual(['VIRTIO_NET_F_GUEST_RSC4']);
    expect(namesOf((1n << 24n) | (1n << 40n) | (1n << 70n), 'blk')).toEqual([
      'VIRTIO_F_NOTIFY_ON_EMPTY',
      'bit 40',
      'bit 70',
    ]);
    expect(() => namesOf(-1n, 'net')).toThrow(RangeError);
  });
});

describe('dependencies', () => {
  it('reports an open group with its alternatives', () => {
    expect(unmetDependencies(NET_F.HOST_ECN, 'net')).toEqual([
      { feature: 'VIRTIO_NET_F_HOST_ECN', needs: ['VIRTIO_NET_F_HOST_TSO4', 'VIRTIO_NET_F_HOST_TSO6'] },
    ]);
    expect(unmetDependencies(NET_F.HOST_ECN | NET_F.HOST_TSO6 | NET_F.CSUM, 'net')).toEqual([]);
  });

  it('counts neither an offer rule nor a transport condition', () => {
    expect(unmetDependencies(BLK_F.CONFIG_WCE, 'blk')).toEqual([]);
    expect(unmetDependencies(features.F_SR_IOV, 'net')).toEqual([]);
  });

  it('reads the same bit number by scope', () => {
    expect(unmetDependencies(1n << 11n, 'net')).toHaveLength(1);
    expect(unmetDependencies(1n << 11n, 'blk')).toEqual([]);
    expect(unmetDependencies(1n << 2n, 'crypto')).toEqual([
      { feature: 'VIRTIO_CRYPTO_F_HASH_STATELESS_MODE', needs: ['VIRTIO_CRYPTO_F_REVISION_1'] },
    ]);
  });

  it('closes over several steps with the first alternative', () => {
    const closed = withDependencies(NET_F.GUEST_ECN, 'net');
    expect(closed).toBe(NET_F.GUEST_ECN | NET_F.GUEST_TSO4 | NET_F.GUEST_CSUM);
    const other = NET_F.GUEST_ECN | NET_F.GUEST_TSO6;
    expect(withDependencies(other, 'net')).toBe(other | NET_F.GUEST_CSUM);
  });

  it('closes every single bit and then leaves it alone', () => {
    for (const row of rows) {
      const mask = 1n << BigInt(row.bit);
      const closed = withDependencies(mask, row.scope);
      expect(closed & mask).toBe(mask);
      expect(unmetDependencies(closed, row.scope)).toEqual([]);
      expect(withDependencies(closed, row.scope)).toBe(closed);
    }
  });
});
