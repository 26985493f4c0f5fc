import { describe, expect, it } from 'vitest';
import { HostMemory } from '../../memory/host-memory.ts';
import { layoutQueue } from './areas.ts';
import { createDriverRing } from './create.ts';
import { PackedDriverRing } from './packed.ts';
import { readPackedDesc } from './raw-packed.ts';
import { AVAIL, DESC, DEVICE, DRIVER, drain, packedQueue, R, refused, TABLE, USED, W } from './test-kit.ts';

describe('set-up', () => {
  it('clears exactly the three areas', () => {
    const { memory } = packedQueue(5);
    for (const [at, size] of [
      [DESC, 80],
      [DRIVER, 4],
      [DEVICE, 4],
    ]) {
      expect(memory.bytes.subarray(at, at + size).every((byte) => byte === 0)).toBe(true);
      expect([memory.bytes[at - 1], memory.bytes[at + size]]).toEqual([0xa5, 0xa5]);
    }
  });

  it.each([
    [3, 1, [0x8080, 0x8080, 0x8080, 0, 0]],
    [4, 0, [0, 0, 0, 0, 0x8080]],
    [0, 0, [0x8080, 0x8080, 0x8080, 0x8080, 0x8080]],
  ] as const)('restores slot %i, wrap %i with the residue of used descriptors', (index, wrap, flags) => {
    const { ring, raw, use, offer } = packedQueue(5, { start: { index, wrap } });
    expect(flags.map((_, slot) => raw.desc(slot).flags)).toEqual(flags);
    expect(ring.poll()).toBeNull();
    for (let i = 0; i < 12; i++) {
      use(offer([R()], { token: i }));
      expect(drain(ring).map((buffer) => buffer.token)).toEqual([i]);
    }
  });

  it('refuses what cannot work', () => {
    expect(refused(() => packedQueue(0))).toBe('bad-config');
    expect(refused(() => packedQueue(32769))).toBe('bad-config');
    expect(refused(() => packedQueue(5, { start: { index: 5 } }))).toBe('bad-config');
    expect(refused(() => packedQueue(5, { driver: { pa: DRIVER, iova: 0, size: 3 } }))).toBe('bad-config');
  });

  it('lays queues out', () => {
    expect(layoutQueue('packed', 5)).toEqual({
      desc: { size: 80, align: 16 },
      driver: { size: 4, align: 4 },
      device: { size: 4, align: 4 },
    });
    expect(createDriverRing(true, packedQueue().config)).toBeInstanceOf(PackedDriverRing);
  });
});

describe('adding', () => {
  it('holds back the head flags of every list until publish', () => {
    const { ring, raw } = packedQueue();
    const id = ring.add([R(0x1_2345_6789_abcd, 3), R(), W()]);
    const second = ring.add([W()]);
    expect([0, 1, 2, 3].map((slot) => raw.desc(slot).flags)).toEqual([0, AVAIL | 1, AVAIL | 2, 0]);
    expect(ring.availPosition).toBe(0x8000);
    ring.publish();
    expect(raw.desc(0)).toEqual({ addr: 0x1_2345_6789_abcd, len: 3, id, flags: AVAIL | 1 });
    expect(raw.desc(1)).toEqual({ addr: 0x8000, len: 16, id, flags: AVAIL | 1 });
    expect(raw.desc(2)).toEqual({ addr: 0x9000, len: 32, id, flags: AVAIL | 2 });
    expect(raw.desc(3)).toEqual({ addr: 0x9000, len: 32, id: second, flags: AVAIL | 2 });
    expect([ring.free, ring.outstanding, ring.availPosition]).toEqual([4, 2, 0x8004]);
    expect(ring.notificationData()).toBe(0x8004_0000);
  });

  it('stores the very first head last', () => {
    const stores: number[] = [];
    const memory = new HostMemory(0x5000);
    const words = new Proxy(memory.words, {
      set(target, index, value) {
        stores.push(4 * Number(index));
        return Reflect.set(target, index, value);
      },
    });
    Object.defineProperty(memory, 'words', { value: words });
    const { ring } = packedQueue(8, { memory });
    ring.add([R(), R()]);
    ring.add([R()]);
    expect(stores).toContain(DESC + 28);
    expect(stores).not.toContain(DESC + 12);
    stores.length = 0;
    ring.publish();
    expect(stores).toEqual([DESC + 44, DESC + 12]);
  });

  it('flips the marks inside a list that crosses the end', () => {
    const { ring, raw, use, offer } = packedQueue(5);
    use(offer([R(), R(), R(), W()]), 4);
    drain(ring);
    offer([R(), R(), W()]);
    expect([4, 0, 1].map((slot) => raw.desc(slot).flags)).toEqual([AVAIL | 1, USED | 1, USED | 2]);
    expect(ring.notificationData()).toBe(0x2_0000);
  });

  it('hands out each id once, scattered, and again after use', () => {
    for (const num of [1, 2, 3, 5, 7, 8, 255, 256]) {
      const { ring } = packedQueue(num);
      const ids = Array.from({ length: num }, () => ring.add([R()]));
      expect([...ids].sort((a, b) => a - b)).toEqual(Array.from({ length: num }, (_, i) => i));
      if (num > 3) expect(ids.filter((id, slot) => id === slot).length).toBeLessThanOrEqual(num / 2);
      expect(refused(() => ring.add([R()]))).toBe('ring-full');
    }
  });

  it('takes ids that the caller chose', () => {
    const { ring, raw, use } = packedQueue(4);
    expect(ring.add([R(), W()], { id: 1, otherIds: 0xdead, token: 'a' })).toBe(1);
    expect(ring.add([R()], { id: 60000, token: 'b' })).toBe(60000);
    expect([1, 60000, -1, 65536, 0.5].map((id) => refused(() => ring.add([R()], { id })))).toEqual(
      Array(5).fill('bad-id'),
    );
    expect(ring.free).toBe(1);
    ring.publish();
    expect([0, 1, 2].map((slot) => raw.desc(slot).id)).toEqual([0xdead, 1, 60000]);
    use(60000);
    use(60000);
    expect(drain(ring).map((buffer) => [buffer.id, buffer.token, buffer.fault])).toEqual([
      [60000, 'b', undefined],
      [60000, undefined, 'id'],
    ]);
    expect(ring.add([R()], { id: 60000 })).toBe(60000);
  });

  it('writes an indirect table into one descriptor', () => {
    const { memory, ring, raw } = packedQueue(4);
    const options = { indirect: { table: TABLE } };
    const id = ring.add([R(), R(), R(), R(), W()], options);
    ring.add([W()], { ...options, indirectWriteFlag: true });
    ring.publish();
    expect(raw.desc(0)).toEqual({ addr: TABLE.iova, len: 80, id, flags: AVAIL | 4 });
    expect(raw.desc(1)).toMatchObject({ len: 16, flags: AVAIL | 6 });
    expect(readPackedDesc(memory, TABLE.pa)).toEqual({ addr: 0x9000, len: 32, id: 0, flags: 2 });
    expect(readPackedDesc(memory, TABLE.pa + 16)).toEqual({ addr: 0x8000, len: 16, id: 0, flags: 0 });
    expect(ring.free).toBe(2);
    const mixed = { indirect: { table: TABLE, direct: 1 } };
    expect(refused(() => ring.add([R(), W()], mixed))).toBe('breach');
    ring.add([R(), W()], { ...mixed, breach: true });
    ring.publish();
    expect([raw.desc(2).flags, raw.desc(3).flags]).toEqual([AVAIL | 1, AVAIL | 4]);
    expect(refused(() => packedQueue().ring.add([W(), R()]))).toBe('breach');
    expect(refused(() => packedQueue().ring.add([]))).toBe('empty-buffer');
  });
});

describe('kicks (2.7.10)', () => {
  it('follow the device event flags', () => {
    const { raw, ring, offer } = packedQueue();
    const kick = (flags: number, offset = 5): boolean => {
      raw.setDeviceEvent({ flags, offset });
      offer([R()]);
      return ring.kickNeeded();
    };
    expect([kick(0), kick(1), kick(2), kick(3), kick(1, 4)]).toEqual([true, false, true, true, false]);
    expect(ring.kickNeeded()).toBe(false);
  });

  it.each([
    // start, wrap, descriptors, event offset, event wrap, due; ring of 5
    [0, 1, 3, 0, 1, true],
    [0, 1, 3, 2, 1, true],
    [0, 1, 3, 3, 1, false],
    [0, 1, 3, 0, 0, false],
    [3, 1, 4, 4, 1, true],
    [3, 1, 4, 0, 0, true],
    [3, 1, 4, 1, 0, true],
    [3, 1, 4, 2, 0, false],
    [3, 1, 4, 1, 1, false],
    [4, 0, 3, 4, 0, true],
    [4, 0, 3, 1, 1, true],
    [4, 0, 3, 3, 0, false],
    [0, 1, 5, 4, 1, true],
    [0, 1, 5, 5, 1, false],
  ] as const)(
    'follow the device event: slot %i/%i, %i added, event %i/%i',
    (index, wrap, count, offset, bit, due) => {
      const { ring, raw } = packedQueue(5, { eventIdx: true, start: { index, wrap } });
      raw.setDeviceEvent({ flags: 2, offset, wrap: bit });
      ring.add([R()]);
      ring.publish();
      if (count > 2) ring.add(Array.from({ length: count - 1 }, () => R()));
      ring.publish();
      expect([ring.kickNeeded(), ring.kickNeeded()]).toEqual([due, false]);
    },
  );
});

describe('interrupts (2.7.10)', () => {
  it('are switched without EVENT_IDX', () => {
    const { ring, raw } = packedQueue();
    ring.setInterrupts({ mode: 'disable' });
    expect(raw.driverEvent().flags).toBe(1);
    ring.armInterrupts();
    expect(raw.driverEvent()).toEqual({ offset: 0, wrap: 0, flags: 0 });
    expect(refused(() => ring.setInterrupts({ mode: 'event', at: 0 }))).toBe('bad-mode');
  });

  it('are aimed with EVENT_IDX', () => {
    const { memory, ring, raw, use, offer } = packedQueue(3, { eventIdx: true });
    ring.armInterrupts();
    expect(raw.driverEvent()).toEqual({ offset: 0, wrap: 1, flags: 2 });
    use(offer([R(), W()]), 2);
    drain(ring);
    ring.setInterrupts({ mode: 'event', at: 2 });
    expect([...memory.bytes.subarray(DRIVER, DRIVER + 4)]).toEqual([2, 0x80, 2, 0]);
    ring.setInterrupts({ mode: 'event', at: 1 });
    expect(raw.driverEvent()).toEqual({ offset: 1, wrap: 0, flags: 2 });
    ring.setInterrupts({ mode: 'event', at: 1, wrap: 1 });
    expect(raw.driverEvent()).toEqual({ offset: 1, wrap: 1, flags: 2 });
    ring.setInterrupts({ mode: 'disable' });
    expect(raw.driverEvent().flags).toBe(1);
    expect(refused(() => ring.setInterrupts({ mode: 'event', at: 3 }))).toBe('bad-mode');
    expect([memory.bytes[DRIVER - 1], memory.bytes[DRIVER + 4]]).toEqual([0xa5, 0xa5]);
  });
});
