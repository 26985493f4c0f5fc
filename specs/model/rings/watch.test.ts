import { describe, expect, it } from 'vitest';
import type { HistoryEvent } from '../events.ts';
import { watchRings } from './watch.ts';

const area = (name: 'desc' | 'driver' | 'device', pa: number, size: number): HistoryEvent => ({
  k: 'area',
  q: 0,
  name,
  pa,
  iova: pa,
  size,
  num: 4,
  packed: false,
  features: '0x100000000',
});
const op = (name: string, ...a: unknown[]) => ({ k: 'op', op: name, a, r: 0 }) as unknown as HistoryEvent;
const store = (pa: number, n: number, v?: number): HistoryEvent => ({ k: 'store', pa, n, v });

/** A split ring of 4 with its used ring at 0x300, ready, with one writable buffer of 64 bytes at 0x400. */
const ready: HistoryEvent[] = [
  { k: 'map', asid: 0, iova: 0, pa: 0, size: 0x1000, perm: 3 },
  area('desc', 0x100, 64),
  area('driver', 0x200, 14),
  area('device', 0x300, 38),
  op('setVqCb', 0, true),
  op('setVqReady', 0, true),
  { k: 'add', q: 0, b: 0, id: 0, slots: 1, r: [], w: [[0x400, 0x400, 64]] },
  { k: 'publish', q: 0, b: [0] },
];
const session: HistoryEvent[] = [...ready, op('setStatus', 15), op('reset'), { k: 'reset-done' }];
const rules = (events: HistoryEvent[]) => watchRings(events, 'blk').map(({ requirement }) => requirement);

describe('before DRIVER_OK', () => {
  it('a device may say which kicks it wants', () => {
    expect(rules([...ready, store(0x300, 2, 1), store(0x324, 2, 7)])).toEqual([]);
  });

  it('a device uses no buffer and tells of none', () => {
    const D2 = 'V1.1-2.1.2-D2';
    expect(rules([...ready, store(0x400, 4)])).toEqual([D2]);
    expect(rules([...ready, store(0x304, 8), store(0x302, 2, 1), { k: 'irq', q: 0 }])).toEqual([D2, D2, D2]);
  });

  it('a queue that is not ready is left alone', () => {
    expect(rules([...ready, op('setVqReady', 0, false), store(0x300, 2, 1)])).toEqual(['V1.1-2.1.2-D2']);
  });
});

describe('after a reset', () => {
  it('a notification is late as long as there is nothing new that it could be for', () => {
    expect(rules([...session, { k: 'irq', q: 0, old: true }])).toEqual(['P1.1-019a']);
    expect(rules([...session, { k: 'irq', q: 0 }])).toEqual(['P1.1-019a']);
  });

  it('a notification for buffers of the new session comes too early', () => {
    expect(rules([...session, ...ready, { k: 'irq', q: 0 }])).toEqual(['V1.1-2.1.2-D2']);
    expect(rules([...session, ...ready, { k: 'irq', q: 0, old: true }])).toEqual(['P1.1-019a']);
  });
});
