import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERRNO } from '../device.ts';
import { PAGE } from '../memory/guest-memory.ts';
import { VhostVdpaClient } from './client.ts';
import { VhostVdpaNode } from './node.ts';
import type { OpenFile } from './open-file.ts';
import { UserProcess } from './process.ts';
import { bytes, fakeDevice, rig, state, USER } from './test-kit.ts';
import { IOCTL } from './uapi.ts';

const { EBADF, EBUSY, EINVAL, EIO, ENOTSUPP } = ERRNO;

describe('open and close', () => {
  it('resets the device, then looks at it, and one process has it at a time', () => {
    const log: string[] = [];
    const node = new VhostVdpaNode(fakeDevice(log), 3);
    expect(node.path).toBe('/dev/vhost-vdpa-3');
    const file = node.open(new UserProcess()) as OpenFile;
    expect(log).toEqual(['reset()', 'getVqNumMax()', 'getIovaRange()']);
    expect(node.open(new UserProcess())).toBe(-EBUSY);
    file.close();
    file.close();
    expect(typeof node.open(new UserProcess())).toBe('object');
  });

  it('fails as the reset fails, and without anybody to translate', () => {
    let answer = -EIO;
    const node = new VhostVdpaNode(fakeDevice([], { ops: { reset: () => answer } }), 0);
    expect(node.open(new UserProcess())).toBe(-EIO);
    answer = 0;
    expect(typeof node.open(new UserProcess())).toBe('object');
    const platform = {
      ops: { dmaMap: undefined, dmaUnmap: undefined, setMap: undefined },
      ngroups: 1,
      nas: 1,
    };
    expect(new VhostVdpaNode(fakeDevice([], platform), 0).open(new UserProcess())).toBe(-ENOTSUPP);
  });

  it('closing resets first, then stops kicks, and takes the mappings away one by one', () => {
    const { file, log, process, node } = rig({ ops: { unbindMm: () => {}, bindMm: () => 0 }, useVa: true });
    const client = new VhostVdpaClient(file);
    client.setOwner();
    client.setBackendFeatures(client.backendFeatures());
    client.map(0, 0x10_0000, PAGE, USER, 3);
    client.map(1, 0x20_0000, PAGE, USER, 3);
    const { fd, event } = process.files.eventfd();
    client.setKick(0, fd);
    log.length = 0;
    client.close();
    expect(log.filter((line) => !line.startsWith('get'))).toEqual([
      'reset()',
      'unbindMm()',
      `dmaUnmap(0, ${0x10_0000}, ${PAGE})`,
      'resetMap(0)',
      `dmaUnmap(1, ${0x20_0000}, ${PAGE})`,
      'resetMap(1)',
    ]);
    log.length = 0;
    event.signal();
    expect(log).toEqual([]);
    expect(file.ioctl(IOCTL.GET_STATUS, new Uint8Array(1))).toBe(-EBADF);
    expect(file.write(new Uint8Array(72))).toBe(-EBADF);
    const again = node.open(process) as OpenFile;
    expect([again.owner, again.backendFeatures, again.mappings.table(0)]).toEqual([null, 0n, undefined]);
  });

  it('a parent with set_map gets no last table, and pages that were pinned are let go', () => {
    const tables: number[] = [];
    const { file, process } = rig({
      ops: {
        dmaMap: undefined,
        dmaUnmap: undefined,
        setMap: (_: number, table: unknown[]) => tables.push(table.length) * 0,
      },
    });
    const client = new VhostVdpaClient(file);
    client.setOwner();
    client.map(0, 0x10_0000, 2 * PAGE, USER, 3);
    expect(process.memory.pinned).toBe(2);
    client.close();
    expect(tables).toEqual([1]);
    expect(process.memory.pinned).toBe(0);
  });

  it('the largest size counts as it was at the last reset', () => {
    let max = 256;
    const { file } = rig({ ops: { getVqNumMax: () => max } });
    file.ioctl(IOCTL.SET_OWNER);
    max = 64;
    expect(file.ioctl(IOCTL.SET_VRING_NUM, state(0, 128))).toBe(0);
    file.ioctl(IOCTL.SET_STATUS, bytes([1, 0]));
    expect(file.ioctl(IOCTL.SET_VRING_NUM, state(0, 128))).toBe(-EINVAL);
  });
});

describe('doorbells', () => {
  const shared = { shared: true, read: false };
  const area = (addr: number, size: number) =>
    rig({ ops: { getVqNotification: () => ({ addr, size }) } }).file;

  it.each<[string, number, number, { shared: boolean; read: boolean }, number | object]>([
    ['one page, shared, to write', 2, PAGE, shared, { addr: 0xfe00_0000, size: PAGE }],
    ['two pages', 0, 2 * PAGE, shared, -EINVAL],
    ['private', 0, PAGE, { shared: false, read: false }, -EINVAL],
    ['to read', 0, PAGE, { shared: true, read: true }, -EINVAL],
    ['no such queue', 3, PAGE, shared, -EINVAL],
  ])('%s', (_, page, length, access, want) => {
    expect(area(0xfe00_0000, PAGE).mmap(page, length, access)).toEqual(want);
  });

  it('need a page of their own', () => {
    expect(area(0xfe00_0800, PAGE).mmap(0, PAGE, shared)).toBe(-EINVAL);
    expect(area(0xfe00_0000, 2 * PAGE).mmap(0, PAGE, shared)).toBe(-ENOTSUPP);
    expect(rig().file.mmap(0, PAGE, shared)).toBe(-ENOTSUPP);
  });
});

describe('hostile callers', () => {
  const commands = fc.oneof(
    fc.constantFrom(...Object.values(IOCTL)),
    fc.integer({ min: 0xaf00, max: 0xafff }),
    fc.integer({ min: 0, max: 0xffff_ffff }),
  );
  const act = fc.oneof(
    fc.record({
      command: commands,
      argument: fc.option(fc.uint8Array({ maxLength: 64 }), { nil: undefined }),
    }),
    fc.record({ command: commands, argument: fc.tuple(small(), small()).map(([a, b]) => state(a, b)) }),
    fc.record({ message: fc.uint8Array({ maxLength: 80 }) }),
    fc.record({
      message: fc
        .tuple(
          fc.constantFrom(1, 2),
          small(),
          fc.bigInt(0n, 2n ** 64n - 1n),
          fc.bigInt(0n, 0x4_0000n),
          fc.nat(7),
        )
        .map(([version, asid, iova, size, type]) =>
          bytes(
            [4, version],
            [4, asid],
            [8, iova & 0xff_ffffn],
            [8, size],
            [8, USER],
            [1, 3],
            [1, type],
            [8, 0],
          ),
        ),
    }),
  );
  function small() {
    return fc.oneof(fc.nat(4), fc.constantFrom(255, 256, 0xffff, 0x1_0000, 0x7fff_ffff, 0xffff_ffff));
  }
  const KNOWN = new Set<number>(Object.values(ERRNO));

  it('get an errno that there is, reach no queue that there is not, and leave nothing behind', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), fc.boolean(), (acts, set) => {
        const { file, log, process } = rig(
          set ? { ops: { dmaMap: undefined, dmaUnmap: undefined, setMap: () => 0 } } : {},
        );
        if (acts.length % 4 !== 0) file.ioctl(IOCTL.SET_OWNER);
        for (const one of acts) {
          const result = 'message' in one ? file.write(one.message) : file.ioctl(one.command, one.argument);
          expect(result === 0 || result === 72 || KNOWN.has(-result)).toBe(true);
        }
        for (const line of log) {
          const queue = /^(?:setVq|getVq|kickVq)\w*\((\d+)/.exec(line);
          if (queue) expect(Number(queue[1])).toBeLessThan(3);
          const space = /^(?:dma|setMap|resetMap)\w*\((\d+)/.exec(line);
          if (space) expect(Number(space[1])).toBeLessThan(2);
        }
        expect(log).not.toContain('setStatus(0)');
        file.close();
        expect(process.memory.pinned).toBe(0);
        const mapped = log.filter((line) => line.startsWith('dmaMap')).length;
        expect(log.filter((line) => line.startsWith('dmaUnmap'))).toHaveLength(mapped);
      }),
      { numRuns: 300 },
    );
  });
});
