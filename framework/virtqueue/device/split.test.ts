import fc from 'fast-check';
import { expect, test } from 'vitest';
import { initialVqState } from '../../device.ts';
import { type DeviceBuffer, readableBytes, writableBytes } from './ring.ts';
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

class SplitFixture extends RingFixture {
  /** Descriptor `i` of the descriptor table. */
  d(i: number, flags: number, next = 0, len = 64, addr = IOVA + DATA + 0x100 * i): void {
    this.desc(DESC + 16 * i, addr, len, flags, next);
  }
  /** Entry `i` of the indirect table. */
  t(i: number, flags: number, next = 0, len = 32): void {
    this.desc(TABLE + 16 * i, IOVA + DATA + 0x100 * i, len, flags, next);
  }
  /** A descriptor for the first `entries` of the indirect table. */
  indirect(i: number, entries: number, flags = INDIRECT): void {
    this.d(i, flags, 0, 16 * entries, IOVA + TABLE);
  }
  /** Make `heads` available from index `from` on. */
  offer(num: number, from: number, ...heads: number[]): void {
    heads.forEach((head, k) => {
      this.put16(DRIVER + 4 + 2 * (((from + k) & 0xffff) % num), head);
    });
    this.put16(DRIVER + 2, from + heads.length);
  }
  used(slot: number): [number, number] {
    return [this.get32(DEVICE + 4 + 8 * slot), this.get32(DEVICE + 8 + 8 * slot)];
  }
  usedIdx(): number {
    return this.get16(DEVICE + 2);
  }
}

const at = (i: number): number => IOVA + DATA + 0x100 * i;
const startAt = (availIndex: number) => ({ ...initialVqState(), split: { availIndex } });

test('takes chains along next and returns them with id and length, entries before the index', () => {
  const f = new SplitFixture();
  const ring = f.split(8);
  expect(ring.hasAvailable()).toBe(false);
  expect(ring.pop()).toBe(null);
  f.d(7, NEXT, 2, 16);
  f.d(2, NEXT | WRITE, 5, 512);
  f.d(5, WRITE, 0, 1);
  f.d(3, 0, 0, 9);
  f.offer(8, 0, 7, 3);
  expect(ring.hasAvailable()).toBe(true);
  f.loads.length = 0;
  const first = ring.pop()!;
  expect(content(first)).toEqual({
    id: 7,
    slots: 1,
    readable: 1,
    writable: 2,
    elements: [
      [at(7), 16],
      [at(2), 512],
      [at(5), 1],
    ],
  });
  expect([readableBytes(first), writableBytes(first)]).toEqual([16, 513]);
  const bytes = f.loads.flatMap(([addr, length]) => Array.from({ length }, (_, k) => addr + k));
  expect(new Set(bytes).size).toBe(bytes.length);
  const second = ring.pop()!;
  expect(content(second)).toMatchObject({ id: 3, readable: 1, writable: 0 });
  expect(ring.pop()).toBe(null);
  expect(ring.outstanding).toBe(2);
  expect(f.stores).toEqual([]);

  ring.push(second, 0);
  ring.push(first, 513);
  expect(f.stores).toEqual([]);
  expect(ring.state().split).toEqual({ availIndex: 0 });
  ring.publish();
  expect(f.takeStores()).toEqual([
    [DEVICE + 4, 8],
    [DEVICE + 12, 8],
    [DEVICE + 2, 2],
  ]);
  expect([f.used(0), f.used(1), f.usedIdx()]).toEqual([[3, 0], [7, 513], 2]);
  expect(ring.state()).toEqual(startAt(2));
  ring.publish();
  expect(f.stores).toEqual([]);
  expect(ring.outstanding).toBe(0);
});

test('buffers are pooled', () => {
  const f = new SplitFixture();
  const ring = f.split(4);
  f.d(0, 0);
  f.offer(4, 0, 0);
  const first = ring.pop()!;
  ring.push(first, 0);
  ring.push(first, 0); // a wrong device: used twice, back in the pool once
  ring.publish();
  expect(f.usedIdx()).toBe(2);
  f.offer(4, 1, 0, 0);
  const [a, b] = [ring.pop(), ring.pop()];
  expect(a).toBe(first);
  expect(b).not.toBe(first);
  expect(ring.outstanding).toBe(2);
});

test('the index runs over 65536, and used.idx continues from the start position', () => {
  const f = new SplitFixture();
  const ring = f.split(4, {}, startAt(65534));
  for (let i = 0; i < 4; i++) f.d(i, WRITE);
  f.put16(DEVICE + 2, 65534);
  f.offer(4, 65534, 3, 2, 1, 0);
  const taken: DeviceBuffer[] = [];
  for (let b = ring.pop(); b !== null; b = ring.pop()) taken.push(b);
  expect(taken.map((b) => b.id)).toEqual([3, 2, 1, 0]);
  expect([ring.nextAvail, ring.usedIndex]).toEqual([2, 65534]);
  for (const b of taken) ring.push(b, b.id);
  ring.publish();
  expect(f.usedIdx()).toBe(2);
  expect([2, 3, 0, 1].map((slot) => f.used(slot)[0])).toEqual([3, 2, 1, 0]);
  expect(ring.state().split.availIndex).toBe(2);
});

test('sizes 1, the largest, and one that is no power of two', () => {
  for (const num of [1, 3, 32768]) {
    const f = new SplitFixture();
    const ring = f.split(num, { deviceArea: IOVA + DEVICE, driverArea: IOVA + DRIVER });
    f.d(0, 0);
    f.offer(num, 0, 0);
    expect(content(ring.pop())).toMatchObject({ id: 0 });
    expect([1, 2, 3].map((i) => ring.usedSlot(i))).toEqual([1 % num, 2 % num, 3 % num]);
  }
  for (const num of [0, 1.5, 32769]) {
    expect(() => new SplitFixture().split(num)).toThrow(
      new RangeError(`queue size ${num} is not an integer from 1 to 32768`),
    );
  }
});

test('indirect: along next from entry 0; WRITE of the main descriptor means nothing', () => {
  for (const flags of [INDIRECT, INDIRECT | WRITE]) {
    const f = new SplitFixture();
    const ring = f.split(4);
    f.indirect(1, 6, flags);
    f.t(0, NEXT, 3, 16);
    f.t(3, NEXT | WRITE, 1, 8);
    f.t(1, WRITE, 5, 1);
    f.offer(4, 0, 1);
    expect(content(ring.pop())).toEqual({
      id: 1,
      slots: 1,
      readable: 1,
      writable: 2,
      elements: [
        [at(0), 16],
        [at(3), 8],
        [at(1), 1],
      ],
    });
  }
});

test('direct descriptors, then one table', () => {
  const f = new SplitFixture();
  const ring = f.split(4);
  f.d(2, NEXT, 0, 16);
  f.d(0, NEXT | WRITE, 3, 512);
  f.indirect(3, 1);
  f.t(0, WRITE, 0, 1);
  f.offer(4, 0, 2);
  expect(content(ring.pop())).toMatchObject({
    id: 2,
    readable: 1,
    writable: 2,
    elements: [
      [at(2), 16],
      [at(0), 512],
      [at(0), 1],
    ],
  });
});

test('a table may exceed a small queue, up to 128 elements', () => {
  const f = new SplitFixture();
  const ring = f.split(1);
  f.indirect(0, 200);
  for (let i = 0; i < 200; i++) f.t(i, i === 127 ? 0 : NEXT, i + 1);
  f.offer(1, 0, 0);
  const buffer = ring.pop()!;
  expect(buffer.readable).toBe(128);
  ring.push(buffer, 0);
  f.t(127, NEXT, 128);
  f.offer(1, 1, 0);
  expect(refusal(() => ring.pop())).toBe('indirect-too-long: avail index 1: more than 128 elements');
});

test('IN_ORDER holds buffers back until their turn, also across 65536', () => {
  const f = new SplitFixture();
  const ring = f.split(4, { inOrder: true }, startAt(65535));
  for (let i = 0; i < 4; i++) f.d(i, WRITE);
  f.offer(4, 65535, 0, 1, 2, 3);
  const [a, b, c, d] = [0, 1, 2, 3].map(() => ring.pop()!);
  ring.push(d, 40);
  ring.push(b, 20);
  ring.publish();
  expect(f.stores).toEqual([]);
  expect(ring.outstanding).toBe(4);
  ring.push(a, 10);
  ring.publish();
  expect([f.usedIdx(), f.used(3), f.used(0)]).toEqual([1, [0, 10], [1, 20]]);
  ring.push(c, 30);
  ring.publish();
  expect([f.usedIdx(), f.used(1), f.used(2)]).toEqual([3, [2, 30], [3, 40]]);
  expect(ring.outstanding).toBe(0);
});

test('without EVENT_IDX bit 0 of avail.flags decides, and used_event is ignored', () => {
  const f = new SplitFixture();
  const ring = f.split(4);
  const use = (): void => {
    f.offer(4, ring.nextAvail, 0);
    ring.push(ring.pop()!, 0);
    ring.publish();
  };
  f.d(0, 0);
  f.put16(DRIVER + 12, 0xffff);
  expect(ring.needsNotification()).toBe(false);
  use();
  expect(ring.needsNotification()).toBe(true);
  expect(ring.needsNotification()).toBe(false);
  f.put16(DRIVER, 1);
  use();
  expect(ring.needsNotification()).toBe(false);
  f.put16(DRIVER, 0xfffe);
  use();
  expect(ring.needsNotification()).toBe(true);
});

test('with EVENT_IDX the range of published indices is compared with used_event', () => {
  const due = (old: number, count: number, event: number): boolean => {
    const f = new SplitFixture();
    const ring = f.split(8, { eventIdx: true }, startAt(old));
    f.d(0, 0);
    f.put16(DRIVER, 1); // ignored
    f.put16(DRIVER + 4 + 16, event);
    f.offer(8, old, ...Array(count).fill(0));
    for (let b = ring.pop(); b !== null; b = ring.pop()) ring.push(b, 0);
    ring.publish();
    return ring.needsNotification();
  };
  for (const event of [10, 11, 14]) expect(due(10, 5, event)).toBe(true);
  for (const event of [9, 15, 115, 10 + 32768]) expect(due(10, 5, event)).toBe(false);
  for (const event of [65533, 65535, 0, 1]) expect(due(65533, 5, event)).toBe(true);
  for (const event of [65532, 2]) expect(due(65533, 5, event)).toBe(false);
  expect(due(65535, 1, 65535)).toBe(true);
});

test('a whole round of published indices is always due', () => {
  const f = new SplitFixture();
  const ring = f.split(2, { eventIdx: true });
  ring.unsignalled = 0x10000;
  expect(ring.needsNotification()).toBe(true);
});

test('kick suppression without EVENT_IDX: used.flags 0 or 1, recheck after enabling', () => {
  const f = new SplitFixture();
  const ring = f.split(4);
  ring.disableKicks();
  ring.disableKicks();
  expect(f.get16(DEVICE)).toBe(1);
  expect(ring.enableKicks()).toBe(false);
  expect(f.get16(DEVICE)).toBe(0);
  expect(f.takeStores()).toEqual([
    [DEVICE, 2],
    [DEVICE, 2],
  ]);
  ring.disableKicks();
  f.d(0, 0);
  f.offer(4, 0, 0);
  expect(ring.enableKicks()).toBe(true);
});

test('kick suppression with EVENT_IDX: avail_event only', () => {
  const f = new SplitFixture();
  const ring = f.split(4, { eventIdx: true }, startAt(65535));
  f.put16(DRIVER + 2, 65535);
  ring.disableKicks();
  expect(f.stores).toEqual([]);
  expect(ring.enableKicks()).toBe(false);
  expect(f.get16(DEVICE + 4 + 32)).toBe(65535);
  f.d(0, 0);
  f.offer(4, 65535, 0);
  expect(ring.enableKicks()).toBe(true);
  ring.pop();
  expect(ring.enableKicks()).toBe(false);
  expect(f.get16(DEVICE + 4 + 32)).toBe(0);
  expect(f.takeStores()).toEqual([
    [DEVICE + 36, 2],
    [DEVICE + 36, 2],
  ]);
});

const malformed: [string, (f: SplitFixture) => void, string, boolean?][] = [
  [
    'index jump',
    (f) => f.put16(DRIVER + 2, 5),
    'avail-index-jump: avail index 0: avail.idx 5 is 5 ahead in a queue of 4',
  ],
  [
    'index moved back',
    (f) => f.put16(DRIVER + 2, 65535),
    'avail-index-jump: avail index 0: avail.idx 65535 is 65535 ahead in a queue of 4',
  ],
  ['head', (f) => f.offer(4, 0, 4), 'head-out-of-range: avail index 0: head 4 in a queue of 4'],
  ['next', (f) => f.d(0, NEXT, 4), 'next-out-of-range: avail index 0: next 4 in a table of 4'],
  ['self loop', (f) => f.d(0, NEXT, 0), 'chain-too-long: avail index 0: chain from 0 exceeds 4 descriptors'],
  [
    'loop without the head',
    (f) => {
      f.d(0, NEXT, 1);
      f.d(1, NEXT, 2);
      f.d(2, NEXT, 1);
    },
    'chain-too-long: avail index 0: chain from 0 exceeds 4 descriptors',
  ],
  [
    'INDIRECT not negotiated',
    (f) => f.indirect(0, 1),
    'indirect-not-negotiated: avail index 0: INDIRECT without VIRTIO_F_INDIRECT_DESC',
    false,
  ],
  [
    'INDIRECT with NEXT',
    (f) => f.indirect(0, 1, INDIRECT | NEXT),
    'indirect-with-next: avail index 0: INDIRECT together with NEXT',
  ],
  [
    'table length 0',
    (f) => f.d(0, INDIRECT, 0, 0),
    'indirect-length: avail index 0: indirect table of 0 bytes',
  ],
  [
    'table length odd',
    (f) => f.d(0, INDIRECT, 0, 0xffffffff),
    'indirect-length: avail index 0: indirect table of 4294967295 bytes',
  ],
  [
    'nested',
    (f) => {
      f.indirect(0, 2);
      f.t(0, NEXT, 1);
      f.t(1, INDIRECT);
    },
    'indirect-nested: avail index 0: INDIRECT in entry 1 of an indirect table',
  ],
  [
    'loop in a table',
    (f) => {
      f.indirect(0, 2);
      f.t(0, NEXT, 1);
      f.t(1, NEXT, 0);
    },
    'chain-too-long: avail index 0: loop in an indirect table of 2 entries',
  ],
  [
    'next outside a table',
    (f) => {
      f.indirect(0, 2);
      f.t(0, NEXT, 2);
    },
    'next-out-of-range: avail index 0: next 2 in a table of 2',
  ],
  [
    'readable after writable',
    (f) => {
      f.d(0, WRITE | NEXT, 1);
      f.d(1, 0);
    },
    'readable-after-writable: avail index 0: element 1 is readable after a writable one',
  ],
  [
    'unmapped table',
    (f) => f.d(0, INDIRECT, 0, 16, 0x2000),
    'dma-fault: taking avail index 0: DMA read of 8 bytes at 0x2000: unmapped',
  ],
];

test.each(malformed)('refuses %s and keeps the position', (_name, prepare, message, indirect = true) => {
  const f = new SplitFixture();
  const ring = f.split(4, { indirect });
  f.d(0, 0);
  f.offer(4, 0, 0);
  prepare(f);
  for (let again = 0; again < 2; again++) expect(refusal(() => ring.pop())).toBe(message);
  expect([ring.nextAvail, ring.outstanding]).toEqual([0, 0]);
  f.d(0, 0);
  f.offer(4, 0, 0);
  expect(content(ring.pop())).toMatchObject({ id: 0, readable: 1 });
  expect(f.stores).toEqual([]);
});

test('refuses more buffers than can be outstanding', () => {
  const f = new SplitFixture();
  const ring = f.split(2);
  f.d(0, 0);
  f.offer(2, 0, 0, 0);
  const taken = ring.pop()!;
  ring.pop();
  f.offer(2, 2, 0);
  expect(refusal(() => ring.pop())).toBe('queue-overrun: avail index 2: 2 buffers are not used yet');
  ring.push(taken, 0);
  expect(content(ring.pop())).toMatchObject({ id: 0 });
});

test('refused accesses are RingErrors everywhere, with the access as cause', () => {
  const f = new SplitFixture();
  const ring = f.split(4, { eventIdx: true });
  f.d(0, 0);
  f.offer(4, 0, 0);
  const buffer = ring.pop()!;
  const entries = [...f.table.entries];
  f.table.clear();
  ring.push(buffer, 0);
  const read = (bytes: number, addr: string): string =>
    `DMA read of ${bytes} bytes at 0x10000${addr}: unmapped`;
  const write = (bytes: number, addr: string): string =>
    `DMA write of ${bytes} bytes at 0x10000${addr}: unmapped`;
  expect(refusal(() => ring.publish())).toBe(`dma-fault: publishing used buffers: ${write(8, '4004')}`);
  expect(refusal(() => ring.hasAvailable())).toBe(`dma-fault: looking at avail index 1: ${read(2, '3002')}`);
  expect(refusal(() => ring.enableKicks())).toBe(`dma-fault: enabling kicks: ${write(2, '4024')}`);
  expect(ringError(() => ring.pop()).cause).toMatchObject({ code: 'DMA_FAULT', reason: 'unmapped' });
  f.table.replace(entries);
  ring.publish(); // again, as if nothing had happened
  expect([f.usedIdx(), ring.usedIndex]).toEqual([1, 1]);
  f.table.clear();
  expect(refusal(() => ring.needsNotification())).toBe(
    `dma-fault: reading notification suppression: ${read(2, '300c')}`,
  );
  const plain = f.split(4);
  expect(refusal(() => plain.disableKicks())).toBe(`dma-fault: disabling kicks: ${write(2, '4000')}`);
});

test('a defect is one replaced method', () => {
  const f = new SplitFixture();
  const ring = f.split(4);
  ring.intact = false;
  ring.usedId = (buffer) => buffer.last;
  ring.commit = function () {
    const index = this.advanceIndex(this.usedIndex, this.pending);
    this.storeUsedIndex(index);
    this.writeUsedEntries(this.pending);
    this.advanceUsed(index, this.pending);
  };
  f.d(0, NEXT, 2);
  f.d(2, 0);
  f.offer(4, 0, 0);
  ring.push(ring.pop()!, 0);
  ring.publish();
  expect(f.used(0)).toEqual([2, 0]);
  expect(f.stores[0]).toEqual([DEVICE + 2, 2]);
  const broken = f.split(4);
  broken.readAvailIndex = () => {
    throw new TypeError('not a ring matter');
  };
  expect(() => broken.hasAvailable()).toThrow(TypeError);
});

/** Descriptors that are plausible often enough to get past the first check. */
const descriptor = fc.record({
  addr: fc.oneof(fc.constantFrom(IOVA + TABLE, IOVA + DESC, IOVA + 0xfff8, 0x2000), fc.maxSafeNat()),
  len: fc.oneof(fc.constantFrom(0, 16, 48, 64, 0x10000, 0xfffffff0), fc.nat({ max: 0xffffffff })),
  flags: fc.oneof(
    { weight: 4, arbitrary: fc.nat({ max: 7 }) },
    { weight: 1, arbitrary: fc.nat({ max: 0xffff }) },
  ),
  next: fc.oneof(
    { weight: 4, arbitrary: fc.nat({ max: 9 }) },
    { weight: 1, arbitrary: fc.nat({ max: 0xffff }) },
  ),
});

test('any ring bytes: pop terminates, throws only RingError, and stores nothing', () => {
  const property = fc.property(
    fc.array(descriptor, { minLength: 8, maxLength: 8 }),
    fc.array(descriptor, { minLength: 8, maxLength: 8 }),
    fc.uint8Array({ minLength: 24, maxLength: 24 }),
    fc.oneof(fc.nat({ max: 9 }), fc.nat({ max: 0xffff })),
    fc.record({ indirect: fc.boolean(), inOrder: fc.boolean(), eventIdx: fc.boolean() }),
    (descs, table, avail, idx, options) => {
      const f = new SplitFixture();
      const ring = f.split(8, options);
      descs.forEach((d, i) => {
        f.desc(DESC + 16 * i, d.addr, d.len, d.flags, d.next);
      });
      table.forEach((d, i) => {
        f.desc(TABLE + 16 * i, d.addr, d.len, d.flags, d.next);
      });
      f.memory.bytes.set(
        avail.map((byte, i) => (i % 2 === 1 && byte < 250 ? 0 : byte % 9)),
        DRIVER,
      );
      f.put16(DRIVER + 2, idx);
      const taken = popAll(() => ring.pop(), 8);
      expect(f.stores).toEqual([]);
      expect(f.loads.length).toBeLessThan(9 * 3 * (8 + 128) + 20);
      for (const buffer of taken.reverse()) ring.push(buffer, 1);
      ring.publish();
      for (const [addr, length] of f.stores) {
        expect(addr >= DEVICE && addr + length <= DEVICE + 4 + 64).toBe(true);
      }
    },
  );
  fc.assert(property, { numRuns: 500 });
});

/** Pop until there is nothing or an error; fails when more than `limit` buffers come. */
function popAll(pop: () => DeviceBuffer | null, limit: number): DeviceBuffer[] {
  const taken: DeviceBuffer[] = [];
  const run = (): void => {
    for (let buffer = pop(); buffer !== null; buffer = pop()) {
      taken.push(buffer);
      if (taken.length > limit) throw new Error('too many buffers');
    }
    throw new Error('drained');
  };
  try {
    ringError(run);
  } catch (error) {
    if ((error as Error).message !== 'drained') throw error;
  }
  return taken;
}
