import { describe, expect, test } from 'vitest';
import { BLK_F, F_EVENT_IDX, F_RING_PACKED, F_VERSION_1, NET_F } from '../virtio-1.1/features.ts';
import { STATUS } from '../virtio-1.1/status.ts';
import { allowedStatuses } from './blk/status.ts';
import { followDevice } from './device.ts';
import type { HistoryEvent } from './events.ts';
import { classify } from './features.ts';
import { watchRings } from './rings/watch.ts';
import { askReset, initialStatus, readStatus, writeStatus } from './status.ts';

const op = (
  name: string,
  a: (number | string | boolean)[] = [],
  r?: number | string | boolean,
): HistoryEvent => ({
  k: 'op',
  op: name,
  a,
  ...(r === undefined ? {} : { r }),
});
const broken = (events: HistoryEvent[]) => followDevice(events, 'blk').map(({ requirement }) => requirement);

describe('status', () => {
  test('what the driver wrote reads back; FEATURES_OK may be refused', () => {
    const state = writeStatus(initialStatus, STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK);
    expect(readStatus(state, 11)[1]).toBeNull();
    expect(readStatus(state, 3)[1]).toBeNull();
    expect(readStatus(state, 1)[1]?.requirement).toBe('P1.1-019b');
  });

  test('the device sets no bit of its own but DEVICE_NEEDS_RESET', () => {
    const state = writeStatus(initialStatus, 1);
    expect(readStatus(state, 65)[1]).toBeNull();
    expect(readStatus(state, 5)[1]?.requirement).toBe('P1.1-019b');
  });

  test('after a reset the old status may show for a while, and then 0 for good', () => {
    const resetting = askReset(readStatus(writeStatus(initialStatus, 15), 15)[0]);
    const [still, breach] = readStatus(resetting, 15);
    expect(breach).toBeNull();
    const [done] = readStatus(still, 0);
    expect(readStatus(done, 15)[1]?.requirement).toBe('V1.1-2.1.2-D1');
  });

  test('a driver that clears bits frees the device from the rules until it resets', () => {
    const state = writeStatus(writeStatus(initialStatus, 15), 3);
    expect(readStatus(state, 0x80)[1]).toBeNull();
  });
});

describe('features', () => {
  const offered = F_VERSION_1 | F_EVENT_IDX | F_RING_PACKED | NET_F.CSUM | NET_F.HOST_TSO4;

  test('a closed subset with the baseline should be accepted', () => {
    expect(classify(offered, F_VERSION_1 | NET_F.CSUM, 'net')).toBe('should-accept');
    expect(classify(offered, F_VERSION_1 | F_RING_PACKED, 'net')).toBe('should-accept');
  });
  test('bits that were not offered, and open dependencies, must be refused', () => {
    expect(classify(offered, F_VERSION_1 | (1n << 50n), 'net')).toBe('must-refuse');
    expect(classify(offered, F_VERSION_1 | NET_F.HOST_TSO4, 'net')).toBe('must-refuse');
  });
  test('without VERSION_1 either is right', () => {
    expect(classify(offered, NET_F.CSUM, 'net')).toBe('may-do-either');
  });
  test('an offer that changes is a breach', () => {
    const events = [op('getDeviceFeatures', [], '0x100000000'), op('getDeviceFeatures', [], '0x300000000')];
    expect(broken(events)).toEqual(['V1.1-4.1.4.3.1-D3']);
  });
});

describe('configuration and positions', () => {
  test('a change moves the generation', () => {
    const change: HistoryEvent = { k: 'backend', what: 'change-config' };
    expect(broken([op('getGeneration', [], 7), change, op('getGeneration', [], 7)])).toEqual([
      'V1.1-4.1.4.3.1-D6',
    ]);
    expect(broken([op('getGeneration', [], 7), change, op('getGeneration', [], 8)])).toEqual([]);
  });
  test('a change of a running device is told while it is idle', () => {
    const up = [op('setConfigCb', [true]), op('setStatus', [15])];
    const change: HistoryEvent = { k: 'backend', what: 'change-config' };
    const idle: HistoryEvent = { k: 'pump', n: 0, idle: true };
    expect(broken([...up, change, idle])).toEqual(['P1.1-019c']);
    expect(broken([...up, change, { k: 'config-irq', status: 15 }, idle])).toEqual([]);
  });
  test('a suspended queue does not move', () => {
    const at = (position: string) => op('getVqState', [0, position], 0);
    expect(broken([op('suspend', [], 0), at('a'), at('a')])).toEqual([]);
    expect(broken([op('suspend', [], 0), at('a'), at('b')])).toEqual(['VDPA-033']);
  });
});

describe('block requests', () => {
  const discard = { type: 11, inRange: true };
  test('unknown flags are not supported, and neither is unmap for discard', () => {
    expect(allowedStatuses({ ...discard, flags: [0] }, BLK_F.DISCARD, BLK_F.DISCARD)).toEqual(['OK']);
    for (const flags of [1, 2, 0x80000000])
      expect(allowedStatuses({ ...discard, flags: [flags] }, BLK_F.DISCARD, BLK_F.DISCARD)).toEqual([
        'UNSUPP',
      ]);
  });
  test('a read-only disk answers writes with IOERR, whatever was negotiated', () => {
    expect(allowedStatuses({ type: 1, inRange: true, flags: [] }, BLK_F.RO, 0n)).toEqual(['IOERR']);
  });
  test('unknown types never succeed', () => {
    expect(allowedStatuses({ type: 0x7ffffff1, inRange: true, flags: [] }, 0n, 0n)).not.toContain('OK');
  });
});

/** One split queue of 4 at pa 0x1000 and one buffer b0: 16 bytes to read at 0x3000, 8 to write at 0x3100. */
function splitSession(...then: HistoryEvent[]): HistoryEvent[] {
  const area = (name: 'desc' | 'driver' | 'device', pa: number, size: number): HistoryEvent => ({
    k: 'area',
    q: 0,
    name,
    pa,
    iova: pa + 0x10000,
    size,
    num: 4,
    packed: false,
    features: '0x0',
  });
  return [
    { k: 'map', asid: 0, iova: 0x10000, pa: 0, size: 0x8000, perm: 3 },
    area('desc', 0x1000, 64),
    area('driver', 0x1100, 14),
    area('device', 0x1200, 38),
    op('setVqReady', [0, true]),
    op('setStatus', [15]),
    { k: 'add', q: 0, b: 0, id: 2, slots: 2, r: [[0x13000, 0x3000, 16]], w: [[0x13100, 0x3100, 8]] },
    { k: 'publish', q: 0, b: [0] },
    op('kickVq', [0]),
    ...then,
  ];
}

const rules = (...then: HistoryEvent[]) =>
  watchRings(splitSession(...then), 'blk').map(({ requirement }) => requirement);
const store = (pa: number, n: number, v?: number | number[]): HistoryEvent => ({
  k: 'store',
  pa,
  n,
  ...(v === undefined ? {} : { v }),
});
const data = store(0x3100, 8);
const used = (id: number, len: number) => store(0x1204, 8, [id, len]);
const publish = (idx: number) => store(0x1202, 2, idx);
const irq: HistoryEvent = { k: 'irq', q: 0 };
const idle: HistoryEvent = { k: 'pump', n: 1, idle: true };

describe('split ring and memory', () => {
  test('a right completion breaks nothing', () => {
    expect(rules(data, used(2, 8), publish(1), irq, idle)).toEqual([]);
  });
  test('used length counts only what was stored', () => {
    expect(rules(used(2, 8), publish(1), irq, idle)).toEqual(['V1.1-2.6.8.2-D2']);
    expect(rules(data, used(2, 24), publish(1), irq, idle)).toEqual(['V1.1-2.6.8.2-D2']);
  });
  test('the element is complete before the index covers it', () => {
    expect(rules(data, publish(1), used(2, 8), irq)[0]).toBe('V1.1-2.6.8.2-D1');
  });
  test('ids name outstanding heads, each once', () => {
    expect(rules(data, used(3, 8), publish(1), irq)).toContain('P1.1-016');
    expect(rules(data, used(2, 8), publish(1), irq, store(0x120c, 8, [2, 8]), publish(2))).not.toEqual([]);
  });
  test('stores outside what the buffer lets the device write are named', () => {
    expect(rules(store(0x3000, 4, 1))).toContain('V1.1-2.6.5.1-D1a');
    expect(rules(store(0x3108, 1, 1))).toContain('INV-WRITE-SCOPE');
    expect(rules(store(0x1100, 2, 1))).toContain('P1.1-017a');
    expect(rules(store(0x9000, 1, 1))).toContain('INV-MAPPING');
    expect(rules(data, used(2, 8), publish(1), irq, store(0x3100, 1, 0))).toContain('P1.1-017j');
  });
  test('an idle device holds nothing back and owes no notification', () => {
    expect(rules(idle)).toEqual(['P1.1-019f']);
    expect(rules(data, used(2, 8), publish(1), idle)).toEqual(['V1.1-2.6.7.2-D3']);
  });
  test('after a breach only memory safety is judged', () => {
    const breach: HistoryEvent = { k: 'breach', what: 'anything' };
    expect(rules(breach, used(3, 800), publish(9), idle)).toEqual([]);
    expect(rules(breach, store(0x3108, 1, 1))).toEqual(['INV-WRITE-SCOPE']);
  });
});
