import { describe, expect, it } from 'vitest';
import type { History } from '../conformance/history/history.ts';
import { bucketOf } from './bucket.ts';

const history = { events: [] } as unknown as History;

const bucket = (actual: string) =>
  bucketOf(
    { oracle: 'model', step: 0, requirement: 'V1.1-2.2.2-D2b', kind: 'broken', expected: '', actual },
    history,
  );

describe('hits of one bug are one finding', () => {
  it.each([
    ['in force: VIRTIO_BLK_F_FLUSH, bit 40, VIRTIO_F_VERSION_1', 'in force: bit 3, UNUSED_29'],
    ['byte 14: expected 5a c4 25 39, got eb b2 24', 'byte 0: expected 52 54, got a5 a5 a5 a5'],
    ['the same bytes: ffffff', 'the same bytes: 00ffff'],
    ['a store of 1 bytes at pa 0x9de', 'a store of 16 bytes at pa 0x1710'],
    ['the device is idle and holds b0', 'the device is idle and holds b1, b2'],
  ])('%s / %s', (one, other) => {
    expect(bucket(one)).toBe(bucket(other));
  });

  it('one feature by name makes a difference', () => {
    expect(bucket('VIRTIO_NET_F_CTRL_RX is set')).not.toBe(bucket('VIRTIO_NET_F_MQ is set'));
  });
});
