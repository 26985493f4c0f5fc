import { describe, expect, it } from 'vitest';
import { ERRNO } from '../device.ts';
import { bytes, type FakeOptions, rig, state } from './test-kit.ts';
import { BACKEND_F, IOCTL, type IoctlName } from './uapi.ts';

const { EPERM, EFAULT, EINVAL, EBUSY, EBADF, ENOTTY, ENOBUFS, EOPNOTSUPP, EIO, E2BIG } = ERRNO;
const RUNNING = 0x0f;

/** An open node whose caller is the owner. */
function owned(options: FakeOptions = {}) {
  const all = rig(options);
  expect(all.file.ioctl(IOCTL.SET_OWNER)).toBe(0);
  all.log.length = 0;
  return all;
}

const READS: readonly [IoctlName, number, Uint8Array][] = [
  ['GET_FEATURES', 8, bytes([8, 0xf_0000_0001n])],
  ['GET_BACKEND_FEATURES', 8, bytes([8, 0x13en])],
  ['GET_DEVICE_ID', 4, bytes([4, 1])],
  ['GET_STATUS', 1, bytes([1, 0])],
  ['GET_VRING_NUM', 2, bytes([2, 256])],
  ['GET_IOVA_RANGE', 16, bytes([8, 0x1000n], [8, 0xffff_ffff_ffffn])],
  ['GET_CONFIG_SIZE', 4, bytes([4, 16])],
  ['GET_AS_NUM', 4, bytes([4, 2])],
  ['GET_GROUP_NUM', 4, bytes([4, 2])],
  ['GET_VQS_COUNT', 4, bytes([4, 3])],
];

describe('what everybody may ask', () => {
  it.each(READS)('%s answers with %i bytes', (name, size, want) => {
    const { file } = rig();
    const out = new Uint8Array(size);
    expect(file.ioctl(IOCTL[name], out)).toBe(0);
    expect(out).toEqual(want.subarray(0, size));
    expect(file.ioctl(IOCTL[name], out.subarray(1))).toBe(-EFAULT);
    expect(file.ioctl(IOCTL[name])).toBe(-EFAULT);
  });

  it('the range is everything for a parent that names none', () => {
    const { file } = rig({ ops: { getIovaRange: undefined } });
    const out = new Uint8Array(16);
    expect(file.ioctl(IOCTL.GET_IOVA_RANGE, out)).toBe(0);
    expect(out).toEqual(bytes([8, 0], [8, 2n ** 64n - 1n]));
  });
});

describe('the owner', () => {
  it('may be set once, and is needed for queues, memory and what nobody knows', () => {
    const { file, log } = rig();
    const before = log.length;
    for (const name of ['SET_VRING_NUM', 'GET_VRING_GROUP', 'SET_MEM_TABLE', 'RESET_OWNER'] as const)
      expect(file.ioctl(IOCTL[name], state(0, 8))).toBe(-EPERM);
    expect(file.ioctl(0xaf55, state(0xffff_ffff, 0))).toBe(-EPERM);
    expect(log.length).toBe(before);
    expect(file.ioctl(IOCTL.SET_OWNER)).toBe(0);
    expect(file.ioctl(IOCTL.SET_OWNER)).toBe(-EBUSY);
    expect(file.ioctl(IOCTL.SET_VRING_NUM, state(0, 8))).toBe(0);
  });

  it('is one process: another one with the same node has to leave queues alone', () => {
    const { file } = owned();
    const { process: other } = rig();
    expect(file.ioctl(IOCTL.SET_VRING_NUM, state(0, 8), other)).toBe(-EPERM);
    expect(file.ioctl(IOCTL.GET_STATUS, new Uint8Array(1), other)).toBe(0);
  });

  it('is bound to a parent that uses virtual addresses; a refusal undoes it', () => {
    let answer = -EIO;
    const { file, log } = rig({ useVa: true, ops: { bindMm: () => answer, unbindMm: () => {} } });
    expect(file.ioctl(IOCTL.SET_OWNER)).toBe(-EIO);
    expect(file.owner).toBe(null);
    answer = 0;
    expect(file.ioctl(IOCTL.SET_OWNER)).toBe(0);
    expect(log).toEqual(['bindMm(mm)', 'bindMm(mm)']);
  });

  it('is asked about forks before it is set only', () => {
    const { file } = rig();
    expect(file.ioctl(IOCTL.SET_FORK_FROM_OWNER, bytes([1, 2]))).toBe(-EINVAL);
    expect(file.ioctl(IOCTL.SET_FORK_FROM_OWNER)).toBe(-EFAULT);
    expect(file.ioctl(IOCTL.SET_FORK_FROM_OWNER, bytes([1, 0]))).toBe(0);
    const out = bytes([1, 9]);
    expect(file.ioctl(IOCTL.GET_FORK_FROM_OWNER, out)).toBe(0);
    expect(out[0]).toBe(0);
    file.ioctl(IOCTL.SET_OWNER);
    expect(file.ioctl(IOCTL.SET_FORK_FROM_OWNER, bytes([1, 1]))).toBe(-EBUSY);
  });
});

describe('unknown commands', () => {
  it('are taken for one of a queue first', () => {
    const { file } = owned();
    expect(file.ioctl(0xaf55)).toBe(-EFAULT);
    expect(file.ioctl(0xaf55, bytes([2, 0]))).toBe(-EFAULT);
    expect(file.ioctl(0xaf55, state(3, 0))).toBe(-ENOBUFS);
    expect(file.ioctl(0xaf55, state(2, 0))).toBe(-ENOTTY);
    expect(file.ioctl(IOCTL.RESET_OWNER, state(0, 0))).toBe(-ENOTTY);
    expect(file.ioctl(IOCTL.GET_VRING_ENDIAN, state(0, 0))).toBe(-ENOTTY);
  });

  it('logging is not for vdpa, whoever asks', () => {
    const { file } = rig();
    expect(file.ioctl(IOCTL.SET_LOG_BASE, bytes([8, 0]))).toBe(-ENOTTY);
    expect(file.ioctl(IOCTL.SET_LOG_FD, bytes([4, 0]))).toBe(-ENOTTY);
  });

  it('Linux 6.1 does not know what came later', () => {
    const { file } = owned({ release: '6.1' });
    for (const name of ['RESUME', 'GET_VRING_SIZE', 'GET_VRING_DESC_GROUP', 'SET_FORK_FROM_OWNER'] as const)
      expect(file.ioctl(IOCTL[name], state(0, 0))).toBe(-ENOTTY);
  });

  it('a memory table is looked at and has no effect', () => {
    const { file, log } = owned();
    expect(file.ioctl(IOCTL.SET_MEM_TABLE)).toBe(-EFAULT);
    expect(file.ioctl(IOCTL.SET_MEM_TABLE, bytes([4, 0], [4, 1]))).toBe(-EOPNOTSUPP);
    expect(file.ioctl(IOCTL.SET_MEM_TABLE, bytes([4, 65], [4, 0]))).toBe(-E2BIG);
    expect(file.ioctl(IOCTL.SET_MEM_TABLE, bytes([4, 1], [4, 0]))).toBe(-EFAULT);
    expect(file.ioctl(IOCTL.SET_MEM_TABLE, new Uint8Array(40).fill(0).fill(1, 0, 1))).toBe(0);
    expect(log).toEqual([]);
  });
});

describe('backend features', () => {
  const set = (file: ReturnType<typeof rig>['file'], bits: bigint) =>
    file.ioctl(IOCTL.SET_BACKEND_FEATURES, bytes([8, bits]));

  it('are offered by what the parent can do', () => {
    const offered = (options: FakeOptions) => {
      const out = new Uint8Array(8);
      expect(rig(options).file.ioctl(IOCTL.GET_BACKEND_FEATURES, out)).toBe(0);
      return new DataView(out.buffer).getBigUint64(0, true);
    };
    const none = { suspend: undefined, resume: undefined, resetMap: undefined };
    expect(offered({ ops: none })).toBe(0x0en);
    expect(offered({ ops: { getVqDescGroup: () => 0 } })).toBe(0x1ben);
    expect(offered({ ops: { ...none, getBackendFeatures: () => 0x140n } })).toBe(0x14en);
    expect(offered({ release: '6.1' })).toBe(0x1en);
    expect(offered({ release: '6.1', ops: none })).toBe(0x0en);
  });

  it.each<[string, bigint, number, FakeOptions]>([
    ['what is offered', 0x13en, 0, {}],
    ['nothing', 0n, 0, {}],
    ['an unknown bit', 1n << 9n, -EOPNOTSUPP, {}],
    ['bit 0', 1n, -EOPNOTSUPP, {}],
    ['SUSPEND without the op', BACKEND_F.SUSPEND, -EOPNOTSUPP, { ops: { suspend: undefined } }],
    ['RESUME without the op', BACKEND_F.RESUME, -EOPNOTSUPP, { ops: { resume: undefined } }],
    ['DESC_ASID without the op', BACKEND_F.DESC_ASID | BACKEND_F.IOTLB_ASID, -EOPNOTSUPP, {}],
    ['DESC_ASID without ASIDs', BACKEND_F.DESC_ASID, -EINVAL, { ops: { getVqDescGroup: () => 0 } }],
    ['PERSIST without means', BACKEND_F.IOTLB_PERSIST, -EOPNOTSUPP, { ops: { resetMap: undefined } }],
    ['ENABLE_AFTER_DRIVER_OK', BACKEND_F.ENABLE_AFTER_DRIVER_OK, 0, {}],
  ])('take %s', (_, bits, want, options) => {
    const { file } = rig(options);
    expect(set(file, bits)).toBe(want);
    expect(file.backendFeatures).toBe(want === 0 ? bits : 0n);
    expect(file.ioctl(IOCTL.SET_BACKEND_FEATURES, bytes([4, 0]))).toBe(-EFAULT);
  });
});

describe('status', () => {
  const status = (file: ReturnType<typeof rig>['file'], value: number) =>
    file.ioctl(IOCTL.SET_STATUS, bytes([1, value]));

  it('bits are added, and go by a reset only', () => {
    const { file, log } = rig();
    expect(file.ioctl(IOCTL.SET_STATUS)).toBe(-EFAULT);
    expect(status(file, 3)).toBe(0);
    expect(status(file, 1)).toBe(-EINVAL);
    expect(status(file, 0x83)).toBe(0);
    expect(status(file, 0)).toBe(0);
    expect(log.filter((line) => !line.startsWith('get'))).toEqual([
      'setStatus(3)',
      'setStatus(131)',
      'reset()',
    ]);
  });

  it('a failing reset is told', () => {
    let fails = false;
    const { file } = rig({ ops: { reset: () => (fails ? -EIO : 0) } });
    fails = true;
    expect(status(file, 0)).toBe(-EIO);
  });

  it('a reset without the PERSIST acknowledgement cleans the mappings of a parent that can', () => {
    const { file, log } = rig({ ops: { compatReset: () => 0 } });
    status(file, 0);
    file.ioctl(IOCTL.SET_BACKEND_FEATURES, bytes([8, BACKEND_F.IOTLB_PERSIST]));
    status(file, 0);
    expect(log.filter((line) => /eset\(/.test(line))).toEqual(['compatReset(1)', 'reset()']);
    const old = rig({ release: '6.1', ops: { compatReset: () => 0 } });
    status(old.file, 0);
    expect(old.log.filter((line) => /eset\(/.test(line))).toEqual(['reset()']);
  });

  it('interrupts are asked for after DRIVER_OK, and only where an eventfd stands for them', () => {
    const { file, log, process } = owned({ ops: { getVqIrq: (idx: number) => (idx === 2 ? -1 : 40 + idx) } });
    const { fd } = process.files.eventfd();
    file.ioctl(IOCTL.SET_VRING_CALL, state(0, fd));
    file.ioctl(IOCTL.SET_VRING_CALL, state(2, fd));
    log.length = 0;
    status(file, RUNNING);
    expect(log).toEqual(['getStatus()', 'setStatus(15)', 'getVqIrq(0)', 'getVqIrq(1)', 'getVqIrq(2)']);
    expect(file.vrings.map(({ bypass }) => bypass)).toEqual([40, null, null]);
    file.ioctl(IOCTL.SET_VRING_CALL, state(1, fd));
    expect(file.vrings.map(({ bypass }) => bypass)).toEqual([40, 41, null]);
    file.ioctl(IOCTL.SET_VRING_CALL, state(1, -1));
    expect(file.vrings[1].bypass).toBe(null);
    status(file, 0);
    expect(file.vrings.map(({ bypass }) => bypass)).toEqual([null, null, null]);
  });
});

describe('features', () => {
  const set = (file: ReturnType<typeof rig>['file'], bits: bigint) =>
    file.ioctl(IOCTL.SET_FEATURES, bytes([8, bits]));

  it('are frozen with FEATURES_OK, before anything is read from the caller', () => {
    const { file } = rig();
    expect(file.ioctl(IOCTL.SET_FEATURES)).toBe(-EFAULT);
    expect(set(file, 1n)).toBe(0);
    file.ioctl(IOCTL.SET_STATUS, bytes([1, 0x0b]));
    expect(file.ioctl(IOCTL.SET_FEATURES)).toBe(-EBUSY);
  });

  it('a refusal of the parent is EINVAL whatever it was', () => {
    const { file } = rig({ ops: { setDriverFeatures: () => -EOPNOTSUPP } });
    expect(set(file, 1n)).toBe(-EINVAL);
  });

  it('decide how positions are read, as the parent has them in force', () => {
    const PACKED = 1n << 34n;
    const { file, log } = owned();
    expect(file.ioctl(IOCTL.SET_VRING_BASE, state(0, 0x1_0000))).toBe(-EINVAL);
    const base = state(1, 0);
    expect(file.ioctl(IOCTL.GET_VRING_BASE, base)).toBe(0);
    expect(base).toEqual(state(1, 0x1234));
    set(file, PACKED);
    log.length = 0;
    expect(file.ioctl(IOCTL.SET_VRING_BASE, state(0, 0x8003_0007))).toBe(0);
    expect(log.at(-1)).toContain(
      '"packed":{"lastAvailIdx":7,"lastAvailCounter":0,"lastUsedIdx":3,"lastUsedCounter":1}',
    );
    expect(file.ioctl(IOCTL.GET_VRING_BASE, base)).toBe(0);
    expect(base).toEqual(state(1, 0x0003_8005));
    // A reset of the device leaves what vhost knows.
    file.ioctl(IOCTL.SET_STATUS, bytes([1, 0]));
    expect(file.ioctl(IOCTL.SET_VRING_BASE, state(0, 0xffff_ffff))).toBe(0);
  });
});

describe('configuration', () => {
  const at = (offset: number, length: number, room = length) =>
    new Uint8Array([...bytes([4, offset], [4, length]), ...new Uint8Array(room)]);

  it.each<[string, Uint8Array | undefined, number]>([
    ['all of it', at(0, 16), 0],
    ['the last byte', at(15, 1), 0],
    ['no header', bytes([4, 0]), -EFAULT],
    ['nothing', at(0, 0), -EINVAL],
    ['one too many', at(0, 17), -EINVAL],
    ['behind the end', at(17, 1), -EINVAL],
    ['an offset that would wrap', at(0xffff_ffff, 2), -EINVAL],
    ['a length that would wrap', at(1, 0xffff_ffff, 0), -EINVAL],
    ['more than the caller has room for', at(0, 8, 7), -EFAULT],
  ])('%s', (_, argument, want) => {
    const { file, log } = rig();
    expect(file.ioctl(IOCTL.SET_CONFIG, argument?.slice())).toBe(want);
    expect(file.ioctl(IOCTL.GET_CONFIG, argument)).toBe(want);
    const reached = log.filter((line) => /^[gs]etConfig\(/.test(line)).length;
    // Reading happens before the caller's memory is found too short.
    expect(reached).toBe(want === 0 ? 2 : want === -EFAULT && argument!.length > 8 ? 1 : 0);
  });

  it('reading before features were accepted accepts none, once', () => {
    const { file, log } = rig();
    file.ioctl(IOCTL.GET_CONFIG, at(4, 2));
    file.ioctl(IOCTL.GET_CONFIG, at(4, 2));
    expect(log.filter((line) => line.startsWith('setDriverFeatures'))).toEqual(['setDriverFeatures(0x0)']);
    file.ioctl(IOCTL.SET_STATUS, bytes([1, 0]));
    file.ioctl(IOCTL.SET_FEATURES, bytes([8, 1]));
    file.ioctl(IOCTL.GET_CONFIG, at(4, 2));
    expect(log.filter((line) => line.startsWith('setDriverFeatures'))).toHaveLength(2);
  });

  it('bytes pass both ways', () => {
    const { file, log } = rig();
    const argument = at(4, 3);
    file.ioctl(IOCTL.GET_CONFIG, argument);
    expect([...argument.subarray(8)]).toEqual([4, 5, 6]);
    file.ioctl(IOCTL.SET_CONFIG, argument);
    expect(log.at(-1)).toBe('setConfig(4, [4,5,6])');
  });
});

describe('queues', () => {
  const address = (
    over: Partial<Record<'flags' | 'desc' | 'used' | 'avail' | 'log', number | bigint>> = {},
  ) => {
    const { flags = 0, desc = 0x1000, used = 0x3000, avail = 0x2000, log = 0 } = over;
    return bytes([4, 1], [4, flags], [8, desc], [8, used], [8, avail], [8, log]);
  };

  it.each<[string, number, number]>([
    ['1', 1, 0],
    ['the maximum', 256, 0],
    ['0', 0, -EINVAL],
    ['no power of two', 96, -EINVAL],
    ['above the maximum', 512, -EINVAL],
    ['above 16 bits', 0x1_0000, -EINVAL],
  ])('size %s', (_, num, want) => {
    const { file, log } = owned();
    expect(file.ioctl(IOCTL.SET_VRING_NUM, state(1, num))).toBe(want);
    expect(log).toEqual(want === 0 ? [`setVqNum(1, ${num})`] : []);
    const old = owned({ release: '6.1' });
    expect(old.file.ioctl(IOCTL.SET_VRING_NUM, state(1, num))).toBe(num === 512 ? 0 : want);
  });

  it.each<[string, Uint8Array, number]>([
    ['right ones', address(), 0],
    ['with the log flag', address({ flags: 1, log: 4 }), 0],
    ['another flag', address({ flags: 2 }), -EOPNOTSUPP],
    ['odd avail', address({ avail: 0x2001 }), -EINVAL],
    ['used not on 4', address({ used: 0x3002 }), -EINVAL],
    ['log not on 4', address({ log: 2 }), -EINVAL],
    ['desc anywhere', address({ desc: 0x1001 }), 0],
    ['short', address().subarray(0, 39), -EFAULT],
  ])('addresses: %s', (_, argument, want) => {
    const { file, log } = owned();
    expect(file.ioctl(IOCTL.SET_VRING_ADDR, argument)).toBe(want);
    expect(log.filter((line) => line.startsWith('setVqAddress'))).toHaveLength(want === 0 ? 1 : 0);
  });

  it('addresses reach the parent as descriptors, avail, used; its refusal is EINVAL', () => {
    let answer = 0;
    const { file, log } = owned({ ops: { setVqAddress: () => answer } });
    file.ioctl(IOCTL.SET_VRING_ADDR, address());
    expect(log.at(-1)).toBe('setVqAddress(1, 4096, 8192, 12288)');
    answer = -EOPNOTSUPP;
    expect(file.ioctl(IOCTL.SET_VRING_ADDR, address())).toBe(-EINVAL);
  });

  it('rings stay where they are on a device that runs, unless it is suspended', () => {
    const move = (all: ReturnType<typeof owned>) => [
      all.file.ioctl(IOCTL.SET_VRING_ADDR, address()),
      all.file.ioctl(IOCTL.SET_VRING_BASE, state(1, 5)),
    ];
    const late = owned();
    late.file.ioctl(IOCTL.SET_STATUS, bytes([1, RUNNING]));
    expect(move(late)).toEqual([-EINVAL, -EINVAL]);
    expect(late.log.some((line) => line.startsWith('setVq'))).toBe(false);
    expect(late.file.ioctl(IOCTL.SUSPEND)).toBe(0);
    expect(move(late)).toEqual([0, 0]);
    expect(late.file.ioctl(IOCTL.RESUME)).toBe(0);
    expect(move(late)).toEqual([-EINVAL, -EINVAL]);
    const old = owned({ release: '6.1' });
    old.file.ioctl(IOCTL.SET_STATUS, bytes([1, RUNNING]));
    expect(move(old)).toEqual([0, 0]);
  });

  it('errors of the parent come before the caller’s memory for positions', () => {
    const { file } = owned({ ops: { getVqState: () => -EOPNOTSUPP, setVqState: () => -EIO } });
    expect(file.ioctl(IOCTL.GET_VRING_BASE, bytes([4, 0]))).toBe(-EOPNOTSUPP);
    expect(file.ioctl(IOCTL.SET_VRING_BASE, state(0, 1))).toBe(-EIO);
    expect(owned().file.ioctl(IOCTL.GET_VRING_BASE, bytes([4, 0]))).toBe(-EFAULT);
  });

  it.each<[IoctlName, number, FakeOptions]>([
    ['GET_VRING_GROUP', 1, {}],
    ['GET_VRING_GROUP', -EOPNOTSUPP, { ops: { getVqGroup: undefined } }],
    ['GET_VRING_GROUP', -EIO, { ops: { getVqGroup: () => 2 } }],
    ['GET_VRING_DESC_GROUP', -EOPNOTSUPP, {}],
    ['GET_VRING_DESC_GROUP', 0, { ops: { getVqDescGroup: () => 0 } }],
    ['GET_VRING_DESC_GROUP', -EIO, { ops: { getVqDescGroup: () => 9 } }],
    ['GET_VRING_SIZE', 64, {}],
    ['GET_VRING_SIZE', -EOPNOTSUPP, { ops: { getVqSize: undefined } }],
  ])('%s gives %i', (name, want, options) => {
    const { file } = owned(options);
    const argument = state(2, 77);
    expect(file.ioctl(IOCTL[name], argument)).toBe(want < 0 ? want : 0);
    expect(argument).toEqual(state(2, want < 0 ? 77 : want));
    expect(file.ioctl(IOCTL[name], state(3, 0))).toBe(-ENOBUFS);
  });

  it.each<[string, number, number, number, FakeOptions]>([
    ['both exist', 1, 1, 0, {}],
    ['no such space', 1, 2, -EINVAL, {}],
    ['no such group, though such a queue', 2, 0, -EINVAL, {}],
    ['neither group nor queue', 3, 0, -ENOBUFS, {}],
    ['no op', 0, 0, -EOPNOTSUPP, { ops: { setGroupAsid: undefined } }],
    ['the parent says no', 0, 0, -EIO, { ops: { setGroupAsid: () => -EIO } }],
  ])('SET_GROUP_ASID: %s', (_, group, asid, want, options) => {
    expect(owned(options).file.ioctl(IOCTL.SET_GROUP_ASID, state(group, asid))).toBe(want);
  });

  it('SET_GROUP_ASID on a running device is refused by later kernels', () => {
    for (const [release, want] of [
      ['6.12', 0],
      ['7.0', -EBUSY],
    ] as const) {
      const { file } = owned({ release });
      file.ioctl(IOCTL.SET_STATUS, bytes([1, RUNNING]));
      expect(file.ioctl(IOCTL.SET_GROUP_ASID, state(1, 1))).toBe(want);
    }
  });

  it('any number but 0 enables, at any time', () => {
    const { file, log } = owned();
    for (const num of [0, 1, 0xffff_ffff]) expect(file.ioctl(IOCTL.SET_VRING_ENABLE, state(2, num))).toBe(0);
    expect(log).toEqual(['setVqReady(2, false)', 'setVqReady(2, true)', 'setVqReady(2, true)']);
    expect(file.ioctl(IOCTL.SET_VRING_ENABLE, bytes([4, 2]))).toBe(-EFAULT);
  });

  it('the busy-loop timeout is stored only', () => {
    const { file, log } = owned();
    expect(file.ioctl(IOCTL.SET_VRING_BUSYLOOP_TIMEOUT, state(1, 50))).toBe(0);
    const out = state(1, 0);
    expect(file.ioctl(IOCTL.GET_VRING_BUSYLOOP_TIMEOUT, out)).toBe(0);
    expect(out).toEqual(state(1, 50));
    expect(log).toEqual([]);
  });

  it.each(['SET_VRING_KICK', 'SET_VRING_CALL', 'SET_VRING_ERR'] as const)('%s wants an eventfd', (name) => {
    const { file, process } = owned();
    const fd = process.files.open('a regular file');
    expect(file.ioctl(IOCTL[name], bytes([4, 0]))).toBe(-EFAULT);
    expect(file.ioctl(IOCTL[name], state(0, fd))).toBe(-EINVAL);
    expect(file.ioctl(IOCTL[name], state(0, 99))).toBe(-EBADF);
    expect(file.ioctl(IOCTL[name], state(0, -2))).toBe(-EBADF);
    expect(file.ioctl(IOCTL[name], state(0, process.files.eventfd().fd))).toBe(0);
    expect(file.ioctl(IOCTL[name], state(0, -1))).toBe(0);
  });
});

describe('suspend and resume', () => {
  it('do nothing before DRIVER_OK in later kernels, whether the ops are there or not', () => {
    const { file, log } = rig({ ops: { suspend: undefined, resume: undefined } });
    expect([file.ioctl(IOCTL.SUSPEND), file.ioctl(IOCTL.RESUME)]).toEqual([0, 0]);
    file.ioctl(IOCTL.SET_STATUS, bytes([1, RUNNING]));
    expect([file.ioctl(IOCTL.SUSPEND), file.ioctl(IOCTL.RESUME)]).toEqual([-EOPNOTSUPP, -EOPNOTSUPP]);
    expect(log.some((line) => /suspend|resume/.test(line))).toBe(false);
  });

  it('tell what the parent says', () => {
    const { file } = rig({ ops: { suspend: () => -EIO, resume: () => -EIO } });
    file.ioctl(IOCTL.SET_STATUS, bytes([1, RUNNING]));
    expect([file.ioctl(IOCTL.SUSPEND), file.ioctl(IOCTL.RESUME)]).toEqual([-EIO, -EIO]);
    expect(file.suspended).toBe(false);
  });

  it('Linux 6.1 asks the parent at any status', () => {
    const { file, log } = rig({ release: '6.1' });
    expect(file.ioctl(IOCTL.SUSPEND)).toBe(0);
    expect(log).toContain('suspend()');
  });
});
