import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drain, R, splitQueue, USED_RING, W } from './test-kit.ts';

describe('polling', () => {
  it('returns what came back, in any order, with its handle', () => {
    const { ring, use } = splitQueue();
    ring.add([R(), W()], { token: 'a' });
    ring.add([R()], { token: 'b' });
    ring.publish();
    expect(ring.poll()).toBeNull();
    use([2, 0], 40);
    expect(drain(ring)).toMatchObject([
      { id: 2, len: 40, token: 'b', known: true, fault: undefined },
      { id: 0, len: 41, token: 'a', known: true, fault: undefined },
    ]);
    expect([ring.free, ring.outstanding, ring.usedPosition]).toEqual([8, 0, 2]);
  });

  it('runs over index 65535', () => {
    const { ring, raw, use } = splitQueue(4, { start: { index: 65530 } });
    for (let i = 0; i < 12; i++) {
      const head = ring.add([W()], { token: i });
      ring.publish();
      const index = (65531 + i) & 0xffff;
      expect([raw.availIdx, raw.availRing((65530 + i) % 4)]).toEqual([index, head]);
      expect(ring.notificationData()).toBe(index * 0x1_0000);
      use([head]);
      expect(drain(ring).map((buffer) => buffer.token)).toEqual([i]);
    }
    expect(ring.usedPosition).toBe(6);
  });

  it('keeps a full ring busy for many laps', () => {
    const { ring, raw, use } = splitQueue(4, { start: { index: 65500 } });
    for (let lap = 0; lap < 40; lap++) {
      const heads = [0, 1, 2, 3].map((i) => ring.add([R()], { token: lap * 4 + i }));
      ring.publish();
      expect(raw.availIdx).toBe((65500 + 4 * lap + 4) & 0xffff);
      use([heads[3], heads[1], heads[0], heads[2]]);
      expect(drain(ring).map((buffer) => Number(buffer.token) - lap * 4)).toEqual([3, 1, 0, 2]);
    }
  });

  it('unfolds IN_ORDER batches', () => {
    const { ring, raw } = splitQueue(8, { inOrder: true, start: { index: 65534 } });
    const heads = ['a', 'b', 'c', 'd'].map((token) => ring.add([R(), W()], { token }));
    expect(heads).toEqual([0, 2, 4, 6]);
    ring.publish();
    raw.setUsedElem(65534 % 8, { id: 4, len: 9 });
    raw.usedIdx = 1;
    const first = ring.poll();
    expect(first).toMatchObject({ id: 0, len: undefined, token: 'a', known: true });
    expect(ring.usedPosition).toBe(1);
    expect(ring.add([R(), W()], { token: 'e' })).toBe(0);
    expect(drain(ring)).toMatchObject([
      { id: 2, len: undefined, token: 'b' },
      { id: 4, len: 9, token: 'c' },
    ]);
    ring.publish();
    raw.setUsedElem(1, { id: 0, len: 5 });
    raw.usedIdx = 3;
    expect(drain(ring).map((buffer) => [buffer.token, buffer.len])).toEqual([
      ['d', undefined],
      ['e', 5],
    ]);
    expect(ring.free).toBe(8);
  });
});

describe('lying devices', () => {
  it('get ids reported that are not outstanding', () => {
    const { ring, use } = splitQueue();
    ring.add([R(), W()], { token: 'a' });
    ring.add([R()], { token: 'b' });
    ring.publish();
    ring.add([R()], { token: 'unpublished' });
    use([1, 3, 8, 0x10000, 0xffffffff, 0, 0, 2]);
    const all = drain(ring);
    expect(all.map((buffer) => [buffer.id, buffer.known, buffer.token, buffer.fault])).toEqual([
      [1, false, undefined, 'id'],
      [3, false, undefined, 'id'],
      [8, false, undefined, 'id'],
      [0x10000, false, undefined, 'id'],
      [0xffffffff, false, undefined, 'id'],
      [0, true, 'a', undefined],
      [0, false, undefined, 'id'],
      [2, true, 'b', undefined],
    ]);
    expect(ring.outstanding).toBe(1);
  });

  it.each([2, 8, 9, 30000, 65535])('get an index jump of %i reported once', (jump) => {
    const { ring, raw, use } = splitQueue();
    const head = ring.add([R()], { token: 'a' });
    ring.publish();
    use([head], 7, jump);
    const all = drain(ring);
    expect(all.filter((buffer) => buffer.fault === 'index')).toHaveLength(1);
    expect(all.length).toBeLessThanOrEqual(2);
    expect(ring.usedPosition).toBe(raw.usedIdx);
    expect(ring.poll()).toBeNull();
  });

  it('get an id out of order reported, and the buffer is back', () => {
    const { ring, use } = splitQueue(8, { inOrder: true });
    const heads = ['a', 'b', 'c'].map((token) => ring.add([R()], { token }));
    ring.publish();
    use([heads[1]]);
    expect(drain(ring)).toMatchObject([{ id: 1, len: 7, token: 'b', known: true, fault: 'order' }]);
    use([heads[0], heads[2]]);
    expect(drain(ring).map((buffer) => [buffer.token, buffer.fault])).toEqual([
      ['a', undefined],
      ['c', undefined],
    ]);
    expect(ring.free).toBe(8);
  });

  it('cannot make the ring throw or run on (property)', () => {
    const step = fc.record({
      bytes: fc.uint8Array({ minLength: 38, maxLength: 38 }),
      small: fc.boolean(),
      adds: fc.nat(3),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 12 }),
        fc.boolean(),
        fc.boolean(),
        (steps, inOrder, eventIdx) => {
          const { memory, ring, raw } = splitQueue(4, { inOrder, eventIdx });
          for (const { bytes, small, adds } of steps) {
            for (let i = 0; i < adds && ring.free >= 1 + (i & 1); i++) ring.add(i & 1 ? [R(), W()] : [R()]);
            ring.publish();
            ring.kickNeeded();
            memory.bytes.set(small ? bytes.map((byte) => byte & 3) : bytes, USED_RING);
            if (small) raw.usedIdx = ring.usedPosition + (bytes[0] % 6);
            const all = drain(ring).length;
            expect(all).toBeLessThanOrEqual(4);
            ring.armInterrupts();
            expect(ring.free).toBeGreaterThanOrEqual(ring.outstanding === 0 ? 4 : 0);
            expect(ring.free + ring.outstanding).toBeLessThanOrEqual(4);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
