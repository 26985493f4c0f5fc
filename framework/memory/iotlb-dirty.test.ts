import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERRNO, PERM } from '../device.ts';
import { DIRTY_PAGE, type DirtyLog, pagesOf } from './dirty.ts';
import { HostMemory, type MemoryTracer } from './host-memory.ts';
import { Iotlb } from './iotlb.ts';
import { IotlbDirtyTracking, TrackedDmaView } from './iotlb-dirty.ts';

const IOVA = 0x40_0000;
const SIZE = 16 * DIRTY_PAGE;
const PA = 3 * DIRTY_PAGE + 512;

function rig() {
  const memory = new HostMemory(1 << 18);
  const port = memory.port();
  const table = new Iotlb();
  table.map({ iova: IOVA, size: SIZE, addr: PA, perm: PERM.RW });
  const tracking = new IotlbDirtyTracking(table);
  const log: DirtyLog = { addr: 0x30000, bytes: memory.bytes.subarray(0x30000, 0x30000 + DIRTY_PAGE) };
  const marked = () => {
    const pages: number[] = [];
    for (let page = 0; page < log.bytes.length * 8; page++)
      if ((log.bytes[page >> 3] & (1 << (page % 8))) !== 0) pages.push(page);
    return pages;
  };
  return { port, table, tracking, log, marked, view: new TrackedDmaView(port, table, tracking) };
}

/** Pages by what passed the port, which knows nothing of marks. */
function tracer(pages: Set<number>): MemoryTracer {
  return {
    traceReads: false,
    read() {},
    fault() {},
    wrote(addr, length) {
      const { first, last } = pagesOf(IOVA + addr - PA, length);
      for (let page = first; page <= last; page++) pages.add(page);
    },
  };
}

const STORE = fc.record({
  at: fc.integer({ min: 0, max: SIZE - 6000 }),
  how: fc.constantFrom(1, 2, 4, 8, 100, 4096, 5000),
  other: fc.boolean(),
});

describe('dirty tracking by IOTLB writes', () => {
  it('marks the pages that memory access tracking saw, and no other', () => {
    fc.assert(
      fc.property(fc.array(STORE, { maxLength: 30 }), (stores) => {
        const { port, tracking, log, marked, view } = rig();
        const second = new Iotlb();
        second.map({ iova: 0x77_0000, size: SIZE, addr: PA, perm: PERM.RW });
        const through = new TrackedDmaView(port, second, tracking);
        const pages = new Set<number>();
        port.trace(tracer(pages));
        expect(tracking.start(log)).toBe(0);
        for (const { at, how, other } of stores) {
          const [by, iova] = other ? [through, 0x77_0000 + at] : [view, IOVA + at];
          if (how === 1) by.put8(iova, 1);
          else if (how === 2) by.put16(iova, 1);
          else if (how === 4) by.put32(iova, 1);
          else if (how === 8) by.put32x2(iova, 1, 1);
          else by.store(iova, new Uint8Array(how));
        }
        expect(marked()).toEqual([...pages].sort((a, b) => a - b));
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('keeps its marks over a stop, and writes nothing afterwards', () => {
    const { tracking, log, marked, view } = rig();
    tracking.start(log);
    view.put8(IOVA, 1);
    tracking.stop();
    view.put8(IOVA + DIRTY_PAGE, 1);
    expect(marked()).toEqual([IOVA / DIRTY_PAGE]);
    tracking.start(log);
    view.put8(IOVA + DIRTY_PAGE, 1);
    expect(marked()).toEqual([IOVA / DIRTY_PAGE, IOVA / DIRTY_PAGE + 1]);
  });

  it('refuses a second log, and one that is not in whole pages', () => {
    const { tracking, log } = rig();
    expect(tracking.start({ ...log, bytes: log.bytes.subarray(1) })).toBe(-ERRNO.EINVAL);
    expect(tracking.start({ ...log, addr: 1 })).toBe(-ERRNO.EINVAL);
    expect(tracking.start(log)).toBe(0);
    expect(tracking.start(log)).toBe(-ERRNO.EBUSY);
  });

  it('reaches no area in place while it is on', () => {
    const { tracking, log, view } = rig();
    expect(view.words(IOVA, 64)).not.toBeNull();
    tracking.start(log);
    expect(view.words(IOVA, 64)).toBeNull();
    tracking.stop();
    expect(view.words(IOVA, 64)).not.toBeNull();
  });
});
