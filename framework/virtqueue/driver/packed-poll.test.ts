import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AVAIL, DESC, DEVICE, drain, packedQueue, R, USED, W } from './test-kit.ts';

describe('polling', () => {
  it.each([1, 2, 3, 5, 7, 8, 255])('goes round a ring of %i with lists of changing length', (num) => {
    const { ring, use, offer } = packedQueue(num);
    for (let i = 0; i < 5 * num; i++) {
      const length = 1 + (i % Math.min(3, num));
      const id = offer(Array(length).fill(W()), { token: i });
      expect(ring.poll()).toBeNull();
      use(id, length, i, 2);
      expect(drain(ring)).toEqual([{ id, len: i, token: i, known: true, writeFlag: true, fault: undefined }]);
    }
    expect([ring.free, ring.outstanding]).toEqual([num, 0]);
  });

  it('skips by the list that was used, not by the one that stood there', () => {
    const { ring, raw, use } = packedQueue(7);
    const two = ring.add([R(), W()], { token: 'two' });
    const three = ring.add([R(), R(), W()], { token: 'three' });
    ring.publish();
    use(three, 3);
    expect(drain(ring).map((buffer) => [buffer.token, buffer.writeFlag])).toEqual([['three', false]]);
    expect(ring.usedPosition).toBe(0x8003);
    expect(raw.desc(3).flags & (AVAIL | USED)).toBe(AVAIL);
    use(two, 2);
    expect(drain(ring).map((buffer) => buffer.token)).toEqual(['two']);
    expect([ring.usedPosition, ring.free]).toEqual([0x8005, 7]);
  });

  it('unfolds IN_ORDER batches by descriptors', () => {
    const { ring, use } = packedQueue(7, { inOrder: true, start: { index: 5, wrap: 1 } });
    const lists = [2, 1, 3].map((length) => ring.add(Array(length).fill(W()), { token: length }));
    ring.publish();
    use(lists[2], 6, 99, 2);
    expect(ring.poll()).toMatchObject({ id: lists[0], len: undefined, writeFlag: undefined, token: 2 });
    expect(ring.usedPosition).toBe(4);
    expect(drain(ring)).toMatchObject([
      { id: lists[1], len: undefined, token: 1, known: true },
      { id: lists[2], len: 99, token: 3, known: true, writeFlag: true },
    ]);
    use(ring.add([R()], { token: 'single' }));
    expect(drain(ring)).toMatchObject([{ known: false }]);
    expect(ring.free).toBe(6);
  });
});

describe('lying devices', () => {
  it('get ids reported that are not outstanding, one slot each', () => {
    const { ring, use } = packedQueue(8);
    const a = ring.add([R()], { token: 'a' });
    ring.publish();
    const b = ring.add([R()], { token: 'unpublished' });
    for (const id of [8, 0xffff, b, a, a]) use(id);
    expect(drain(ring).map((buffer) => [buffer.id, buffer.known, buffer.token, buffer.fault])).toEqual([
      [8, false, undefined, 'id'],
      [0xffff, false, undefined, 'id'],
      [b, false, undefined, 'id'],
      [a, true, 'a', undefined],
      [a, false, undefined, 'id'],
    ]);
    expect([ring.outstanding, ring.usedPosition]).toEqual([1, 0x8005]);
  });

  it('cannot make the ring throw or run on (property)', () => {
    const step = fc.record({
      bytes: fc.uint8Array({ minLength: 80, maxLength: 80 }),
      flags: fc.constantFrom(null, 0, 0x80, 0x8000, 0x8080),
      adds: fc.nat(3),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 12 }),
        fc.boolean(),
        fc.boolean(),
        (steps, inOrder, eventIdx) => {
          const { memory, ring, raw } = packedQueue(5, { inOrder, eventIdx });
          for (const { bytes, flags, adds } of steps) {
            for (let i = 0; i < adds && ring.free >= 1 + (i & 1); i++) ring.add(i & 1 ? [R(), W()] : [R()]);
            ring.publish();
            ring.kickNeeded();
            memory.bytes.set(bytes, DESC);
            memory.bytes.set(bytes.subarray(0, 4), DEVICE);
            for (let slot = 0; slot < 5 && flags !== null; slot++)
              raw.setDesc(slot, { flags, id: bytes[slot] % 6 });
            const before = ring.outstanding;
            const all = drain(ring);
            // Known buffers run out; between two of them at most one lap of nonsense is reported.
            expect(all.filter((buffer) => buffer.known).length).toBe(before - ring.outstanding);
            expect(all.map((buffer) => (buffer.known ? '!' : '.')).join('')).not.toContain('......');
            ring.armInterrupts();
            expect(ring.free + ring.outstanding).toBeLessThanOrEqual(5);
            if (ring.outstanding === 0) expect(ring.free).toBe(5);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
