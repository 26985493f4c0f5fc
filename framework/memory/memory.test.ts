import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERRNO, type IotlbEntry, PERM, type VdpaConfigOps } from '../device.ts';
import { AddressSpace } from './address-space.ts';
import { GUARD, GuestMemory, PAGE } from './guest-memory.ts';
import { DmaFault, HostMemory, type MemoryTracer } from './host-memory.ts';
import { DmaView, IOTLB_MAX_ENTRIES, Iotlb } from './iotlb.ts';

const MAX = Number.MAX_SAFE_INTEGER;

/** What `action` throws as a DmaFault: access, reason, address, length. */
function faultOf(action: () => unknown): unknown[] | 'none' {
  try {
    action();
  } catch (error) {
    if (!(error instanceof DmaFault)) throw error;
    return [error.access, error.reason, error.iova, error.length];
  }
  return 'none';
}

describe('Iotlb', () => {
  it('keeps entries sorted, apart, and its own', () => {
    const table = new Iotlb();
    const entry: IotlbEntry = { iova: 100, size: 50, addr: 0, perm: PERM.RW };
    expect(table.map(entry)).toBe(true);
    entry.size = 1;
    expect(table.map({ iova: 0, size: 100, addr: 7, perm: PERM.RO })).toBe(true);
    expect(table.map({ iova: 150, size: 1, addr: 9, perm: PERM.WO })).toBe(true);
    for (const [iova, size] of [
      [99, 2],
      [149, 1],
      [0, 1],
      [100, 50],
      [120, 5],
      [0, 1000],
      [150, 1],
    ]) {
      expect(table.map({ iova, size, addr: 0, perm: PERM.RW })).toBe(false);
    }
    expect(table.entries.map(({ iova, size }) => [iova, size])).toEqual([
      [0, 100],
      [100, 50],
      [150, 1],
    ]);
    expect([0, 99, 100, 149, 150, 151].map((iova) => table.find(iova)?.iova)).toEqual([
      0,
      0,
      100,
      100,
      150,
      undefined,
    ]);
  });

  it('refuses what is empty, too high or too much', () => {
    const table = new Iotlb();
    const at = (iova: number, size: number) => table.map({ iova, size, addr: 0, perm: PERM.RW });
    expect([at(0, 0), at(0, -1), at(MAX, 1), at(2 ** 53, 16), at(0, MAX + 3)]).toEqual(Array(5).fill(false));
    expect(at(MAX - 16, 16)).toBe(true);
    table.clear();
    for (let i = 0; i < IOTLB_MAX_ENTRIES; i++) expect(at(2 * i, 1)).toBe(true);
    expect(at(2 * IOTLB_MAX_ENTRIES, 1)).toBe(false);
  });

  it('unmaps whole entries inside a range only', () => {
    const table = new Iotlb();
    for (const iova of [0, 100, 200]) table.map({ iova, size: 100, addr: 0, perm: PERM.RW });
    table.unmap(50, 200);
    expect(table.entries.map(({ iova }) => iova)).toEqual([0, 200]);
    table.unmap(1000, 10);
    table.unmap(0, 300);
    expect(table.entries).toEqual([]);
  });

  it('replaces the table as a whole, and is empty after a malformed one', () => {
    const table = new Iotlb();
    table.map({ iova: 0, size: 10, addr: 0, perm: PERM.RW });
    const good = [{ iova: 5, size: 10, addr: 0, perm: PERM.RW }];
    expect(table.replace(good)).toBe(true);
    expect(table.find(0)).toBeUndefined();
    expect(table.replace([...good, ...good])).toBe(false);
    expect(table.entries).toEqual([]);
  });

  it('moves its generation with every change', () => {
    const table = new Iotlb();
    const seen = new Set([table.generation]);
    const steps = [
      () => table.map({ iova: 0, size: 10, addr: 0, perm: PERM.RW }),
      () => table.unmap(0, 10),
      () => table.replace([]),
      () => table.clear(),
    ];
    for (const step of steps) {
      step();
      seen.add(table.generation);
    }
    expect(seen.size).toBe(5);
  });
});

describe('DmaView', () => {
  /** Memory of 64 bytes, numbered; mapping: see the tests. */
  function view(...entries: [iova: number, size: number, addr: number, perm: 1 | 2 | 3][]) {
    const memory = new HostMemory(64);
    memory.bytes.forEach((_, i) => {
      memory.bytes[i] = i;
    });
    const table = new Iotlb();
    for (const [iova, size, addr, perm] of entries) table.map({ iova, size, addr, perm });
    return { memory, table, dma: new DmaView(memory.port(), table) };
  }
  const load = (dma: DmaView, iova: number, length: number) => {
    const bytes = new Uint8Array(length);
    dma.load(iova, length, bytes);
    return [...bytes];
  };

  it('crosses entries with bulk accesses, not with single ones', () => {
    const { dma, memory } = view([1000, 4, 20, 3], [1004, 4, 8, 3]);
    expect(load(dma, 1002, 4)).toEqual([22, 23, 8, 9]);
    dma.store(1003, Uint8Array.of(0, 0xaa, 0xbb, 0), 1, 2);
    expect([memory.bytes[23], memory.bytes[8]]).toEqual([0xaa, 0xbb]);
    expect(dma.get16(1004)).toBe(0x09bb);
    expect(faultOf(() => dma.get32(1002))).toEqual(['read', 'unmapped', 1002, 4]);
    expect(faultOf(() => dma.put16(1003, 1))).toEqual(['write', 'unmapped', 1003, 2]);
  });

  it('asks for permission, and transfers nothing without it', () => {
    const { dma, memory } = view([0, 4, 0, PERM.RW], [4, 4, 4, PERM.RO], [8, 4, 8, PERM.WO]);
    expect(load(dma, 0, 8)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(faultOf(() => load(dma, 0, 12))).toEqual(['read', 'permission', 8, 4]);
    expect(faultOf(() => dma.store(0, new Uint8Array(8).fill(0xff)))).toEqual(['write', 'permission', 4, 4]);
    expect([...memory.bytes.subarray(0, 12)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    dma.put32(8, 0x01020304);
    expect(faultOf(() => dma.get32(8))).toEqual(['read', 'permission', 8, 4]);
    expect(faultOf(() => dma.put8(4, 1))).toEqual(['write', 'permission', 4, 1]);
    expect([dma.permits(0, 8, PERM.RO), dma.permits(0, 8, PERM.RW), dma.permits(8, 5, PERM.WO)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('refuses addresses above 2^53 and physical addresses outside memory', () => {
    const { dma } = view([0, 64, 0, 3], [100, 10, 60, 3], [MAX - 8, 8, 0, 3]);
    for (const iova of [2 ** 53, 2 ** 60, 2 ** 64 - 4096, MAX]) {
      expect(faultOf(() => load(dma, iova, 4))).toEqual(['read', 'unmapped', iova, 4]);
      expect(faultOf(() => dma.put32(iova, 0))).toEqual(['write', 'unmapped', iova, 4]);
      expect(dma.permits(iova, 4, PERM.RO)).toBe(false);
    }
    expect(load(dma, MAX - 8, 8)).toHaveLength(8);
    expect(faultOf(() => load(dma, MAX - 8, 9))).toEqual(['read', 'unmapped', MAX - 8, 9]);
    expect(faultOf(() => load(dma, 100, 10))).toEqual(['read', 'bus', 60, 10]);
    expect(faultOf(() => dma.get64(100))).toEqual(['read', 'bus', 60, 8]);
  });

  it('drops what it remembers when the table changes or another takes its place', () => {
    const { dma, table } = view([0, 8, 0, 3]);
    expect(dma.get16(0)).toBe(0x0100);
    table.unmap(0, 8);
    expect(faultOf(() => dma.get16(0))).toEqual(['read', 'unmapped', 0, 2]);
    table.map({ iova: 0, size: 8, addr: 16, perm: PERM.RW });
    expect(dma.get16(0)).toBe(0x1110);
    const other = new Iotlb();
    other.map({ iova: 0, size: 8, addr: 32, perm: PERM.RO });
    dma.retarget(other);
    expect(dma.table).toBe(other);
    expect(dma.get16(0)).toBe(0x2120);
    expect(faultOf(() => dma.put16(0, 1))).toEqual(['write', 'permission', 0, 2]);
  });

  it('needs no mapping for no bytes', () => {
    const { dma } = view();
    expect(load(dma, 5, 0)).toEqual([]);
    dma.store(5, new Uint8Array(0));
  });

  it('translates like a map of single bytes, whatever is mapped, unmapped and accessed', () => {
    const SPAN = 48;
    const step = fc.record({
      kind: fc.constantFrom('map', 'unmap', 'load', 'store', 'get16', 'put32'),
      iova: fc.nat(SPAN),
      size: fc.integer({ min: 1, max: 12 }),
      addr: fc.nat(70),
      perm: fc.constantFrom<1 | 2 | 3>(1, 2, 3),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { memory, table, dma } = view();
        const image = Uint8Array.from(memory.bytes);
        /** The naive model: one record per mapped byte. */
        const bytes = new Map<number, { at: number; perm: number; of: number }>();
        let serial = 0;
        for (const { kind, iova, size, addr, perm } of steps) {
          const range = (length: number) => Array.from({ length }, (_, i) => iova + i);
          /** Where the bytes are, or null when one may not be accessed; `whole`: within one entry. */
          const place = (length: number, need: number, whole: boolean) => {
            const found = range(length).map((at) => bytes.get(at));
            if (found.some((one) => one === undefined || (one.perm & need) === 0 || one.at >= 64))
              return null;
            if (whole && found.some((one) => one!.of !== found[0]!.of)) return null;
            return found.map((one) => one!.at);
          };
          if (kind === 'map') {
            const free = range(size).every((at) => !bytes.has(at));
            expect(table.map({ iova, size, addr, perm })).toBe(free);
            if (free)
              for (const [i, at] of range(size).entries()) bytes.set(at, { at: addr + i, perm, of: serial });
            serial++;
          } else if (kind === 'unmap') {
            const sizes = new Map<number, number>();
            for (const { of } of bytes.values()) sizes.set(of, (sizes.get(of) ?? 0) + 1);
            for (const [of, count] of sizes) {
              const inside = range(size).filter((at) => bytes.get(at)?.of === of);
              if (inside.length === count) for (const at of inside) bytes.delete(at);
            }
            table.unmap(iova, size);
          } else if (kind === 'load') {
            const where = place(size, PERM.RO, false);
            const got = new Uint8Array(size);
            const fault = faultOf(() => dma.load(iova, size, got));
            expect(fault === 'none').toBe(where !== null);
            if (where !== null) expect([...got]).toEqual(where.map((at) => image[at]));
          } else if (kind === 'store') {
            const where = place(size, PERM.WO, false);
            const data = Uint8Array.from({ length: size }, (_, i) => (addr * 3 + i) & 0xff);
            // Beyond the end of memory is the port's business, entry by entry; only mapped bytes are compared.
            const onBus = range(size).some((at) => (bytes.get(at)?.at ?? 0) >= 64);
            if (onBus) continue;
            expect(faultOf(() => dma.store(iova, data)) === 'none').toBe(where !== null);
            where?.forEach((at, i) => {
              image[at] = data[i];
            });
          } else if (kind === 'get16') {
            const where = place(2, PERM.RO, true);
            let value = -1;
            const fault = faultOf(() => {
              value = dma.get16(iova);
            });
            expect(fault === 'none').toBe(where !== null);
            if (where !== null) expect(value).toBe(image[where[0]] | (image[where[1]] << 8));
          } else {
            const where = place(4, PERM.WO, true);
            expect(faultOf(() => dma.put32(iova, 0x04030201)) === 'none').toBe(where !== null);
            where?.forEach((at, i) => {
              image[at] = i + 1;
            });
          }
        }
        expect(Buffer.compare(memory.bytes, image)).toBe(0);
        for (let at = 0; at < SPAN + 12; at++)
          for (const perm of [PERM.RO, PERM.WO, PERM.RW])
            expect(dma.permits(at, 1, perm)).toBe(((bytes.get(at)?.perm ?? 0) & perm) === perm);
      }),
      { numRuns: 150, seed: 1 },
    );
  });
});

describe('DevicePort', () => {
  it('loads and stores little-endian', () => {
    const port = new HostMemory(32).port();
    port.put8(0, 0x11);
    port.put16(2, 0x2233);
    port.put32(4, 0x44556677);
    port.put32x2(8, 0x01020304, 0x0a0b0c0d);
    port.store(16, Uint8Array.of(1, 2, 3, 4, 5), 1, 3);
    const { bytes } = port.memory;
    expect(Buffer.from(bytes.subarray(0, 20)).toString('hex')).toBe(
      '110033227766554404030201' + '0d0c0b0a02030400',
    );
    port.put32x2(24, 0x3456_789a, 0x12);
    expect([port.get16(2), port.get32(4), port.get64(24)]).toEqual([0x2233, 0x44556677, 0x12_3456_789a]);
    const into = new Uint8Array(4);
    port.load(16, 3, into, 1);
    expect([...into]).toEqual([0, 2, 3, 4]);
  });

  it('ends at the ends of memory', () => {
    const port = new HostMemory(16).port();
    for (const [addr, length] of [
      [15, 2],
      [16, 1],
      [-1, 4],
      [Number.NaN, 1],
      [2 ** 60, 8],
    ]) {
      expect(faultOf(() => port.load(addr, length, new Uint8Array(8)))).toEqual([
        'read',
        'bus',
        addr,
        length,
      ]);
      expect(faultOf(() => port.store(addr, new Uint8Array(length)))).toEqual(['write', 'bus', addr, length]);
    }
    expect(port.size).toBe(16);
  });

  it('tells the tracer every store and fault, and loads if it wants them', () => {
    const log: unknown[] = [];
    const tracer = (traceReads: boolean): MemoryTracer => ({
      wrote: (addr, length) => log.push(['w', addr, length]),
      read: (addr, length) => log.push(['r', addr, length]),
      fault: ({ reason }) => log.push(['f', reason]),
      traceReads,
    });
    const memory = new HostMemory(16);
    const port = memory.port();
    const table = new Iotlb();
    table.map({ iova: 0, size: 32, addr: 0, perm: PERM.RO });
    const dma = new DmaView(port, table);
    port.trace(tracer(false));
    port.put16(2, 1);
    port.put32x2(8, 1, 2);
    port.get16(2);
    port.store(4, new Uint8Array(3));
    expect(faultOf(() => port.put8(16, 1))).not.toBe('none');
    expect(faultOf(() => dma.put8(0, 1))).not.toBe('none');
    expect(faultOf(() => dma.get16(40))).not.toBe('none');
    expect(log.splice(0)).toEqual([
      ['w', 2, 2],
      ['w', 8, 8],
      ['w', 4, 3],
      ['f', 'bus'],
      ['f', 'permission'],
      ['f', 'unmapped'],
    ]);
    port.trace(tracer(true));
    dma.get32(4);
    dma.load(0, 7, new Uint8Array(7));
    expect(log.splice(0)).toEqual([
      ['r', 4, 4],
      ['r', 0, 7],
    ]);
    port.trace(null);
    port.get16(0);
    port.put8(0, 1);
    memory.port().put8(1, 1);
    expect(log).toEqual([]);
  });
});

describe('GuestMemory', () => {
  it('gives every block an IOVA distance of its own, two of them below 4 GiB', () => {
    const guest = new GuestMemory(16 * PAGE);
    const blocks = Array.from({ length: 4 }, () => guest.addBlock(PAGE + 1));
    expect(blocks.map(({ size }) => size)).toEqual(Array(4).fill(2 * PAGE));
    expect(new Set(blocks.map(({ iova, pa }) => iova - pa)).size).toBe(4);
    expect(blocks.map(({ iova }) => iova < 2 ** 32)).toEqual([true, true, false, false]);
    const table = new Iotlb();
    for (const block of blocks) {
      expect(block.iova % PAGE).toBe(0);
      expect(table.map(GuestMemory.mapping(block))).toBe(true);
    }
    expect(guest.used).toBe(8 * PAGE);
  });

  it.each([
    [0, 2 ** 39 - 1],
    [0, 2 ** 32 - 1],
    [2 ** 20, 2 ** 31 - 1],
    [2 ** 36, 2 ** 40],
    [2 ** 40, 2 ** 52 - 1],
  ])('puts all blocks between 0x%s and 0x%s when told so', (first, last) => {
    const guest = new GuestMemory(64 * PAGE);
    guest.range = { first, last };
    const table = new Iotlb();
    for (let i = 0; i < 64; i++) {
      const block = guest.addBlock(1);
      expect(block.iova).toBeGreaterThanOrEqual(first);
      expect(block.iova + block.size - 1).toBeLessThanOrEqual(last);
      expect(table.map(GuestMemory.mapping(block))).toBe(true);
    }
    guest.reset();
    expect(guest.range).toBeUndefined();
  });

  it('aligns allocations, and keeps them apart', () => {
    const guest = new GuestMemory(16 * PAGE);
    const block = guest.addBlock(4 * PAGE);
    let end = block.pa;
    for (const [size, align] of [
      [1, 1],
      [16, 16],
      [100, 4096],
      [3, 2],
      [0, 64],
    ]) {
      const region = guest.alloc(block, size, align);
      expect(region.pa % align).toBe(0);
      expect(region.pa - end).toBeGreaterThanOrEqual(GUARD);
      expect([region.iova - region.pa, region.size]).toEqual([block.iova - block.pa, size]);
      end = region.pa + size;
    }
  });

  it('says when memory or a block is full, and forgets everything on reset', () => {
    const guest = new GuestMemory(4 * PAGE);
    const block = guest.addBlock(PAGE);
    expect(() => guest.alloc(block, PAGE)).toThrow(/RAM block full/);
    expect(() => guest.addBlock(4 * PAGE)).toThrow(/guest memory exhausted/);
    guest.host.bytes.fill(0xff, 0, PAGE);
    guest.reset();
    expect([guest.used, guest.host.bytes.some((byte) => byte !== 0)]).toEqual([0, false]);
    expect(guest.addBlock(4 * PAGE).pa).toBe(0);
  });

  it('shows nobody what a device stored where nothing was in use', () => {
    const guest = new GuestMemory(16 * PAGE);
    const bytes = new Uint8Array(16 * PAGE);
    const exchange = guest.share('device', () => ({ bytes, dispose() {} }));
    guest.addBlock(PAGE);
    bytes[5 * PAGE] = 7;
    guest.reset();
    guest.addBlock(8 * PAGE);
    expect(bytes[5 * PAGE]).toBe(0);
    expect(exchange.look(guest.inUse())).toBe(false);
  });
});

describe('AddressSpace', () => {
  const entry = (iova: number): IotlbEntry => ({ iova, size: 16, addr: 2 * iova, perm: PERM.RO });

  it('prefers dmaMap and dmaUnmap, entry by entry', () => {
    const calls: unknown[][] = [];
    const ops = {
      dmaMap: (...args: unknown[]) => calls.push(['map', ...args]),
      dmaUnmap: (...args: unknown[]) => calls.push(['unmap', ...args]),
      setMap: () => -1,
    } as unknown as VdpaConfigOps;
    const space = new AddressSpace(ops, 3);
    for (const iova of [0, 16, 40]) expect(space.map(entry(iova))).toBeGreaterThanOrEqual(0);
    expect(space.map(entry(45))).toBe(-ERRNO.EEXIST);
    space.unmap(0, 45);
    expect(calls).toEqual([
      ['map', 3, 0, 16, 0, 1],
      ['map', 3, 16, 16, 32, 1],
      ['map', 3, 40, 16, 80, 1],
      ['unmap', 3, 0, 16],
      ['unmap', 3, 16, 16],
    ]);
    expect(space.table.entries.map(({ iova }) => iova)).toEqual([40]);
  });

  it('gives the whole table to setMap', () => {
    const tables: number[][] = [];
    const ops = {
      setMap: (_: number, table: readonly IotlbEntry[]) => tables.push(table.map(({ iova }) => iova)),
    } as unknown as VdpaConfigOps;
    const space = new AddressSpace(ops);
    space.map(entry(16));
    space.map(entry(0));
    space.unmap(16, 16);
    expect(tables).toEqual([[16], [0, 16], [0]]);
  });

  it('takes a mapping back when the parent refuses it, or can map nothing', () => {
    const refusing = new AddressSpace({ dmaMap: () => -ERRNO.ENOSPC } as unknown as VdpaConfigOps);
    expect(refusing.map(entry(0))).toBe(-ERRNO.ENOSPC);
    expect(refusing.table.entries).toEqual([]);
    const unable = new AddressSpace({} as VdpaConfigOps);
    expect(unable.map(entry(0))).toBe(-ERRNO.EOPNOTSUPP);
    expect(unable.table.entries).toEqual([]);
  });
});
