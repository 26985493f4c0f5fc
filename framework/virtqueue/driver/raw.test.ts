import { describe, expect, it } from 'vitest';
import { AVAIL_RING, DESC, DEVICE, DRIVER, packedQueue, splitQueue, USED_RING } from './test-kit.ts';

describe('raw split access', () => {
  it('reaches every field at its place', () => {
    const { memory, raw } = splitQueue(4);
    raw.setDesc(3, { addr: 2n ** 64n - 8n, len: 0xffffffff, flags: 0xffff, next: 0x1234 });
    expect([...memory.bytes.subarray(DESC + 48, DESC + 64)]).toEqual([
      0xf8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0x34, 0x12,
    ]);
    expect(raw.desc(3).addr).toBe(2n ** 64n - 8n);
    raw.setDesc(3, { addr: 2 ** 40 + 1 });
    expect(raw.desc(3)).toEqual({ addr: 2 ** 40 + 1, len: 0xffffffff, flags: 0xffff, next: 0x1234 });
    Object.assign(raw, { availFlags: 1, availIdx: 2, usedEvent: 3, usedFlags: 4, usedIdx: 5, availEvent: 6 });
    raw.setAvailRing(3, 7);
    raw.setUsedElem(3, { id: 8, len: 9 });
    const at = (pa: number) => memory.view.getUint16(pa, true);
    expect([at(AVAIL_RING), at(AVAIL_RING + 2), at(AVAIL_RING + 10), at(AVAIL_RING + 12)]).toEqual([
      1, 2, 7, 3,
    ]);
    expect([
      at(USED_RING),
      at(USED_RING + 2),
      at(USED_RING + 28),
      at(USED_RING + 32),
      at(USED_RING + 36),
    ]).toEqual([4, 5, 8, 9, 6]);
    expect([raw.availFlags, raw.availRing(3), raw.usedFlags, raw.availEvent]).toEqual([1, 7, 4, 6]);
    expect(raw.usedElem(3)).toEqual({ id: 8, len: 9 });
  });

  it('refuses slips', () => {
    const { raw } = splitQueue(4);
    expect(() => raw.desc(4)).toThrow(RangeError);
    expect(() => raw.setAvailRing(-1, 0)).toThrow(RangeError);
    expect(() => raw.setDesc(0, { addr: 2 ** 60 })).toThrow(/bigint/);
    expect(() => raw.setDesc(0, { addr: 2n ** 64n })).toThrow(/64-bit/);
  });
});
describe('raw packed access', () => {
  it('reaches every field at its place', () => {
    const { memory, raw } = packedQueue(3);
    raw.setDesc(2, { addr: 2n ** 64n - 8n, len: 0xffffffff, id: 0x1234, flags: 0x8001 });
    expect([...memory.bytes.subarray(DESC + 32, DESC + 48)]).toEqual([
      0xf8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0x34, 0x12, 0x01, 0x80,
    ]);
    raw.setDesc(2, { addr: 5 });
    expect(raw.desc(2)).toEqual({ addr: 5, len: 0xffffffff, id: 0x1234, flags: 0x8001 });
    raw.setDriverEvent({ offset: 0x7fff, wrap: 0, flags: 0xfffe });
    raw.setDeviceEvent({ offset: 1, wrap: 1, flags: 2 });
    expect([...memory.bytes.subarray(DRIVER, DRIVER + 4)]).toEqual([0xff, 0x7f, 0xfe, 0xff]);
    expect([...memory.bytes.subarray(DEVICE, DEVICE + 4)]).toEqual([1, 0x80, 2, 0]);
    raw.setDeviceEvent({ flags: 3 });
    expect(raw.deviceEvent()).toEqual({ offset: 1, wrap: 1, flags: 3 });
    expect(() => raw.desc(3)).toThrow(RangeError);
  });
});
