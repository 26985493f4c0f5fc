import fc from 'fast-check';
import { expect, test } from 'vitest';
import { initialVqState, type VqStatePacked } from '../../device.ts';
import type { DeviceBuffer } from './ring.ts';
import {
  content,
  DATA,
  DESC,
  DEVICE,
  DRIVER,
  INDIRECT,
  IOVA,
  NEXT,
  RingFixture,
  refusal,
  ringError,
  TABLE,
  WRITE,
} from './ring-fixture.ts';

const AVAIL = 0x80;
const USED = 0x8000;

class PackedFixture extends RingFixture {
  /** Make slot `i` available in a lap with driver wrap counter `wrap`. */
  d(i: number, wrap: number, flags: number, id: number, len = 64, addr = IOVA + DATA + 0x100 * i): void {
    this.desc(DESC + 16 * i, addr, len, id, flags | (wrap ? AVAIL : USED));
  }
  /** Entry `i` of the indirect table. */
  t(i: number, flags: number, id = 0, len = 32): void {
    this.desc(TABLE + 16 * i, IOVA + DATA + 0x100 * i, len, id, flags);
  }
  /** Id, length and flags of slot `i`. */
  used(i: number): [number, number, number] {
    const at = DESC + 16 * i;
    return [this.get16(at + 12), this.get32(at + 8), this.get16(at + 14)];
  }
}

const at = (i: number): number => IOVA + DATA + 0x100 * i;
const lap = (wrap: number): number => (wrap ? AVAIL | USED : 0);
const startAt = (idx: number, counter: number) => {
  const packed: VqStatePacked = {
    lastAvailCounter: counter,
    lastAvailIdx: idx,
    lastUsedCounter: counter,
    lastUsedIdx: idx,
  };
  return { ...initialVqState(), packed };
};

test('takes single descriptors and writes length and id before the flags', () => {
  const f = new PackedFixture();
  const ring = f.packed(5);
  expect(ring.hasAvailable()).toBe(false);
  expect(ring.pop()).toBe(null);
  f.d(0, 1, WRITE, 4, 100);
  expect(ring.hasAvailable()).toBe(true);
  f.loads.length = 0;
  const buffer = ring.pop()!;
  expect(content(buffer)).toEqual({ id: 4, slots: 1, readable: 0, writable: 1, elements: [[at(0), 100]] });
  const bytes = f.loads.flatMap(([addr, length]) => Array.from({ length }, (_, k) => addr + k));
  expect(new Set(bytes).size).toBe(bytes.length);
  expect(ring.pop()).toBe(null);
  ring.push(buffer, 77);
  expect(f.stores).toEqual([]);
  ring.publish();
  expect(f.takeStores()).toEqual([
    [DESC + 8, 4],
    [DESC + 12, 2],
    [DESC + 14, 2],
  ]);
  expect(f.used(0)).toEqual([4, 77, AVAIL | USED | WRITE]);
  expect(ring.state()).toEqual(startAt(1, 1));
  expect(ring.pop()).toBe(null);
});

test('AVAIL and USED are compared with the wrap counter: nothing stale is taken', () => {
  const f = new PackedFixture();
  const ring = f.packed(3);
  for (const flags of [0, USED, AVAIL | USED]) {
    f.desc(DESC, at(0), 1, 0, flags);
    expect(ring.hasAvailable()).toBe(false);
  }
  const second = f.packed(3, {}, startAt(0, 0));
  for (const flags of [0, AVAIL, AVAIL | USED]) {
    f.desc(DESC, at(0), 1, 0, flags);
    expect(second.pop()).toBe(null);
  }
  f.desc(DESC, at(0), 1, 0, USED);
  expect(content(second.pop())).toMatchObject({ id: 0, readable: 1 });
});

test('lists over the ring end at each split point, odd size, several laps', () => {
  for (const num of [3, 5, 7]) {
    const f = new PackedFixture();
    const ring = f.packed(num);
    let slot = 0;
    let wrap = 1;
    for (let round = 0; round < 4 * num; round++) {
      const first = slot;
      const firstWrap = wrap;
      const slots = 1 + (round % 3);
      for (let k = 0; k < slots; k++) {
        const last = k === slots - 1;
        f.d(slot, wrap, (last ? WRITE : NEXT) | 0, last ? 40 + round : 99, 10 + k);
        slot = (slot + 1) % num;
        if (slot === 0) wrap ^= 1;
      }
      const buffer = ring.pop()!;
      expect(content(buffer)).toEqual({
        id: 40 + round,
        slots,
        readable: slots - 1,
        writable: 1,
        elements: Array.from({ length: slots }, (_, k) => [at((first + k) % num), 10 + k]),
      });
      f.stores.length = 0;
      ring.push(buffer, round);
      ring.publish();
      expect(f.used(first)).toEqual([40 + round, round, lap(firstWrap) | WRITE]);
      expect(f.stores.every(([addr]) => addr >> 4 === (DESC >> 4) + first)).toBe(true);
      expect(ring.state()).toEqual(startAt(slot, wrap));
      expect(ring.pop()).toBe(null);
    }
  }
});

test('out of order: the skip belongs to the buffer that was used', () => {
  const f = new PackedFixture();
  const ring = f.packed(8);
  f.d(0, 1, NEXT, 0);
  f.d(1, 1, WRITE, 6);
  f.d(2, 1, NEXT, 0);
  f.d(3, 1, NEXT, 0);
  f.d(4, 1, 0, 7);
  const [a, b] = [ring.pop()!, ring.pop()!];
  expect([a.slots, b.slots, ring.outstandingSlots]).toEqual([2, 3, 5]);
  ring.push(b, 0);
  ring.publish();
  expect(f.used(0)).toEqual([7, 0, AVAIL | USED]);
  ring.push(a, 9);
  ring.publish();
  expect(f.used(3)).toEqual([6, 9, AVAIL | USED | WRITE]);
  expect([ring.usedSlot, ring.outstandingSlots]).toEqual([5, 0]);
});

test('several buffers in one publish: the flags of the first come last', () => {
  const f = new PackedFixture();
  const ring = f.packed(3, {}, startAt(2, 1));
  f.d(2, 1, WRITE, 5);
  f.d(0, 0, WRITE, 6);
  f.d(1, 0, 0, 7);
  const taken = [ring.pop()!, ring.pop()!, ring.pop()!];
  for (const buffer of taken) ring.push(buffer, 11);
  expect(ring.state()).toEqual(startAt(2, 1));
  ring.publish();
  const d2 = DESC + 32;
  expect(f.takeStores()).toEqual([
    [d2 + 8, 4],
    [d2 + 12, 2],
    [DESC + 8, 8],
    [DESC + 24, 8],
    [d2 + 14, 2],
  ]);
  expect([f.used(2), f.used(0), f.used(1)]).toEqual([
    [5, 11, AVAIL | USED | WRITE],
    [6, 11, WRITE],
    [7, 11, 0],
  ]);
  expect(ring.state()).toEqual(startAt(2, 0));
});

test('indirect: every entry in sequence, flags other than WRITE and ids ignored, one slot', () => {
  for (const flags of [INDIRECT, INDIRECT | WRITE]) {
    const f = new PackedFixture();
    const ring = f.packed(3);
    f.d(0, 1, flags, 8, 48, IOVA + TABLE);
    f.t(0, 0, 0xdead, 16);
    f.t(1, NEXT | INDIRECT | AVAIL | 0x4000, 1, 8);
    f.t(2, WRITE | USED, 2, 1);
    f.t(3, WRITE);
    const buffer = ring.pop()!;
    expect(content(buffer)).toEqual({
      id: 8,
      slots: 1,
      readable: 2,
      writable: 1,
      elements: [
        [at(0), 16],
        [at(1), 8],
        [at(2), 1],
      ],
    });
    f.d(1, 1, 0, 3);
    expect(content(ring.pop())).toMatchObject({ id: 3, slots: 1, readable: 1 });
    ring.push(buffer, 1);
    ring.publish();
    expect(f.used(0)).toEqual([8, 1, AVAIL | USED | WRITE]);
    expect(f.stores.some(([addr]) => addr >= TABLE)).toBe(false);
  }
});

test('IN_ORDER holds buffers back until their turn', () => {
  const f = new PackedFixture();
  const ring = f.packed(5, { inOrder: true });
  f.d(0, 1, NEXT, 0);
  f.d(1, 1, WRITE, 1);
  f.d(2, 1, WRITE, 2);
  f.d(3, 1, WRITE, 3);
  const [a, b, c] = [ring.pop()!, ring.pop()!, ring.pop()!];
  ring.push(c, 30);
  ring.push(b, 20);
  ring.publish();
  expect(f.stores).toEqual([]);
  expect([ring.outstanding, ring.outstandingSlots]).toEqual([3, 4]);
  ring.push(a, 10);
  ring.publish();
  const flags = AVAIL | USED | WRITE;
  expect([f.used(0), f.used(2), f.used(3)]).toEqual([
    [1, 10, flags],
    [2, 20, flags],
    [3, 30, flags],
  ]);
  expect(ring.outstanding).toBe(0);
});

/** Use `slots` single descriptors from `idx`/`wrap` of a queue of 5, then ask. */
function due(
  idx: number,
  wrap: number,
  slots: number,
  event: number,
  eventIdx: boolean,
  flags: number,
): boolean {
  const f = new PackedFixture();
  const ring = f.packed(5, { eventIdx }, startAt(idx, wrap));
  for (let k = 0; k < slots; k++) f.d((idx + k) % 5, idx + k < 5 ? wrap : wrap ^ 1, 0, k);
  f.put16(DRIVER, event);
  f.put16(DRIVER + 2, flags);
  for (let b = ring.pop(); b !== null; b = ring.pop()) ring.push(b, 0);
  expect(ring.needsNotification()).toBe(false);
  ring.publish();
  const answer = ring.needsNotification();
  expect(ring.needsNotification()).toBe(false);
  return answer;
}

test('driver event suppression: ENABLE and DISABLE ignore the event word', () => {
  for (const eventIdx of [false, true]) {
    expect(due(0, 1, 1, 0x8003, eventIdx, 0)).toBe(true);
    expect(due(0, 1, 1, 0x8000, eventIdx, 1)).toBe(false);
    expect(due(0, 1, 1, 3, eventIdx, 3)).toBe(true); // reserved: notify
    expect(due(0, 1, 1, 0x8000, eventIdx, 0xfffd)).toBe(false); // reserved bits are no flags
  }
  expect(due(0, 1, 1, 3, false, 2)).toBe(true); // not negotiated: notify
});

test('driver event suppression: DESC is due between the old and the new position', () => {
  const W = 0x8000;
  for (const event of [1, 2, 3]) expect(due(1, 1, 3, W | event, true, 2)).toBe(true);
  for (const event of [W | 0, W | 4, 1, 2, 4]) expect(due(1, 1, 3, event, true, 2)).toBe(false);
  // Across the end: slots 3 and 4 of the lap with counter 1, slot 0 of the one with counter 0.
  for (const event of [W | 3, W | 4, 0]) expect(due(3, 1, 3, event, true, 2)).toBe(true);
  for (const event of [W | 2, W | 0, 3, 4, 1]) expect(due(3, 1, 3, event, true, 2)).toBe(false);
  // Exactly to the end, and a whole lap.
  expect(due(4, 0, 1, 4, true, 2)).toBe(true);
  expect(due(4, 0, 1, W | 0, true, 2)).toBe(false);
  for (const event of [2, 3, 4, W | 0, W | 1]) expect(due(2, 0, 5, event, true, 2)).toBe(true);
  expect(due(2, 0, 5, W | 2, true, 2)).toBe(false);
});

test('device event suppression: flags 0 or 1, with EVENT_IDX 2 and the position first', () => {
  const f = new PackedFixture();
  const plain = f.packed(3);
  plain.disableKicks();
  plain.disableKicks();
  expect(f.get16(DEVICE + 2)).toBe(1);
  expect(plain.enableKicks()).toBe(false);
  expect([f.get16(DEVICE), f.get16(DEVICE + 2)]).toEqual([0, 0]);
  expect(f.takeStores()).toEqual([
    [DEVICE + 2, 2],
    [DEVICE + 2, 2],
  ]);
  const ring = f.packed(3, { eventIdx: true }, startAt(2, 1));
  expect(ring.enableKicks()).toBe(false);
  expect([f.get16(DEVICE), f.get16(DEVICE + 2)]).toEqual([0x8002, 2]);
  expect(f.takeStores()).toEqual([
    [DEVICE, 2],
    [DEVICE + 2, 2],
  ]);
  f.d(2, 1, 0, 0);
  expect(ring.enableKicks()).toBe(true);
  ring.pop();
  expect(ring.enableKicks()).toBe(false);
  expect([f.get16(DEVICE), f.get16(DEVICE + 2)]).toEqual([0, 2]);
  ring.disableKicks();
  expect(f.get16(DEVICE + 2)).toBe(1);
});

test('size 1, and the two positions of a state', () => {
  const f = new PackedFixture();
  const ring = f.packed(1);
  for (const wrap of [1, 0, 1]) {
    f.d(0, wrap, WRITE, 3);
    ring.push(ring.pop()!, 2);
    ring.publish();
    expect(f.used(0)).toEqual([3, 2, lap(wrap) | WRITE]);
  }
  expect(ring.state()).toEqual(startAt(0, 0));
  const state = startAt(2, 1);
  state.packed.lastAvailIdx = 0;
  state.packed.lastAvailCounter = 0;
  const { availSlot, availWrap, usedSlot, usedWrap } = f.packed(3, {}, state);
  expect([availSlot, availWrap, usedSlot, usedWrap]).toEqual([0, 0, 2, 1]);
  expect(() => f.packed(0)).toThrow(new RangeError('queue size 0 is not an integer from 1 to 32768'));
});

const malformed: [string, (f: PackedFixture) => void, string, boolean?][] = [
  [
    'NEXT in every slot',
    (f) => {
      for (let i = 0; i < 3; i++) f.d(i, 1, NEXT, 0);
    },
    'chain-too-long: slot 0 (wrap 1): list exceeds 3 descriptors',
  ],
  [
    'INDIRECT not negotiated',
    (f) => f.d(0, 1, INDIRECT, 0, 16, IOVA + TABLE),
    'indirect-not-negotiated: slot 0 (wrap 1): INDIRECT without VIRTIO_F_INDIRECT_DESC',
    false,
  ],
  [
    'INDIRECT with NEXT',
    (f) => f.d(0, 1, INDIRECT | NEXT, 0, 16, IOVA + TABLE),
    'indirect-with-next: slot 0 (wrap 1): INDIRECT together with NEXT',
  ],
  [
    'INDIRECT in a list',
    (f) => {
      f.d(0, 1, NEXT, 0);
      f.d(1, 1, INDIRECT, 0, 16, IOVA + TABLE);
    },
    'indirect-with-next: slot 0 (wrap 1): INDIRECT in slot 1 of a list',
  ],
  [
    'table length 0',
    (f) => f.d(0, 1, INDIRECT, 0, 0, IOVA + TABLE),
    'indirect-length: slot 0 (wrap 1): indirect table of 0 bytes',
  ],
  [
    'table length odd',
    (f) => f.d(0, 1, INDIRECT, 0, 24, IOVA + TABLE),
    'indirect-length: slot 0 (wrap 1): indirect table of 24 bytes',
  ],
  [
    'table of 2^28 - 1 entries',
    (f) => f.d(0, 1, INDIRECT, 0, 0xfffffff0, IOVA + TABLE),
    'indirect-too-long: slot 0 (wrap 1): indirect table of 268435455 entries, at most 128 are handled',
  ],
  [
    'readable after writable',
    (f) => {
      f.d(0, 1, WRITE | NEXT, 0);
      f.d(1, 1, 0, 0);
    },
    'readable-after-writable: slot 0 (wrap 1): element 1 is readable after a writable one',
  ],
  [
    'table beyond the mapping',
    (f) => f.d(0, 1, INDIRECT, 0, 32, IOVA + 0xfff0),
    'dma-fault: taking slot 0 (wrap 1): DMA read of 8 bytes at 0x100010000: unmapped',
  ],
];

test.each(malformed)('refuses %s and keeps the position', (_name, prepare, message, indirect = true) => {
  const f = new PackedFixture();
  const ring = f.packed(3, { indirect });
  prepare(f);
  for (let again = 0; again < 2; again++) expect(refusal(() => ring.pop())).toBe(message);
  expect([ring.availSlot, ring.outstanding, ring.outstandingSlots]).toEqual([0, 0, 0]);
  f.d(0, 1, 0, 2);
  expect(content(ring.pop())).toMatchObject({ id: 2, readable: 1 });
  expect(f.stores).toEqual([]);
});

test('refuses a list that runs over buffers not used yet', () => {
  const f = new PackedFixture();
  const ring = f.packed(3);
  for (let i = 0; i < 2; i++) f.d(i, 1, 0, i);
  const taken = ring.pop()!;
  ring.pop();
  f.d(2, 1, NEXT, 0);
  f.d(0, 0, 0, 5);
  expect(refusal(() => ring.pop())).toBe(
    'queue-overrun: slot 2 (wrap 1): 2 more slots while 2 of 3 are not used yet',
  );
  ring.push(taken, 0);
  expect(content(ring.pop())).toMatchObject({ id: 5, slots: 2 });
});

test('a refused store leaves the used position, and nothing is visible', () => {
  const f = new PackedFixture();
  const ring = f.packed(3, { inOrder: true });
  for (let i = 0; i < 3; i++) f.d(i, 1, 0, i);
  const taken = [ring.pop()!, ring.pop()!, ring.pop()!];
  for (const buffer of taken) ring.push(buffer, 0);
  const entries = [...f.table.entries];
  f.table.replace([{ iova: IOVA + 0x1000, size: 32, addr: 0x1000, perm: 3 }]);
  expect(refusal(() => ring.publish())).toBe(
    'dma-fault: publishing used buffers: DMA write of 8 bytes at 0x100001028: unmapped',
  );
  expect(f.used(0)[2]).toBe(AVAIL);
  expect(ring.state()).toEqual(startAt(0, 1));
  expect(ringError(() => f.packed(3, { driverArea: 8, descArea: 0 }).pop()).cause).toMatchObject({
    reason: 'unmapped',
  });
  f.table.replace(entries);
  ring.publish();
  expect(f.used(0)[2]).toBe(AVAIL | USED);
  expect(ring.state()).toEqual(startAt(0, 0));
});

test('a defect is one replaced method', () => {
  const f = new PackedFixture();
  const ring = f.packed(3);
  ring.intact = false;
  ring.listId = (first) => first;
  ring.usedSlots = () => 1;
  ring.isAvailable = (flags) => (flags & AVAIL) !== 0;
  f.d(0, 1, NEXT, 7);
  f.d(1, 1, 0, 8);
  const buffer = ring.pop()!;
  expect(buffer.id).toBe(7);
  ring.push(buffer, 0);
  ring.publish();
  expect([ring.usedSlot, ring.outstandingSlots]).toEqual([1, 0]);
});

const descriptor = fc.record({
  addr: fc.oneof(fc.constantFrom(IOVA + TABLE, IOVA + DESC, IOVA + 0xffd0, 0x2000), fc.maxSafeNat()),
  len: fc.oneof(fc.constantFrom(0, 16, 48, 0x800, 0xfffffff0), fc.nat({ max: 0xffffffff })),
  id: fc.nat({ max: 0xffff }),
  flags: fc.oneof(
    { weight: 5, arbitrary: fc.nat({ max: 7 }).map((flags) => flags | AVAIL) },
    { weight: 1, arbitrary: fc.nat({ max: 0xffff }) },
  ),
});

test('any ring bytes: pop terminates, throws only RingError, and stores nothing', () => {
  const property = fc.property(
    fc.integer({ min: 1, max: 7 }),
    fc.array(descriptor, { minLength: 7, maxLength: 7 }),
    fc.array(descriptor, { minLength: 8, maxLength: 8 }),
    fc.record({ indirect: fc.boolean(), inOrder: fc.boolean(), eventIdx: fc.boolean() }),
    (num, descs, table, options) => {
      const f = new PackedFixture();
      const ring = f.packed(num, options);
      descs.forEach((d, i) => {
        f.desc(DESC + 16 * i, d.addr, d.len, d.id, d.flags);
      });
      table.forEach((d, i) => {
        f.desc(TABLE + 16 * i, d.addr, d.len, d.id, d.flags);
      });
      const taken: DeviceBuffer[] = [];
      const drain = (): void => {
        for (let buffer = ring.pop(); buffer !== null; buffer = ring.pop()) {
          taken.push(buffer);
          if (taken.length > num) throw new Error('too many buffers');
        }
        throw new RangeError('drained');
      };
      try {
        ringError(drain);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
      expect(f.stores).toEqual([]);
      expect(f.loads.length).toBeLessThan(num * (3 * (num + 128) + 4) + 20);
      for (const buffer of taken.reverse()) ring.push(buffer, 1);
      ring.publish();
      for (const [addr, length] of f.stores) {
        expect(addr >= DESC && addr + length <= DESC + 16 * num).toBe(true);
      }
    },
  );
  fc.assert(property, { numRuns: 500 });
});
