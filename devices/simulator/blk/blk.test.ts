import { describe, expect, it } from 'vitest';
import { DmaFault } from '../../../framework/memory/host-memory.ts';
import { configField, readField } from '../../../specs/virtio-1.1/config-space.ts';
import { BLK_F } from '../../../specs/virtio-1.1/features.ts';
import { BlkBench, element, F_INDIRECT_DESC, IOVA_BASE } from '../test-bench.ts';

const [IN, OUT, FLUSH, GET_ID, DISCARD, WRITE_ZEROES] = [0, 1, 4, 8, 11, 13];
const ALL = BLK_F.FLUSH | BLK_F.CONFIG_WCE | BLK_F.DISCARD | BLK_F.WRITE_ZEROES;
const [OK, IOERR, UNSUPP] = [0, 1, 2];

function field(bench: BlkBench, name: string): number | bigint | Uint8Array {
  const bytes = new Uint8Array(bench.device.getConfigSize());
  bench.device.getConfig(0, bytes);
  return readField(bytes, configField('blk', name));
}

describe.each([false, true])('read and write (packed: %s)', (packed) => {
  it('returns what was written, to the last sector', () => {
    const bench = new BlkBench().start({ packed });
    expect([bench.write(0, 1), bench.write(7, 2, 3), bench.write(8191, 3)]).toEqual([OK, OK, OK]);
    expect([bench.read(0), bench.read(6, 5), bench.read(8191)]).toEqual([[1], [0, 2, 2, 2, 0], [3]]);
  });

  it('reports the bytes written: data and status', () => {
    const bench = new BlkBench().start({ packed });
    expect(bench.run(IN, 0, [bench.alloc(1024)], true)).toEqual({ status: OK, len: 1025 });
    expect(bench.run(OUT, 0, [bench.alloc(512)])).toEqual({ status: OK, len: 1 });
  });

  it('refuses what lies beyond the disk, however far', () => {
    const bench = new BlkBench().start({ packed });
    bench.write(0, 0x55);
    const far = [8192, 2n ** 32n, 2n ** 53n, 2n ** 55n, 2n ** 55n + 1n, 2n ** 63n, 2n ** 64n - 1n];
    for (const sector of far)
      expect([bench.write(sector, 1), bench.read(sector)]).toEqual([IOERR, 'status 1']);
    expect([bench.write(8191, 1, 2), bench.read(0), bench.read(8191)]).toEqual([IOERR, [0x55], [0]]);
  });

  it('fills a failed read with zeroes, so that the used length is true', () => {
    const bench = new BlkBench().start({ packed });
    const data = bench.alloc(512);
    bench.memory.bytes.fill(0xa5, data.pa, data.pa + 512);
    expect(bench.run(IN, 8192, [data], true)).toEqual({ status: IOERR, len: 513 });
    expect(bench.bytes(data)).toEqual(new Uint8Array(512));
    expect(bench.run(0x7ffffff1, 0, [data], true)).toEqual({ status: UNSUPP, len: 513 });
  });

  it('takes any framing', () => {
    const bench = new BlkBench().start({ packed });
    const pieces = (area: { pa: number; iova: number; size: number }, sizes: number[], write: boolean) => {
      let end = area.iova;
      return sizes.map((len) => {
        end += len;
        return { iova: end - len, len, write };
      });
    };
    for (const sizes of [
      [528],
      [16, 512],
      [8, 520],
      [15, 513],
      [1, 15, 511, 1],
      [17, 511],
      Array(528).fill(1).slice(0, 12).concat(516),
    ]) {
      const out = bench.alloc(528);
      bench.memory.bytes.fill(sizes.length, out.pa + 16, out.pa + 528);
      bench.memory.bytes.fill(0, out.pa, out.pa + 16);
      bench.memory.bytes[out.pa] = OUT;
      const status = bench.alloc(1, 1);
      expect(bench.submit([...pieces(out, sizes, false), element(status, true)])?.len).toBe(1);
      expect([bench.bytes(status)[0], bench.read(0)]).toEqual([OK, [sizes.length]]);
    }
    for (const sizes of [[513], [512, 1], [511, 2], [1, 511, 1], [256, 257]]) {
      const data = bench.alloc(513, 1);
      const used = bench.submit([element(bench.header(IN, 0)), ...pieces(data, sizes, true)]);
      expect([used?.len, bench.bytes(data)[511], bench.bytes(data)[512]]).toEqual([513, 13, OK]);
    }
  });

  it('reads an indirect request', () => {
    const bench = new BlkBench().start({ packed, features: F_INDIRECT_DESC });
    bench.write(5, 0x77);
    const data = bench.alloc(512);
    const { elements, status } = bench.request(IN, 5, [data], true);
    bench.ring.add(elements, { indirect: { table: bench.alloc(48) } });
    bench.ring.publish();
    bench.kick();
    bench.pump();
    expect([bench.ring.poll()?.len, bench.bytes(status)[0], bench.bytes(data)[511]]).toEqual([513, OK, 0x77]);
  });
});

describe('malformed requests', () => {
  it('answers each with an error or an empty used entry, and goes on', () => {
    const bench = new BlkBench().start();
    const status = bench.alloc(1, 1);
    const short = { ...bench.header(IN), size: 15 };
    expect(bench.submit([element(short), element(status, true)])?.len).toBe(1);
    expect(bench.bytes(status)[0]).toBe(IOERR);
    expect(bench.submit([element(status, true)])?.len).toBe(1);
    expect(bench.submit([element(bench.header(OUT))])?.len).toBe(0);
    for (const size of [1, 511, 513]) {
      expect(bench.run(IN, 0, [bench.alloc(size)], true)).toEqual({ status: IOERR, len: size + 1 });
      expect(bench.run(OUT, 0, [bench.alloc(size)])).toEqual({ status: IOERR, len: 1 });
    }
    expect([bench.write(0, 1), bench.device.getStatus()]).toEqual([OK, 15]);
  });

  it('makes unmapped data an I/O error, and an unmapped status an empty used entry', () => {
    const bench = new BlkBench().start();
    const nowhere = { pa: 0, iova: 4096, size: 512 };
    expect([bench.run(IN, 0, [nowhere], true), bench.run(OUT, 0, [nowhere])]).toEqual([
      { status: IOERR, len: 0 },
      { status: IOERR, len: 1 },
    ]);
    const huge = { pa: 0, iova: IOVA_BASE, size: 0xffff_ffff };
    expect(bench.run(IN, 0, [huge, huge], true)).toEqual({ status: IOERR, len: 0 });
    expect(bench.submit([element(bench.header(OUT)), element(nowhere, true)])?.len).toBe(0);
    expect([bench.write(0, 1), bench.device.getStatus()]).toEqual([OK, 15]);
  });

  it('knows that nothing is mapped where numbers are not exact', () => {
    const bench = new BlkBench().start();
    const [header, status] = [bench.header(OUT), bench.alloc(1, 1)];
    const execute = (...addr: number[]): number =>
      bench.device.execute(bench.device.queues[0], {
        id: 0,
        slots: 1,
        readable: 1,
        writable: 1,
        addr,
        len: [16, 1],
      });
    expect([execute(2 ** 63, status.iova), bench.bytes(status)[0]]).toEqual([1, IOERR]);
    expect(() => execute(header.iova, 2 ** 63)).toThrow(DmaFault);
  });

  it('is fatal for the strict variant', () => {
    const bench = new BlkBench({ variant: 'strict' }).start();
    expect(bench.submit([element(bench.header(OUT))])).toBeNull();
    expect([bench.device.getStatus(), bench.configInterrupts]).toEqual([15 | 64, 1]);
  });
});

describe('other commands', () => {
  it('serves GET_ID and FLUSH, and nothing that is not negotiated', () => {
    const bench = new BlkBench({ serial: 'disk' }).start({ features: BLK_F.FLUSH });
    const id = bench.alloc(20);
    expect(bench.run(GET_ID, 0, [id], true)).toEqual({ status: OK, len: 21 });
    expect(Buffer.from(bench.bytes(id)).toString()).toBe('disk'.padEnd(20, '\0'));
    expect(bench.run(FLUSH, 0)).toEqual({ status: OK, len: 1 });
    const segment = [bench.segment(0, 1)];
    for (const type of [DISCARD, WRITE_ZEROES]) expect(bench.run(type, 0, segment).status).toBe(UNSUPP);
    expect(new BlkBench().start().run(FLUSH, 0).status).toBe(UNSUPP);
  });

  it('zeroes exactly the sectors named', () => {
    const bench = new BlkBench().start({ features: ALL });
    bench.write(0, 0xff, 64);
    for (const unmap of [0, 1]) {
      expect(
        bench.run(WRITE_ZEROES, 0, [bench.segment(3 + 32 * unmap, 20, unmap), bench.segment(30, 0)]).status,
      ).toBe(OK);
    }
    const expected = Array.from({ length: 64 }, (_, i) =>
      (i >= 3 && i < 23) || (i >= 35 && i < 55) ? 0 : 0xff,
    );
    expect(bench.read(0, 64)).toEqual(expected);
    expect([bench.run(DISCARD, 0, [bench.segment(0, 1)]).status, bench.read(1)]).toEqual([OK, [0xff]]);
    expect(bench.run(WRITE_ZEROES, 0, [bench.segment(8191, 1)]).status).toBe(OK);
  });

  it('refuses flags before ranges', () => {
    const bench = new BlkBench().start({ features: ALL });
    bench.write(0, 0xff);
    const status = (type: number, ...segments: number[][]): number =>
      bench.run(
        type,
        0,
        segments.map(([sector, count, flags]) => bench.segment(sector, count, flags)),
      ).status;
    for (const flags of [2, 4, 0x8000_0000, 0xffff_fffe, 3]) {
      expect([status(DISCARD, [0, 1, flags]), status(WRITE_ZEROES, [0, 1, 0], [0, 1, flags])]).toEqual([
        UNSUPP,
        UNSUPP,
      ]);
    }
    expect([status(DISCARD, [0, 1, 0], [0, 1, 1]), status(DISCARD, [9000, 1, 1])]).toEqual([UNSUPP, UNSUPP]);
    expect([status(DISCARD, [8191, 2, 0]), status(WRITE_ZEROES, [2 ** 55, 1, 0])]).toEqual([IOERR, IOERR]);
    expect(status(DISCARD, ...Array(9).fill([0, 1, 0]))).toBe(IOERR);
    for (const size of [0, 1, 15, 17, 24])
      expect(bench.run(DISCARD, 0, size === 0 ? [] : [bench.alloc(size)]).status).toBe(IOERR);
    expect(bench.read(0)).toEqual([0xff]);
  });

  it('writes nothing on a read-only disk, negotiated or not', () => {
    for (const features of [0n, BLK_F.RO]) {
      const bench = new BlkBench({ 'read-only': '' }).start({ features });
      expect([bench.write(0, 1), bench.read(0), bench.device.disk.stable.size]).toEqual([IOERR, [0], 0]);
    }
  });
});

describe('stable storage', () => {
  const survives = (features: bigint, flush: boolean, writeback?: number): number[] | string => {
    const bench = new BlkBench().start({ features });
    if (writeback !== undefined) bench.device.setConfig(32, Uint8Array.of(writeback));
    bench.write(1, 0xaa);
    if (flush) bench.run(FLUSH, 0);
    bench.instance.backend.powerCut!();
    return bench.start({ features }).read(1);
  };

  it('keeps what is stable over a power cut, and may lose the rest', () => {
    expect(survives(0n, false)).toEqual([0xaa]);
    expect(survives(BLK_F.FLUSH, false)).toEqual([0]);
    expect(survives(BLK_F.FLUSH, true)).toEqual([0xaa]);
    expect(survives(ALL, false, 1)).toEqual([0]);
    expect(survives(ALL, true, 1)).toEqual([0xaa]);
    expect(survives(ALL, false, 0)).toEqual([0xaa]);
    expect(survives(BLK_F.CONFIG_WCE, false)).toEqual([0xaa]);
  });

  it('keeps zeroes that are stable, too', () => {
    const bench = new BlkBench().start();
    bench.write(0, 0xff, 16);
    bench.instance.device.reset();
    bench.start({ features: ALL });
    const zero = (sector: number, count: number) =>
      bench.run(WRITE_ZEROES, 0, [bench.segment(sector, count)]).status;
    expect([zero(0, 16), bench.read(0, 2)]).toEqual([OK, [0, 0]]);
    bench.device.setConfig(32, Uint8Array.of(0));
    expect(zero(1, 1)).toBe(OK);
    bench.device.powerCut();
    bench.start();
    expect(bench.read(0, 3)[1]).toBe(0);
  });

  it('is consistent across a change of the cache mode', () => {
    const bench = new BlkBench().start({ features: ALL });
    bench.write(0, 1, 8);
    bench.device.setConfig(32, Uint8Array.of(0));
    bench.write(1, 2);
    expect(bench.read(0, 3)).toEqual([1, 2, 1]);
    bench.device.setConfig(32, Uint8Array.of(1));
    bench.run(WRITE_ZEROES, 0, [bench.segment(0, 8)]);
    bench.write(2, 3);
    expect(bench.read(0, 4)).toEqual([0, 0, 3, 0]);
    bench.device.powerCut();
    expect(bench.start().read(1)).toEqual([2]);
  });
});

describe('configuration space', () => {
  it('describes the disk in 60 bytes', () => {
    const bench = new BlkBench({ capacity: String(0x12345) });
    expect(bench.device.getConfigSize()).toBe(60);
    const names = [
      'capacity',
      'size_max',
      'seg_max',
      'blk_size',
      'max_discard_sectors',
      'max_write_zeroes_seg',
    ];
    expect(names.map((name) => field(bench, name))).toEqual([0x12345n, 4096, 32, 512, 8192, 8]);
    expect(bench.instance.facts).toEqual({ capacity: 0x12345, persistent: true });
  });

  it('is zero where a feature is not offered', () => {
    const bench = new BlkBench({ features: 'FLUSH' });
    const bytes = new Uint8Array(60);
    bench.device.getConfig(0, bytes);
    expect(bytes.subarray(8)).toEqual(new Uint8Array(52));
  });

  it('lets only writeback be written, only with CONFIG_WCE, and starts it as the text says', () => {
    const bench = new BlkBench().start({ features: BLK_F.FLUSH });
    bench.device.setConfig(32, Uint8Array.of(0));
    expect(field(bench, 'writeback')).toBe(1);
    bench.device.reset();
    bench.start({ features: ALL });
    const generation = bench.device.getGeneration();
    bench.device.setConfig(30, new Uint8Array(30));
    expect([
      field(bench, 'writeback'),
      field(bench, 'max_discard_seg'),
      bench.device.getGeneration(),
    ]).toEqual([0, 8, generation + 1]);
    bench.device.setConfig(32, Uint8Array.of(1));
    bench.device.reset();
    bench.start({ features: BLK_F.CONFIG_WCE });
    expect(field(bench, 'writeback')).toBe(0);
  });

  it('takes options for sizes and refuses nonsense', () => {
    const bench = new BlkBench({ 'blk-size': '4096', 'seg-max': '4', 'queue-size': '16' });
    expect([
      field(bench, 'blk_size'),
      field(bench, 'seg_max'),
      field(bench, 'topology.physical_block_exp'),
    ]).toEqual([4096, 4, 0]);
    expect(bench.start().write(3, 1)).toBe(OK);
    const nonsense: Record<string, string>[] = [
      { 'blk-size': '1000' },
      { capacity: '0' },
      { 'queue-size': '40000' },
      { 'read-only': 'maybe' },
    ];
    for (const options of nonsense) expect(() => new BlkBench(options)).toThrow(Object.keys(options)[0]);
  });

  it('has room for a disk of 4 PiB', () => {
    const bench = new BlkBench({ capacity: String(2 ** 43) }).start({ features: ALL });
    const last = 2n ** 43n - 1n;
    expect([bench.write(last, 5), bench.read(last), bench.read(last - 1n), bench.read(last + 1n)]).toEqual([
      OK,
      [5],
      [0],
      'status 1',
    ]);
    expect(bench.write(2n ** 32n, 6)).toBe(OK);
    expect([bench.read(0), bench.read(2n ** 32n), bench.device.disk.cache.size]).toEqual([[0], [6], 2]);
  });
});
