import { HostMemory } from '../../memory/host-memory.ts';
import { PackedDriverRing } from './packed.ts';
import { rawPacked } from './raw-packed.ts';
import { rawSplit } from './raw-split.ts';
import {
  type AddOptions,
  type DriverRing,
  type DriverRingConfig,
  DriverRingError,
  type Element,
  type UsedBuffer,
} from './ring.ts';
import { SplitDriverRing } from './split.ts';

// Fixtures of the ring tests. No device code here: the tests write by hand what a device would.

/** Descriptor table or ring, the rings of the split and the event areas of the packed format. */
export const DESC = 0x1000;
export const AVAIL_RING = 0x2000;
export const USED_RING = 0x3000;
export const DRIVER = 0x3000;
export const DEVICE = 0x3010;
/** An indirect table. */
export const TABLE = { pa: 0x4000, iova: 0x7_0000_4000, size: 256 };
/** Descriptor flags (section 2.7.1). */
export const AVAIL = 0x80;
export const USED = 0x8000;

/** A queue whose device is the test itself: it writes the used ring by hand. */
export function splitQueue(num = 8, over: Partial<DriverRingConfig> = {}) {
  const memory = new HostMemory(0x5000);
  memory.bytes.fill(0xa5);
  const config: DriverRingConfig = {
    memory,
    num,
    desc: { pa: DESC, iova: DESC, size: 16 * num },
    driver: { pa: AVAIL_RING, iova: AVAIL_RING, size: 6 + 2 * num },
    device: { pa: USED_RING, iova: USED_RING, size: 6 + 8 * num },
    eventIdx: false,
    inOrder: false,
    ...over,
  };
  const ring = new SplitDriverRing(config);
  const raw = rawSplit(memory, config, num);
  /** Used entries for `ids`, one index store; `by` moves the index further than there are entries. */
  const use = (ids: number[], len = 7, by = ids.length) => {
    const from = raw.usedIdx;
    for (const [i, id] of ids.entries()) raw.setUsedElem((from + i) % num, { id, len: len + i });
    raw.usedIdx = from + by;
  };
  return { memory, config, ring, raw, use };
}

/** A queue whose device is the test itself: it writes used descriptors by hand. */
export function packedQueue(num = 8, over: Partial<DriverRingConfig> = {}) {
  const memory = new HostMemory(0x5000);
  memory.bytes.fill(0xa5);
  const config: DriverRingConfig = {
    memory,
    num,
    desc: { pa: DESC, iova: DESC, size: 16 * num },
    driver: { pa: DRIVER, iova: DRIVER, size: 4 },
    device: { pa: DEVICE, iova: DEVICE, size: 4 },
    eventIdx: false,
    inOrder: false,
    ...over,
  };
  const ring = new PackedDriverRing(config);
  const raw = rawPacked(memory, config, num);
  const device = { slot: over.start?.index ?? 0, wrap: over.start?.wrap ?? 1 };
  /** One used descriptor at the device's position, which then moves on by `skip`. */
  const use = (id: number, skip = 1, len = 7, flags = 0) => {
    raw.setDesc(device.slot, { id, len, flags: flags | (device.wrap === 1 ? AVAIL | USED : 0) });
    device.slot += skip;
    if (device.slot >= num) {
      device.slot -= num;
      device.wrap ^= 1;
    }
  };
  const offer = (elements: Element[], options?: AddOptions): number => {
    const id = ring.add(elements, options);
    ring.publish();
    return id;
  };
  return { memory, config, ring, raw, use, offer };
}

/** A device-readable element. */
export const R = (iova = 0x8000, len = 16): Element => ({ iova, len, write: false });
/** A device-writable element. */
export const W = (iova = 0x9000, len = 32): Element => ({ iova, len, write: true });
/** Everything that `poll` has to give. */
export const drain = (ring: DriverRing): UsedBuffer[] => {
  const all: UsedBuffer[] = [];
  for (let buffer = ring.poll(); buffer !== null; buffer = ring.poll()) all.push(buffer);
  return all;
};
/** Code of the DriverRingError that `action` throws, or `accepted`. */
export const refused = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof DriverRingError) return error.code;
    throw error;
  }
  return 'accepted';
};
