import { describe, expect, it } from 'vitest';
import { layoutQueue } from './areas.ts';
import { createDriverRing } from './create.ts';
import { readSplitDesc } from './raw-split.ts';
import { SplitDriverRing } from './split.ts';
import { AVAIL_RING, DESC, drain, R, refused, splitQueue, TABLE, USED_RING, W } from './test-kit.ts';

describe('set-up', () => {
  it('clears exactly the three areas', () => {
    const { memory } = splitQueue(4);
    for (const [at, size] of [
      [DESC, 64],
      [AVAIL_RING, 14],
      [USED_RING, 38],
    ]) {
      expect(memory.bytes.subarray(at, at + size).every((byte) => byte === 0)).toBe(true);
      expect([memory.bytes[at - 1], memory.bytes[at + size]]).toEqual([0xa5, 0xa5]);
    }
  });

  it('presets indices and events for a restored queue', () => {
    const { ring, raw } = splitQueue(8, { start: { index: 65530 } });
    expect([raw.availIdx, raw.usedIdx, raw.usedEvent, raw.availEvent]).toEqual([65530, 65530, 65530, 65530]);
    expect([ring.availPosition, ring.usedPosition, ring.usedIndex()]).toEqual([65530, 65530, 65530]);
    expect(ring.poll()).toBeNull();
  });

  it('refuses what cannot work', () => {
    expect(refused(() => splitQueue(6))).toBe('bad-config');
    expect(refused(() => splitQueue(0))).toBe('bad-config');
    expect(refused(() => splitQueue(8, { start: { index: 65536 } }))).toBe('bad-config');
    expect(refused(() => splitQueue(8, { device: { pa: USED_RING, iova: 0, size: 69 } }))).toBe('bad-config');
    expect(refused(() => splitQueue(8, { device: { pa: 0x4fff, iova: 0, size: 70 } }))).toBe('bad-config');
  });

  it('lays queues out', () => {
    expect(layoutQueue('split', 8)).toEqual({
      desc: { size: 128, align: 16 },
      driver: { size: 22, align: 2 },
      device: { size: 70, align: 4 },
    });
    const { config } = splitQueue();
    expect(createDriverRing(false, config)).toBeInstanceOf(SplitDriverRing);
  });
});

describe('adding', () => {
  it('chains direct descriptors in table order', () => {
    const { ring, raw } = splitQueue();
    expect(ring.add([R(0x1_2345_6789_abcd, 3), R(), W()])).toBe(0);
    expect(ring.add([W()])).toBe(3);
    expect(raw.desc(0)).toEqual({ addr: 0x1_2345_6789_abcd, len: 3, flags: 1, next: 1 });
    expect(raw.desc(1)).toEqual({ addr: 0x8000, len: 16, flags: 1, next: 2 });
    expect(raw.desc(2)).toEqual({ addr: 0x9000, len: 32, flags: 2, next: 0 });
    expect(raw.desc(3)).toEqual({ addr: 0x9000, len: 32, flags: 2, next: 0 });
    expect([ring.free, ring.outstanding]).toEqual([4, 2]);
  });

  it('exposes everything added with one index store', () => {
    const { ring, raw } = splitQueue();
    ring.publish();
    ring.add([R(), W()]);
    ring.add([R()]);
    expect(raw.availIdx).toBe(0);
    ring.publish();
    expect([raw.availIdx, raw.availRing(0), raw.availRing(1)]).toEqual([2, 0, 2]);
    expect(ring.notificationData()).toBe(0x2_0000);
  });

  it('writes an indirect table, alone or behind direct descriptors', () => {
    const { memory, ring, raw } = splitQueue();
    ring.add([R(), R(), W()], { indirect: { table: TABLE } });
    expect(raw.desc(0)).toEqual({ addr: TABLE.iova, len: 48, flags: 4, next: 0 });
    const entry = (i: number) => readSplitDesc(memory, TABLE.pa + 16 * i);
    expect([entry(0), entry(1), entry(2)].map((desc) => [desc.flags, desc.next])).toEqual([
      [1, 1],
      [1, 2],
      [2, 0],
    ]);
    ring.add([R(), W(), W(0xa000)], { indirect: { table: TABLE, direct: 2 }, indirectWriteFlag: true });
    expect(raw.desc(1)).toMatchObject({ flags: 1, next: 2 });
    expect(raw.desc(2)).toMatchObject({ flags: 3, next: 3 });
    expect(raw.desc(3)).toEqual({ addr: TABLE.iova, len: 16, flags: 6, next: 0 });
    expect(entry(0)).toEqual({ addr: 0xa000, len: 32, flags: 2, next: 0 });
    expect(ring.free).toBe(4);
  });

  it('uses the slots it is told', () => {
    const { ring, raw, use } = splitQueue();
    expect(ring.add([R(), R(), W()], { slots: [7, 2, 5] })).toBe(7);
    expect([raw.desc(7).next, raw.desc(2).next, raw.desc(5).next]).toEqual([2, 5, 0]);
    const codes = [[0, 1], [2], [8], [-1], [0.5]].map((slots) => refused(() => ring.add([R()], { slots })));
    expect(codes).toEqual(Array(5).fill('bad-slots'));
    expect(refused(() => ring.add([R(), R()], { slots: [0, 0] }))).toBe('bad-slots');
    expect(ring.free).toBe(5);
    const rest = [0, 1, 3, 4, 6].map(() => ring.add([R()]));
    expect(rest).toEqual([0, 1, 3, 4, 6]);
    ring.publish();
    use([7]);
    expect(drain(ring)).toHaveLength(1);
    expect([ring.add([R()]), ring.add([R()]), ring.add([R()])]).toEqual([7, 2, 5]);
  });

  it('takes slots in ring order while buffers complete in order', () => {
    const { ring, raw, use } = splitQueue(4, { inOrder: true });
    for (const head of [0, 3, 2, 1, 0]) {
      expect(ring.add([R(), R(), W()])).toBe(head);
      expect(raw.desc((head + 1) % 4).next).toBe((head + 2) % 4);
      ring.publish();
      use([head]);
      expect(drain(ring)).toHaveLength(1);
    }
  });

  it('refuses what the caller got wrong and stays as it was', () => {
    const { ring } = splitQueue(4);
    const four = [R(), R(), R(), W()];
    expect(refused(() => ring.add([]))).toBe('empty-buffer');
    expect(refused(() => ring.add([R()], { indirect: { table: TABLE, direct: 1 } }))).toBe('empty-buffer');
    expect(refused(() => ring.add(four, { indirect: { table: { ...TABLE, size: 63 } } }))).toBe('bad-table');
    expect(refused(() => ring.add(four, { indirect: { table: { ...TABLE, pa: 0x4ff0 } } }))).toBe(
      'bad-table',
    );
    expect(refused(() => ring.add([R(-1)]))).toBe('bad-element');
    expect(refused(() => ring.add([R(2 ** 60)]))).toBe('bad-element');
    expect(refused(() => ring.add([R(0, 2 ** 32)]))).toBe('bad-element');
    expect(refused(() => ring.add([...four, W()]))).toBe('ring-full');
    expect([ring.free, ring.outstanding]).toEqual([4, 0]);
    ring.add(four);
    expect(refused(() => ring.add([R()]))).toBe('ring-full');
  });

  it('breaks driver rules on request only', () => {
    const { ring, raw } = splitQueue(4);
    const long = [R(), R(), R(), R(), W()];
    expect(refused(() => ring.add([W(), R()]))).toBe('breach');
    expect(refused(() => ring.add(long, { indirect: { table: TABLE } }))).toBe('breach');
    ring.add([W(), R()], { breach: true });
    ring.add(long, { indirect: { table: TABLE }, breach: true });
    expect([raw.desc(0).flags, raw.desc(1).flags, raw.desc(2).len]).toEqual([3, 0, 80]);
  });
});

describe('kicks (2.6.10)', () => {
  it('follow used.flags without EVENT_IDX', () => {
    const { ring, raw } = splitQueue();
    const kick = (flags: number): boolean => {
      raw.usedFlags = flags;
      ring.add([R()]);
      ring.publish();
      return ring.kickNeeded();
    };
    raw.availEvent = 1000;
    expect(ring.kickNeeded()).toBe(false);
    expect([kick(0), kick(1), kick(0)]).toEqual([true, false, true]);
    expect(ring.kickNeeded()).toBe(false);
  });

  it.each([
    [0, 3, 0, true],
    [0, 3, 2, true],
    [0, 3, 3, false],
    [0, 3, 65535, false],
    [65533, 5, 65532, false],
    [65533, 5, 65533, true],
    [65533, 5, 65535, true],
    [65533, 5, 1, true],
    [65533, 5, 2, false],
    [100, 5, 32868, false],
  ])('follow avail_event: from %i, %i buffers, event %i', (index, count, event, expected) => {
    const { ring, raw } = splitQueue(8, { eventIdx: true, start: { index } });
    raw.availEvent = event;
    raw.usedFlags = 1;
    // Over two publications: the rule spans everything since the last question.
    for (let i = 0; i < count; i++) {
      ring.add([R()]);
      if (i === 0) ring.publish();
    }
    ring.publish();
    expect([ring.kickNeeded(), ring.kickNeeded()]).toEqual([expected, false]);
  });
});

describe('interrupts (2.6.7)', () => {
  it('use avail.flags without EVENT_IDX', () => {
    const { ring, raw } = splitQueue();
    ring.setInterrupts({ mode: 'disable' });
    expect(raw.availFlags).toBe(1);
    ring.armInterrupts();
    expect([raw.availFlags, raw.usedEvent]).toEqual([0, 0]);
    expect(refused(() => ring.setInterrupts({ mode: 'event', at: 0 }))).toBe('bad-mode');
  });

  it('use used_event alone with EVENT_IDX', () => {
    const { ring, raw, use } = splitQueue(8, { eventIdx: true, start: { index: 65535 } });
    ring.setInterrupts({ mode: 'disable' });
    expect(raw.usedEvent).toBe(65534);
    use([ring.add([R()])]);
    ring.publish();
    ring.poll();
    ring.armInterrupts();
    expect(raw.usedEvent).toBe(0);
    ring.setInterrupts({ mode: 'disable' });
    expect(raw.usedEvent).toBe(65535);
    ring.setInterrupts({ mode: 'event', at: 1234 });
    expect([raw.usedEvent, raw.availFlags]).toEqual([1234, 0]);
    expect(refused(() => ring.setInterrupts({ mode: 'event', at: 65536 }))).toBe('bad-mode');
  });
});
