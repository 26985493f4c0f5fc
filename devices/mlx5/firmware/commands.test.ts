import { describe, expect, it } from 'vitest';
import { CMD_STATUS, LENGTH, OBJECT, OPCODE } from '../prm/commands.ts';
import { putField } from '../prm/fields.ts';
import { CommandBench } from './test-commands.ts';

/** The first queue object of a bench. */
const FIRST = 1;
const [INIT, RDY, SUSPEND, ERR] = [0, 1, 2, 3];
const STATE = 1;

describe('the command interface', () => {
  it('answers an opcode that it does not know with a status and a syndrome', () => {
    const answer = new CommandBench().answer(0xbad, 0x10);
    expect(answer[0]).toBe(CMD_STATUS.BAD_OP);
    expect([...answer.subarray(4, 8)]).toEqual([0, 0x0b, 0, 1]);
    expect(answer.length).toBe(16);
  });

  it('knows no opcode beside its own', () => {
    const bench = new CommandBench();
    const known = new Set<number>(Object.values(OPCODE));
    for (let opcode = 0; opcode < 0x1000; opcode++)
      expect(bench.say(opcode, 0x10) === 'unknownOpcode').toBe(!known.has(opcode));
  });

  it('refuses any command that is too short', () => {
    for (const opcode of Object.values(OPCODE))
      expect(new CommandBench().say(opcode, 0x0f)).toBe('inputTooShort');
    expect(new CommandBench().say('CREATE_MKEY', 0x10c)).toBe('inputTooShort');
  });

  it('refuses an answer that has no room for its object', () => {
    const bench = new CommandBench();
    expect(bench.createQueue()).toBe('ok');
    const query = (length: number) =>
      bench.say(
        'QUERY_GENERAL_OBJECT',
        0x10,
        (input) => {
          putField(input, 0, [4, 15, 0], OBJECT.VIRTIO_NET_Q);
          putField(input, 0, [8, 31, 0], FIRST);
        },
        length,
      );
    expect(query(0x10)).toBe('outputTooShort');
    expect(query(0xd0)).toBe('ok');
  });

  it('keeps the objects of users apart', () => {
    const bench = new CommandBench();
    const pd = bench.make('ALLOC_PD');
    bench.uid = 7;
    expect(bench.say('ALLOC_PD', 0x10)).toBe('unknownUser');
    bench.uid = 0;
    bench.uid = bench.make('CREATE_UCTX');
    expect(bench.destroy('DEALLOC_PD', pd)).toBe('notYourObject');
    const mine = bench.make('ALLOC_PD');
    expect(mine).not.toBe(pd);
    const user = bench.uid;
    bench.uid = 0;
    expect(bench.destroy('DESTROY_UCTX', user)).toBe('objectInUse');
  });

  it('destroys nothing that another object needs', () => {
    const bench = new CommandBench();
    const { pd, tis, umem } = bench.base();
    expect(bench.pagesKey(4096, [0x5000])).toBe('ok');
    expect(bench.destroy('DEALLOC_PD', pd)).toBe('objectInUse');
    expect(bench.createQueue(1, (input) => putField(input, 0x50, [0x28, 31, 0], 0x100_00))).toBe('ok');
    for (const [opcode, id] of [
      ['DESTROY_TIS', tis],
      ['DESTROY_UMEM', umem],
      ['DESTROY_MKEY', 0x100],
    ] as const)
      expect(bench.destroy(opcode, id)).toBe('objectInUse');
    expect(bench.destroyObject(OBJECT.VIRTIO_NET_Q, FIRST)).toBe('ok');
    expect(bench.destroyObject(OBJECT.VIRTIO_NET_Q, FIRST)).toBe('noSuchObject');
    expect(bench.destroy('DESTROY_MKEY', 0x100)).toBe('ok');
    expect(bench.destroy('DESTROY_TIS', tis)).toBe('ok');
    expect(bench.destroy('DEALLOC_PD', pd)).toBe('ok');
  });

  it('tells capabilities where the reference has them', () => {
    const bench = new CommandBench({ freezeToReady: true, descGroup: true });
    const ask = (type: number, length = 0x50) =>
      bench.answer('QUERY_HCA_CAP', 0x10, (input) => putField(input, 0, [4, 15, 0], type * 2 + 1), length);
    const caps = ask(0x13).subarray(0x10);
    expect([...caps.subarray(0, 4)]).toEqual([0x3f, 0xff, 0x06, 0x01]);
    expect([...caps.subarray(0x10, 0x14)]).toEqual([0, 0, 0, 8]);
    expect(caps[0x1a]).toBe(0x18);
    expect([...caps.subarray(0x20, 0x28)]).toEqual([0, 0, 0, 16, 0, 0, 0, 64]);
    expect(ask(0x12)[0]).toBe(CMD_STATUS.BAD_PARAM);
  });
});

describe('a queue object', () => {
  it.each([
    ['an index beyond the last', 'queueIndex', [0x50, [0x00, 15, 0], 8]],
    ['a size that is no power of two', 'queueSize', [0x50, [0x08, 15, 0], 12]],
    ['a size beyond the largest', 'queueSize', [0x50, [0x08, 15, 0], 512]],
    ['a packed ring', 'queueType', [0x50, [0x00, 31, 24], 1]],
    ['no version 1', 'queueFeatures', [0x50, [0x04, 30, 30], 0]],
    ['areas that are not aligned', 'queueAreas', [0x50, [0x14, 31, 0], 0x1008]],
    ['a umem that is too small', 'queueUmem', [0x50, [0x34, 31, 0], 319]],
    ['a umem that does not exist', 'noSuchObject', [0x50, [0x40, 31, 0], 99]],
    ['a vector that there is not', 'queueEvents', [0x50, [0x04, 23, 0], 8]],
    ['no event mode', 'queueEvents', [0x50, [0x00, 18, 16], 0]],
    ['a key that does not exist', 'noSuchObject', [0x50, [0x28, 31, 0], 0x12300]],
    ['a domain that does not exist', 'noSuchObject', [0x50, [0x64, 23, 0], 99]],
    ['counters that do not exist', 'noSuchObject', [0x50, [0x60, 31, 0], 99]],
    ['a key for its ring, which it cannot have', 'queueKey', [0x50, [0x6c, 31, 0], 0xff]],
  ] as const)('is not made with %s', (_, refusal, [base, field, value]) => {
    const bench = new CommandBench();
    expect(bench.createQueue(0, (input) => putField(input, base, field, value))).toBe(refusal);
    expect(bench.function.firmware.netQueues.size).toBe(0);
    expect(bench.createQueue()).toBe('ok');
  });

  it('has its index for itself', () => {
    const bench = new CommandBench();
    expect(bench.createQueue(3)).toBe('ok');
    expect(bench.createQueue(3)).toBe('queueIndexTaken');
    expect(bench.createQueue(4)).toBe('ok');
  });

  /** A queue object in `state`. */
  function inState(state: number, freezeToReady: boolean): CommandBench {
    const bench = new CommandBench({ freezeToReady });
    expect(bench.createQueue()).toBe('ok');
    if (state !== INIT) expect(bench.modify(FIRST, STATE, RDY)).toBe('ok');
    if (state === SUSPEND) expect(bench.modify(FIRST, STATE, SUSPEND)).toBe('ok');
    if (state === ERR) bench.function.engine.queueFailed(bench.function.engine.queues[0]);
    expect(bench.query(FIRST)[0x23] & 15).toBe(state);
    return bench;
  }

  const states = [INIT, RDY, SUSPEND, ERR];
  it.each(
    states.flatMap((from) =>
      states.flatMap((to) => [true, false].map((freeze) => [from, to, freeze] as const)),
    ),
  )('in state %i goes to %i only where that is legal (resumable: %s)', (from, to, freeze) => {
    const legal =
      (from === INIT && to === RDY) ||
      (from === RDY && to === SUSPEND) ||
      (from === SUSPEND && to === RDY && freeze);
    const bench = inState(from, freeze);
    expect(bench.modify(FIRST, STATE, to)).toBe(legal ? 'ok' : 'queueTransition');
    expect(bench.query(FIRST)[0x23] & 15).toBe(legal ? to : from);
  });

  it('takes fields only where it stands, and in INIT apart from the state', () => {
    const ADDRS = 1 << 6;
    expect(inState(INIT, true).modify(FIRST, ADDRS)).toBe('ok');
    expect(inState(INIT, true).modify(FIRST, ADDRS | STATE, RDY)).toBe('queueMixed');
    expect(inState(RDY, true).modify(FIRST, ADDRS)).toBe('queueRuns');
    expect(inState(SUSPEND, true).modify(FIRST, ADDRS)).toBe('ok');
    expect(inState(SUSPEND, true).modify(FIRST, ADDRS | STATE, RDY)).toBe('ok');
    expect(inState(ERR, true).modify(FIRST, ADDRS)).toBe('queueRuns');
    for (const mask of [0, 1 << 1, 1 << 9, 2 ** 15, 2 ** 40])
      expect(inState(INIT, true).modify(FIRST, mask)).toBe('queueMask');
  });

  it('takes what the mask selects, and no more', () => {
    const bench = inState(SUSPEND, true);
    const indices = (input: Uint8Array) => {
      putField(input, 0x10, [0x28, 31, 16], 0x1234);
      putField(input, 0x10, [0x28, 15, 0], 0x5678);
    };
    expect(bench.modify(FIRST, 1 << 8, 0, indices)).toBe('ok');
    expect([...bench.query(FIRST).subarray(0x38, 0x3c)]).toEqual([0, 0, 0x56, 0x78]);
    expect(bench.modify(FIRST, 1 << 7, 0, indices)).toBe('ok');
    expect([...bench.query(FIRST).subarray(0x38, 0x3c)]).toEqual([0x12, 0x34, 0x56, 0x78]);
  });

  it('stays as it is when one field of a command is wrong', () => {
    const bench = inState(SUSPEND, true);
    const before = bench.query(FIRST);
    const spoilt = (input: Uint8Array) => {
      putField(input, 0x10, [0x28, 15, 0], 9);
      putField(input, 0x50, [0x28, 31, 0], 0x999900);
    };
    expect(bench.modify(FIRST, (1 << 8) | (1 << 11), 0, spoilt)).toBe('noSuchObject');
    expect(bench.query(FIRST)).toEqual(before);
  });
});

describe('a memory key', () => {
  it.each([
    [
      'physical addresses',
      'keyMode',
      (bench: CommandBench, input: Uint8Array) => bench.fillKey(input, 0, 0, 4096, 1),
    ],
    [
      'fewer pages than its length',
      'keyList',
      (bench: CommandBench, input: Uint8Array) => bench.fillKey(input, 1, 0, 9 * 4096, 1),
    ],
    [
      'a list beyond the command',
      'keyList',
      (bench: CommandBench, input: Uint8Array) => bench.fillKey(input, 1, 0, 4096, 2),
    ],
    ['no length', 'keyLength', (bench: CommandBench, input: Uint8Array) => bench.fillKey(input, 1, 0, 0, 1)],
    [
      'an end beyond every address',
      'keyLength',
      (bench: CommandBench, input: Uint8Array) => bench.fillKey(input, 1, 2 ** 52, 4096, 1),
    ],
  ] as const)('is not made of %s', (_, refusal, fill) => {
    const bench = new CommandBench();
    expect(bench.say('CREATE_MKEY', LENGTH.list + 16, (input) => fill(bench, input))).toBe(refusal);
    expect(bench.function.firmware.memoryKeys.keys.size).toBe(0);
  });

  it('over keys reaches what they reach, holes excepted', () => {
    const bench = new CommandBench();
    expect(bench.pagesKey(8192, [0x5000, 0x9000])).toBe('ok');
    const direct = 0x100_00;
    expect(
      bench.keyOfKeys(
        20480,
        [
          [8192, direct],
          [4096, 0xff],
          [8192, direct],
        ],
        0x10000,
      ),
    ).toBe('ok');
    const key = bench.function.firmware.memoryKeys.keys.find(0x101)!;
    expect(key.entries).toEqual([
      { iova: 0x10000, size: 4096, addr: 0x5000, perm: 3 },
      { iova: 0x11000, size: 4096, addr: 0x9000, perm: 3 },
      { iova: 0x13000, size: 4096, addr: 0x5000, perm: 3 },
      { iova: 0x14000, size: 4096, addr: 0x9000, perm: 3 },
    ]);
    expect(bench.destroy('DESTROY_MKEY', 0x100)).toBe('objectInUse');
  });

  it('over keys begins where the list says', () => {
    const bench = new CommandBench();
    expect(bench.pagesKey(8192, [0x5000, 0x9000])).toBe('ok');
    expect(bench.keyOfKeys(4096, [[4096, 0x100_00, 4096]], 0x10000)).toBe('ok');
    expect(bench.function.firmware.memoryKeys.keys.find(0x101)!.entries).toEqual([
      { iova: 0x10000, size: 4096, addr: 0x9000, perm: 3 },
    ]);
  });

  it.each([
    ['a key that does not exist', 'noSuchObject', 4096, 0x200_00],
    ['a key with another variant', 'noSuchObject', 4096, 0x100_01],
    ['parts that are shorter than it', 'keyLength', 8192, 0x100_00],
  ])('is not made of %s', (_, refusal, length, key) => {
    const bench = new CommandBench();
    expect(bench.pagesKey(4096, [0x5000])).toBe('ok');
    expect(bench.keyOfKeys(length, [[4096, key]])).toBe(refusal);
  });
});

describe('queue pairs and receive tables', () => {
  it('move a queue pair step by step only', () => {
    const bench = new CommandBench();
    const { pd } = bench.base();
    const qp = bench.make('CREATE_QP', LENGTH.list, (input) => putField(input, 0x18, [4, 23, 0], pd));
    const move = (opcode: 'RST2INIT_QP' | 'INIT2RTR_QP' | 'RTR2RTS_QP', peer = qp) =>
      bench.say(opcode, LENGTH.list, (input) => {
        putField(input, 0, [8, 23, 0], qp);
        putField(input, 0x18, [0x14, 23, 0], peer);
      });
    expect(move('INIT2RTR_QP')).toBe('queuePairState');
    expect(move('RST2INIT_QP')).toBe('ok');
    expect(move('RTR2RTS_QP')).toBe('queuePairState');
    expect(move('INIT2RTR_QP', 99)).toBe('noSuchObject');
    expect(move('INIT2RTR_QP')).toBe('ok');
    expect(move('RTR2RTS_QP')).toBe('ok');
    expect(bench.destroy('QP_2RST', qp)).toBe('ok');
    expect(move('RST2INIT_QP')).toBe('ok');
  });

  it('want a power of two of receive queues', () => {
    const bench = new CommandBench();
    for (const index of [0, 1, 2]) expect(bench.createQueue(index)).toBe('ok');
    const table = (queues: number[], most = 4, type = 1) =>
      bench.say('CREATE_RQT', LENGTH.list + 16, (input) => {
        putField(input, 0x20, [0x14, 26, 24], type);
        putField(input, 0x20, [0x14, 15, 0], most);
        putField(input, 0x20, [0x18, 15, 0], queues.length);
        for (const [i, id] of queues.entries()) putField(input, LENGTH.list + 4 * i, [0, 23, 0], id);
      });
    expect(table([1, 3, 1])).toBe('tableSize');
    expect(table([1, 3], 3)).toBe('tableSize');
    expect(table([1, 3, 1, 3], 2)).toBe('tableSize');
    expect(table([1, 2])).toBe('queueIndex');
    expect(table([1, 9])).toBe('noSuchObject');
    expect(table([1], 4, 0)).toBe('tableType');
    expect(table([1, 3])).toBe('ok');
    expect(bench.destroyObject(OBJECT.VIRTIO_NET_Q, 1)).toBe('objectInUse');
    expect(bench.destroyObject(OBJECT.VIRTIO_NET_Q, 2)).toBe('ok');
  });
});
