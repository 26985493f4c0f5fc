import { describe, expect, it } from 'vitest';
import { ERRNO, type IotlbEntry } from '../device.ts';
import { PAGE } from '../memory/guest-memory.ts';
import { VhostVdpaClient } from './client.ts';
import { encodeMessage } from './iotlb-message.ts';
import { type FakeOptions, PHYSICAL, rig, USER } from './test-kit.ts';
import { BACKEND_F, IOTLB, MSG_SIZE } from './uapi.ts';

const { EFAULT, EINVAL, EEXIST, ENOMEM, ENOSPC, EPERM, EIO } = ERRNO;
const BASE = 0x10_0000;

/** An owner with all backend features, and what the inner errno of its messages was. */
function owned(options: FakeOptions = {}) {
  const all = rig(options);
  const client = new VhostVdpaClient(all.file);
  client.setOwner();
  client.setBackendFeatures(client.backendFeatures());
  all.log.length = 0;
  const update = (iova: number | bigint, size: number | bigint, more: Partial<Message> = {}) =>
    send({
      asid: 0,
      type: IOTLB.UPDATE,
      iova: BigInt(iova),
      size: BigInt(size),
      uaddr: BigInt(USER),
      perm: 3,
      ...more,
    });
  const send = (message: Message) => {
    const written = all.file.write(encodeMessage(message));
    expect([MSG_SIZE, -EFAULT, -EINVAL]).toContain(written);
    return written === MSG_SIZE ? 0 : written === -EINVAL ? 'message' : all.file.innerErrno;
  };
  const other = (type: number, asid = 0, iova = 0n, size = 0n) =>
    send({ asid, type, iova, size, uaddr: 0n, perm: 0 });
  return { ...all, client, update, other };
}
type Message = Parameters<typeof encodeMessage>[0];

describe('updates', () => {
  it('pin the pages and map runs of neighbours', () => {
    const { update, log, process } = owned();
    expect(update(BASE, 3 * PAGE)).toBe(0);
    expect(log).toEqual([`dmaMap(0, ${BASE}, ${3 * PAGE}, ${PHYSICAL}, 3)`]);
    expect(process.memory.pinned).toBe(3);
  });

  it('one call per run where pages are scattered', () => {
    const { update, log, process } = owned();
    const pages = [0x20_0000, 0x20_1000, 0x5000, 0x30_0000, 0x30_1000];
    process.memory.map({ start: 0x9000_0000, size: 5 * PAGE, pages, kind: 'anonymous', writable: true });
    expect(update(BASE, 5 * PAGE, { uaddr: 0x9000_0000n, perm: 1 })).toBe(0);
    expect(log).toEqual([
      `dmaMap(0, ${BASE}, ${2 * PAGE}, ${0x20_0000}, 1)`,
      `dmaMap(0, ${BASE + 2 * PAGE}, ${PAGE}, ${0x5000}, 1)`,
      `dmaMap(0, ${BASE + 3 * PAGE}, ${2 * PAGE}, ${0x30_0000}, 1)`,
    ]);
  });

  it('go by whole pages: offsets of IOVA and user address are rounded down', () => {
    const { update, log } = owned();
    expect(update(BASE + 0x10, PAGE, { uaddr: BigInt(USER + 0x123) })).toBe(0);
    expect(log).toEqual([`dmaMap(0, ${BASE}, ${2 * PAGE}, ${PHYSICAL}, 3)`]);
  });

  it.each<[string, number | bigint, number | bigint, Partial<Message>, unknown]>([
    ['size 0', BASE, 0, {}, 'message'],
    ['below the range', 0xfff, PAGE, {}, -EINVAL],
    ['beyond the range', 0xffff_ffff_f000, PAGE + 1, {}, -EINVAL],
    ['up to the end of the range', 0xffff_ffff_f000, PAGE, {}, 0],
    ['an end that wraps', 2n ** 64n - 1n, 2, {}, -EINVAL],
    ['the largest size', 0x1000, 2n ** 64n - 1n, {}, -EINVAL],
    ['no such space', BASE, PAGE, { asid: 2 }, -EINVAL],
    ['a space beyond 32 bits of table', BASE, PAGE, { asid: 0xffff_ffff }, -EINVAL],
    ['memory that is not there', BASE, PAGE, { uaddr: 0x1000n }, -EFAULT],
    ['memory that ends too early', BASE, 65 * PAGE, {}, -ENOMEM],
    ['an address above all', BASE, PAGE, { uaddr: 2n ** 63n }, -EINVAL],
    ['no permission at all', BASE, PAGE, { perm: 0 }, 0],
  ])('%s', (_, iova, size, more, want) => {
    const { update, process, log } = owned();
    expect(update(iova, size, more)).toBe(want);
    expect(process.memory.pinned).toBe(want === 0 ? 1 : 0);
    expect(log.length).toBe(want === 0 ? 1 : 0);
  });

  it('read-only memory can be read only', () => {
    const { update, process } = owned();
    process.memory.map({
      start: 0x9000_0000,
      size: PAGE,
      pages: 0x9000,
      kind: 'private-file',
      writable: false,
    });
    expect(update(BASE, PAGE, { uaddr: 0x9000_0000n })).toBe(-EFAULT);
    expect(update(BASE, PAGE, { uaddr: 0x9000_0000n, perm: 1 })).toBe(0);
  });

  it('overlaps are refused, whichever side', () => {
    const { update } = owned();
    expect(update(BASE + PAGE, 2 * PAGE)).toBe(0);
    for (const [iova, size] of [
      [BASE, PAGE + 1],
      [BASE + PAGE, 1],
      [BASE + 3 * PAGE - 1, 1],
      [BASE, 8 * PAGE],
    ])
      expect(update(iova, size)).toBe(-EEXIST);
    expect(update(BASE, PAGE)).toBe(0);
    expect(update(BASE + 3 * PAGE, PAGE)).toBe(0);
    expect(update(BASE + PAGE, PAGE, { asid: 1 })).toBe(0);
  });

  it('no more is pinned than the limit of the process allows', () => {
    const { update, process } = owned({ memlock: 4 * PAGE + 100 });
    expect(update(BASE, 3 * PAGE)).toBe(0);
    expect(update(BASE + 8 * PAGE, 2 * PAGE)).toBe(-ENOMEM);
    expect(process.memory.pinned).toBe(3);
    expect(update(BASE + 8 * PAGE, PAGE)).toBe(0);
  });

  it('2048 entries fill a table', () => {
    const { update } = owned();
    for (let i = 0; i < 2048; i++) expect(update(BASE + 2 * i * PAGE, PAGE)).toBe(0);
    expect(update(BASE + 2 * 2048 * PAGE, PAGE)).toBe(-ENOSPC);
  });

  it('a parent that refuses a later run gets the earlier ones taken back', () => {
    let calls = 0;
    const { update, log, process, file } = owned({ ops: { dmaMap: () => (++calls === 2 ? -EIO : 0) } });
    process.memory.map({
      start: 0x9000_0000,
      size: 3 * PAGE,
      pages: [0x5000, 0x7000, 0x9000],
      kind: 'anonymous',
      writable: true,
    });
    expect(update(BASE, 3 * PAGE, { uaddr: 0x9000_0000n })).toBe(-EIO);
    expect(log.at(-1)).toBe(`dmaUnmap(0, ${BASE}, ${PAGE})`);
    expect(process.memory.pinned).toBe(0);
    expect(file.mappings.table(0)!.entries).toEqual([]);
  });
});

describe('invalidations', () => {
  it('take whole entries, one by one, and what was writable is dirty', () => {
    const { update, other, log, process } = owned();
    update(BASE, 2 * PAGE);
    update(BASE + 2 * PAGE, PAGE, { uaddr: BigInt(USER + 8 * PAGE), perm: 1 });
    update(BASE + 9 * PAGE, PAGE, { uaddr: BigInt(USER + 9 * PAGE) });
    log.length = 0;
    expect(other(IOTLB.INVALIDATE, 0, BigInt(BASE + PAGE), BigInt(PAGE + 1))).toBe(0);
    expect(log).toEqual([`dmaUnmap(0, ${BASE}, ${2 * PAGE})`, `dmaUnmap(0, ${BASE + 2 * PAGE}, ${PAGE})`]);
    expect(process.memory.pinned).toBe(1);
    expect([...process.memory.dirty]).toEqual([PHYSICAL / PAGE, PHYSICAL / PAGE + 1]);
  });

  it('of nothing are fine; of a space that was never used they are not', () => {
    const { update, other, log } = owned();
    expect(other(IOTLB.INVALIDATE, 0, 0n, 100n)).toBe(-EINVAL);
    update(BASE, PAGE);
    log.length = 0;
    expect(other(IOTLB.INVALIDATE, 0, 0x5_0000n, 100n)).toBe(0);
    expect(other(IOTLB.INVALIDATE, 1, 0x5_0000n, 100n)).toBe(-EINVAL);
    expect(log).toEqual([]);
  });

  it('of size 0 at address 0 reach over everything, as the arithmetic of the kernel has it', () => {
    const { update, other, log } = owned();
    update(BASE, PAGE);
    log.length = 0;
    other(IOTLB.INVALIDATE, 0, 0n, 0n);
    expect(log).toEqual([`dmaUnmap(0, ${BASE}, ${PAGE})`]);
  });
});

describe('batches', () => {
  const SET: FakeOptions['ops'] = { dmaMap: undefined, dmaUnmap: undefined, setMap: () => 0 };

  it('give a parent with set_map the whole table at the end; without one it comes after each change', () => {
    const log: number[] = [];
    const { update, other } = owned({
      ops: { ...SET, setMap: (_: number, table: IotlbEntry[]) => log.push(table.length) * 0 },
    });
    update(BASE, PAGE);
    update(BASE + 4 * PAGE, PAGE);
    expect(log).toEqual([1, 2]);
    expect(other(IOTLB.BATCH_BEGIN)).toBe(0);
    update(BASE + 8 * PAGE, PAGE);
    other(IOTLB.INVALIDATE, 0, BigInt(BASE), 1n);
    expect(log).toEqual([1, 2]);
    expect(other(IOTLB.BATCH_END)).toBe(0);
    expect(log).toEqual([1, 2, 2]);
    expect(other(IOTLB.BATCH_END)).toBe(0);
    expect(log).toEqual([1, 2, 2]);
  });

  it('change nothing for a parent with dma_map', () => {
    const { update, other, log } = owned();
    other(IOTLB.BATCH_BEGIN);
    update(BASE, PAGE);
    expect(log).toHaveLength(1);
    other(IOTLB.BATCH_END);
    expect(log).toHaveLength(1);
  });

  it('hold other spaces off; a second begin starts afresh; a failing set_map at the end is not told', () => {
    const { update, other, file } = owned({ ops: { ...SET, setMap: () => -EIO } });
    expect(other(IOTLB.BATCH_BEGIN)).toBe(0);
    expect(update(BASE, PAGE, { asid: 1 })).toBe(-EINVAL);
    expect(other(IOTLB.BATCH_BEGIN, 1)).toBe(-EINVAL);
    expect(other(IOTLB.BATCH_END, 1)).toBe(-EINVAL);
    expect(other(IOTLB.BATCH_BEGIN)).toBe(0);
    expect(update(BASE, PAGE)).toBe(0);
    expect(other(IOTLB.BATCH_END)).toBe(0);
    expect(file.mappings.batch).toBe(null);
    expect(update(BASE, PAGE, { asid: 1 })).toBe(-EIO);
  });

  it('stay open over a reset and end with the file', () => {
    const { other, client, node, process } = owned();
    other(IOTLB.BATCH_BEGIN);
    client.reset();
    expect(node.file!.mappings.batch).toBe(0);
    client.close();
    node.open(process);
    expect(node.file!.mappings.batch).toBe(null);
  });
});

describe('messages', () => {
  it('are for the owner, and errors have one face', () => {
    const { file } = rig();
    const update = encodeMessage({
      asid: 0,
      type: IOTLB.UPDATE,
      iova: BigInt(BASE),
      size: 4096n,
      uaddr: BigInt(USER),
      perm: 3,
    });
    expect(file.write(update)).toBe(-EFAULT);
    expect(file.innerErrno).toBe(-EPERM);
    expect(file.write(update.subarray(0, 39))).toBe(-EINVAL);
    expect(file.read()).toBe(-EINVAL);
  });

  it.each([0, IOTLB.MISS, IOTLB.ACCESS_FAIL, 7, 255])('of type %i are refused', (type) => {
    const { update, other } = owned();
    update(BASE, PAGE);
    expect(other(type)).toBe(-EINVAL);
  });

  it('without the ASID acknowledgement go to space 0', () => {
    const { client, update, log } = owned();
    client.setBackendFeatures(BACKEND_F.IOTLB_MSG_V2);
    expect(update(BASE, PAGE, { asid: 1 })).toBe(0);
    expect(log.at(-1)).toMatch(/^dmaMap\(0,/);
  });
});

describe('virtual addresses', () => {
  const VA: FakeOptions = { useVa: true, ops: { bindMm: () => 0, unbindMm: () => {} } };

  it('pass on as they are, with the file behind them, and nothing is pinned', () => {
    const { update, log, process } = owned(VA);
    expect(update(BASE, 2 * PAGE, { uaddr: BigInt(USER + PAGE) })).toBe(0);
    expect(log).toEqual([
      `dmaMap(0, ${BASE}, ${2 * PAGE}, ${USER + PAGE}, 3, {"file":"ram","offset":${PAGE}})`,
    ]);
    expect(process.memory.pinned).toBe(0);
  });

  it('of memory that is no shared file are left out in silence', () => {
    const { update, log, process } = owned(VA);
    const kinds = ['anonymous', 'shared-file', 'private-file', 'io'] as const;
    kinds.forEach((kind, i) => {
      process.memory.map({
        start: 0x9000_0000 + i * PAGE,
        size: PAGE,
        pages: i * PAGE,
        kind,
        writable: true,
      });
    });
    expect(update(BASE, 4 * PAGE, { uaddr: 0x9000_0000n })).toBe(0);
    expect(log).toEqual([
      `dmaMap(0, ${BASE + PAGE}, ${PAGE}, ${0x9000_0000 + PAGE}, 3, {"file":"","offset":0})`,
    ]);
  });

  it('with a hole behind them are refused, and what was mapped is taken back', () => {
    const { update, log } = owned(VA);
    expect(update(BASE, 65 * PAGE)).toBe(-EINVAL);
    expect(log.at(-1)).toBe(`dmaUnmap(0, ${BASE}, ${64 * PAGE})`);
  });
});
