import type {
  CaseResult,
  Picture,
  ResultCase,
  ResultFinding,
  ResultVerdict,
  TranscriptLine,
} from './results.ts';

/** A case of the sample with what became of it on the targets that did not pass it. */
export interface SampleCase extends ResultCase {
  /** Parameter texts of its instances. */
  params: string[];
  /** Type of device it is for; absent for any. */
  device?: 'net' | 'blk';
  problems: SampleProblem[];
}

export interface SampleProblem {
  target: number;
  /** Instances concerned: all whose parameters contain this text. */
  where: string;
  verdict: ResultVerdict;
  reason?: string;
  findings?: Partial<ResultFinding>[];
  detail?: Partial<NonNullable<CaseResult['detail']>>;
}

/** Lines `D …` (driver), `d …` (device), `S …` (suite); `@n` starts step n. */
function transcript(text: string): TranscriptLine[] {
  let step = -1;
  let event = 0;
  const lines: TranscriptLine[] = [];
  for (const line of text
    .trim()
    .split('\n')
    .map((one) => one.trim())) {
    event++;
    if (line.startsWith('@')) step = Number(line.slice(1));
    else {
      const from = line[0] === 'D' ? 'driver' : line[0] === 'd' ? 'device' : 'suite';
      lines.push({ step, from, text: line.slice(2), event });
    }
  }
  return lines;
}

const BRING_UP = `
@0
D setStatus(0)
D getStatus() = 0
d status reads 0: the reset is done
D setStatus(ACKNOWLEDGE)
D setStatus(ACKNOWLEDGE|DRIVER)
D getDeviceFeatures() = 0x130000020
D setDriverFeatures(0x130000020)
D setStatus(ACKNOWLEDGE|DRIVER|FEATURES_OK)
D getStatus() = ACKNOWLEDGE|DRIVER|FEATURES_OK
D maps rw iova 0x10000 +1114
D setVqNum(0, 8)
D setVqAddress(0, 0x10000, 0x10080, 0x100a0)
D setVqReady(0, true)
D setStatus(ACKNOWLEDGE|DRIVER|FEATURES_OK|DRIVER_OK)`;

/** The same, as far as a device that takes FEATURES_OK back lets it come. */
const REFUSED = `${BRING_UP.slice(0, BRING_UP.indexOf('D getStatus() = ACKNOWLEDGE'))}D getStatus() = ACKNOWLEDGE|DRIVER`;

const SPLIT_PICTURE: Picture = {
  event: 33,
  queues: [
    {
      queue: 0,
      packed: false,
      num: 8,
      slots: [
        {
          slot: 0,
          buffer: 'b0',
          state: 'used',
          elements: [
            { write: true, len: 12 },
            { write: true, len: 1514 },
          ],
          used: { id: 0, len: 1526 },
        },
        {
          slot: 1,
          buffer: 'b0',
          state: 'used',
          used: { id: 2, len: 1526 },
          wrong: 'length 1526, but 76 bytes were stored',
        },
        {
          slot: 2,
          buffer: 'b1',
          state: 'used',
          elements: [
            { write: true, len: 12 },
            { write: true, len: 1514 },
          ],
        },
        { slot: 3, buffer: 'b1', state: 'used' },
        { slot: 4, buffer: 'b2', state: 'available', elements: [{ write: true, len: 1526 }], indirect: true },
        { slot: 5, buffer: 'b3', state: 'added', elements: [{ write: true, len: 1526 }] },
        { slot: 6, state: 'free' },
        { slot: 7, state: 'free' },
      ],
      driverPosition: 'avail index 3',
      devicePosition: 'used index 2',
    },
  ],
  memory: [
    { name: 'queue 0 desc', iova: '0x10000', size: 128, role: 'desc', stores: [] },
    { name: 'queue 0 driver', iova: '0x10080', size: 22, role: 'driver', stores: [] },
    {
      name: 'queue 0 device',
      iova: '0x100a0',
      size: 70,
      role: 'device',
      stores: [
        [4, 8, true],
        [2, 2, true],
        [12, 8, true],
        [2, 2, true],
      ],
    },
    {
      name: 'b0 header and data',
      iova: '0x20000',
      size: 1526,
      role: 'writable',
      stores: [
        [0, 12, true],
        [12, 1514, true],
      ],
    },
    {
      name: 'b1 header and data',
      iova: '0x21000',
      size: 1526,
      role: 'writable',
      stores: [
        [0, 12, true],
        [12, 64, true],
      ],
    },
    { name: 'b2 table', iova: '0x22000', size: 16, role: 'table', stores: [] },
    { name: 'b2 data', iova: '0x23000', size: 1526, role: 'writable', stores: [] },
  ],
};

const PACKED_PICTURE: Picture = {
  event: 37,
  queues: [
    {
      queue: 1,
      packed: true,
      num: 12,
      slots: [
        {
          slot: 0,
          buffer: 'b4',
          state: 'available',
          elements: [
            { write: false, len: 12 },
            { write: false, len: 60 },
          ],
        },
        { slot: 1, buffer: 'b4', state: 'available' },
        { slot: 2, state: 'free' },
        {
          slot: 3,
          buffer: 'b0',
          state: 'used',
          elements: [{ write: false, len: 72 }],
          used: { id: 0, len: 0, flags: 0x8080 },
        },
        {
          slot: 4,
          buffer: 'b1',
          state: 'used',
          elements: [
            { write: false, len: 12 },
            { write: false, len: 600 },
          ],
          used: { id: 1, len: 0, flags: 0x8080 },
        },
        { slot: 5, buffer: 'b1', state: 'used' },
        {
          slot: 6,
          buffer: 'b2',
          state: 'used',
          elements: [{ write: false, len: 72 }],
          indirect: true,
          used: { id: 2, len: 0, flags: 0x8080 },
        },
        { slot: 7, state: 'free' },
        { slot: 8, state: 'free' },
        { slot: 9, state: 'free' },
        {
          slot: 10,
          buffer: 'b3',
          state: 'available',
          elements: [
            { write: false, len: 12 },
            { write: false, len: 60 },
          ],
          used: { id: 3, len: 0, flags: 0 },
          wrong: 'AVAIL and USED are 0; the wrap counter is still 1 here',
        },
        { slot: 11, buffer: 'b3', state: 'available' },
      ],
      driverPosition: 'slot 2',
      devicePosition: 'slot 10',
    },
  ],
  memory: [
    {
      name: 'queue 1 desc',
      iova: '0x30000',
      size: 192,
      role: 'desc',
      stores: [
        [48, 16, true],
        [64, 16, true],
        [96, 16, true],
        [160, 16, true],
      ],
    },
    { name: 'queue 1 driver', iova: '0x300c0', size: 4, role: 'driver', stores: [] },
    { name: 'queue 1 device', iova: '0x300c4', size: 4, role: 'device', stores: [] },
    { name: 'b3 header', iova: '0x40000', size: 12, role: 'readable', stores: [] },
    { name: 'b3 frame', iova: '0x40100', size: 60, role: 'readable', stores: [[0, 4, false]] },
    {
      name: 'guard after b3',
      iova: '0x4013c',
      size: 64,
      role: 'other',
      stores: [
        [0, 4, false],
        [28, 8, false],
      ],
    },
  ],
};

/** Cases whose outcome is told in full: one for every verdict. */
export const SAMPLE_CASES: readonly SampleCase[] = [
  {
    id: 'split-used/length-at-most-written',
    title: 'The used length counts only what the device wrote',
    class: 'conformance',
    requirements: ['P1.1-016', 'V1.1-2.6.8.2-D2'],
    why: 'a driver trusts the length and hands stale memory to user space; the Windows driver removes the adapter (SP-01)',
    ambiguity: 'The text permits a smaller value after an error; both are accepted.',
    file: 'conformance/catalogue/2.6.8-used-ring.yaml',
    line: 14,
    params: [
      'ring=split;size=8;dir=in',
      'ring=split;size=8;dir=out',
      'ring=split;size=256;dir=in',
      'ring=split;size=256;dir=out',
    ],
    problems: [
      {
        target: 2,
        where: 'dir=in',
        verdict: 'fail',
        findings: [
          {
            requirement: 'V1.1-2.6.8.2-D2',
            oracle: 'invariant',
            step: 3,
            event: 33,
            expected: 'used length of buffer 1 at most what was stored',
            actual: 'length 1526, but 76 bytes stored from its first writable byte on',
          },
          {
            requirement: 'P1.1-016',
            oracle: 'expectation',
            step: 5,
            event: 39,
            expected: 'used length of b1: 76\nor 12, when the device reports an error',
            actual: '1526',
          },
        ],
        detail: {
          steps: [
            'bring-up: {}',
            'request: { dir: in, as: a, length: 1514 }',
            'request: { dir: in, as: b, length: 1514 }',
            'peer: { send: [1514, 64] }',
            'quiet: {}',
            'done: { as: b, length: 76 }  # P1.1-016',
            'done: { as: a }',
          ],
          picture: SPLIT_PICTURE,
          history: 'histories/split-used+length-at-most-written+1.json',
          transcript: transcript(`${BRING_UP}
            @1
            D buffer b0 into queue 0, id 0: W12 W1514
            D queue 0: available b0
            @2
            D buffer b1 into queue 0, id 2: W12 W1514
            D queue 0: available b1
            D kickVq(0)
            @3
            S the peer sends 2 frames: 1514, 64 bytes
            d stores 12 bytes at pa 0x20000
            d stores 1514 bytes at pa 0x2000c
            d stores 8 bytes at pa 0x100a4 = 0x0 0x5f6
            d stores 2 bytes at pa 0x100a2 = 0x1
            d notifies queue 0
            d stores 12 bytes at pa 0x21000
            d stores 64 bytes at pa 0x2100c
            d stores 8 bytes at pa 0x100ac = 0x2 0x5f6
            d stores 2 bytes at pa 0x100a2 = 0x2
            d notifies queue 0
            @4
            S the device worked: 2 units
            @5
            D queue 0: takes back b0, length 1526
            D queue 0: takes back b1, length 1526`),
        },
      },
    ],
  },
  {
    id: 'packed/used-wrap',
    title: 'The wrap counter flips behind the last slot, also when a list jumps over it',
    class: 'conformance',
    requirements: ['P1.1-002', 'V1.1-2.7.15-D1a'],
    why: 'with the wrong counter the driver never sees the buffer, or sees it twice (PK-01)',
    file: 'conformance/catalogue/2.7.1-wrap-counters.yaml',
    line: 2,
    params: [
      'ring=packed;size=12;n=1',
      'ring=packed;size=12;n=2',
      'ring=packed;size=7;n=2',
      'ring=packed;size=256;n=2',
    ],
    problems: [
      {
        target: 2,
        where: 'n=2',
        verdict: 'fail',
        findings: [
          {
            requirement: 'P1.1-002',
            oracle: 'invariant',
            step: 9,
            event: 37,
            expected: 'USED is the device wrap counter, 1',
            actual: 'slot 10: 0',
          },
          {
            requirement: 'V1.1-2.7.15-D1a',
            oracle: 'invariant',
            step: 9,
            event: 35,
            expected: 'device-readable memory is left alone',
            actual: 'a store of 4 bytes at pa 0x40100, in buffer 3',
          },
          {
            requirement: 'INV-WRITE-SCOPE',
            oracle: 'invariant',
            step: 9,
            event: 36,
            expected: 'stores only into device-writable parts of buffers the device holds',
            actual: 'a store of 8 bytes at pa 0x40158, beyond what buffer 3 lets it write',
          },
        ],
        detail: {
          steps: [
            'bring-up: { start: { index: 3, wrap: 1 } }',
            'request: { dir: out, as: a }',
            'request: { dir: out, as: b, list: 2 }',
            'request: { dir: out, as: c, indirect: true }',
            'quiet: {}',
            'slot: { queue: tx, at: 3, used: 1, by: a }  # control',
            'slot: { queue: tx, at: 4, used: 1, by: b }  # control',
            'publish: { slots: [10, 11] }',
            'request: { dir: out, as: d, list: 2 }',
            'quiet: {}',
            'slot: { queue: tx, at: 10, used: 1, by: d }',
          ],
          picture: PACKED_PICTURE,
          transcript: transcript(`${BRING_UP}
            @1
            D buffer b0 into queue 1, id 0: R72
            @2
            D buffer b1 into queue 1, id 1: R12 R600
            @3
            D buffer b2 into queue 1, id 2: R72, through a table
            D queue 1: available b0, b1, b2
            D kickVq(1)
            @4
            d stores 16 bytes at pa 0x30030 = 0x0 0x0 0x0 0x80800000
            d stores 16 bytes at pa 0x30040 = 0x0 0x0 0x0 0x80800001
            d stores 16 bytes at pa 0x30060 = 0x0 0x0 0x0 0x80800002
            d notifies queue 1
            D queue 1: takes back b0, length 0
            D queue 1: takes back b1, length 0
            @8
            D buffer b3 into queue 1, id 3: R12 R60
            D queue 1: available b3
            @9
            d stores 4 bytes at pa 0x40100 = 0xdeadbeef
            d stores 8 bytes at pa 0x40158 = 0x0 0x0
            d stores 16 bytes at pa 0x300a0 = 0x0 0x0 0x0 0x3
            d notifies queue 1`),
        },
      },
    ],
  },
  {
    id: 'net-control/reset-while-busy',
    title: 'A reset in the middle of control commands ends them',
    class: 'conformance',
    requirements: ['V1.1-2.1.2-D1'],
    why: 'a driver that polls for 0 after a reset never finishes (Firecracker 5bf20cd5b)',
    file: 'conformance/catalogue/5.1.6.5-control-queue.yaml',
    line: 120,
    device: 'net',
    params: ['ring=split;busy=1', 'ring=split;busy=64', 'ring=packed;busy=1', 'ring=packed;busy=64'],
    problems: [{ target: 2, where: 'busy=64', verdict: 'hang', reason: 'no end within 5000 ms' }],
  },
  {
    id: 'malformed-chain/loop-in-table',
    title: 'A descriptor chain that loops neither hangs nor ends the device',
    class: 'resilience',
    requirements: ['P1.1-017c'],
    why: 'a guest can stop the host process with one malformed request (CVE-2016-6490 and its kin)',
    file: 'conformance/catalogue/resilience/chains.yaml',
    line: 3,
    params: ['ring=split;length=1', 'ring=split;length=2', 'ring=split;length=256'],
    problems: [
      { target: 2, where: 'length=256', verdict: 'hang', reason: 'no end within 5000 ms' },
      {
        target: 2,
        where: 'length=2',
        verdict: 'crash',
        findings: [
          {
            requirement: 'INV-ALIVE',
            oracle: 'run',
            kind: 'crash',
            step: 2,
            event: 22,
            expected: 'NEEDS_RESET, an error status\nor silence until the reset',
            actual: 'kickVq threw RangeError: Offset is outside the bounds of the DataView',
          },
        ],
        detail: {
          steps: [
            'bring-up: {}',
            'raw: { table: [{ len: 16, next: 1 }, { len: 16, next: 0 }] }',
            'kick: {}',
            'reset: {}',
            'exchange: { rounds: 1 }',
          ],
          transcript: transcript(`${BRING_UP}
            @1
            D breaks a rule: the chain in the indirect table loops
            D buffer b0 into queue 0, id 0: R16 R16, through a table
            D queue 0: available b0
            @2
            D kickVq(0)
            d kickVq threw RangeError: Offset is outside the bounds of the DataView`),
        },
      },
    ],
  },
  {
    id: 'needs-reset/set-on-error',
    title: 'An error that only a reset can repair is shown in the status',
    class: 'conformance',
    requirements: ['V1.1-2.1.2-D3'],
    why: 'without the bit the driver waits for completions that never come',
    file: 'conformance/catalogue/2.1-device-status.yaml',
    line: 61,
    params: ['ring=split', 'ring=packed'],
    problems: [
      {
        target: 2,
        where: '',
        verdict: 'warn',
        findings: [
          {
            requirement: 'V1.1-2.1.2-D3',
            oracle: 'invariant',
            step: 2,
            event: 19,
            expected: 'DEVICE_NEEDS_RESET in the status',
            actual: 'ACKNOWLEDGE|DRIVER|FEATURES_OK|DRIVER_OK',
          },
        ],
        detail: {
          steps: ['bring-up: {}', 'fault: {}', 'status: { expect: [DEVICE_NEEDS_RESET] }', 'reset: {}'],
          transcript: transcript(`${BRING_UP}
            @1
            S the back end forces an unrecoverable error
            @2
            D getStatus() = ACKNOWLEDGE|DRIVER|FEATURES_OK|DRIVER_OK`),
        },
      },
      { target: 0, where: '', verdict: 'skip', reason: 'the parent lacks the ability fault' },
    ],
  },
  {
    id: 'features/subset-is-accepted',
    title: 'A valid subset of the offered features is accepted',
    class: 'conformance',
    requirements: ['V1.1-2.2.2-D2a'],
    why: 'an older driver cannot use the device at all',
    file: 'conformance/catalogue/2.2-feature-bits.yaml',
    line: 30,
    params: ['ring=split;drop=INDIRECT_DESC', 'ring=split;drop=EVENT_IDX', 'ring=packed;drop=EVENT_IDX'],
    problems: [
      {
        target: 2,
        where: 'drop=INDIRECT_DESC',
        verdict: 'blocked',
        findings: [
          {
            requirement: 'V1.1-2.2.2-D2a',
            oracle: 'run',
            kind: 'blocked',
            step: 0,
            event: 10,
            expected: 'the device reaches DRIVER_OK with all offered features (control)',
            actual: 'FEATURES_OK was cleared',
          },
        ],
        detail: {
          steps: ['bring-up: { to: DRIVER_OK }  # control', 'reset: {}', 'bring-up: {}'],
          transcript: transcript(REFUSED),
        },
      },
    ],
  },
  {
    id: 'split-notify/event-idx-crossing',
    title: 'A notification follows when the used index crosses used_event',
    class: 'conformance',
    requirements: ['V1.1-2.6.7.2-D5', 'V1.1-2.6.7.2-D6'],
    why: 'a lost notification stalls the queue until the next timeout (EV-03)',
    file: 'conformance/catalogue/2.6.7-used-notification.yaml',
    line: 44,
    params: ['ring=split;batch=1', 'ring=split;batch=3', 'ring=split;batch=7'],
    problems: [
      {
        target: 2,
        where: 'batch=7',
        verdict: 'xfail',
        reason: 'waived until 2027-03-31: ACME-4711, event inside a batch, fixed in firmware 4.3',
        findings: [
          {
            requirement: 'V1.1-2.6.7.2-D5',
            oracle: 'expectation',
            step: 4,
            event: 22,
            expected: 'a notification for the used ring position 4',
            actual: 'none',
          },
        ],
        detail: {
          steps: [
            'bring-up: {}',
            'used-event: { at: 4 }',
            'request: { count: 7 }',
            'quiet: {}',
            'notified: { times: 1 }',
          ],
          transcript: transcript(`${BRING_UP}
            @1
            D used_event = 4
            @2
            D queue 0: available b0, b1, b2, b3, b4, b5, b6
            D kickVq(0)
            @3
            d stores 2 bytes at pa 0x100a2 = 0x7`),
        },
      },
      {
        target: 2,
        where: 'batch=3',
        verdict: 'xpass',
        reason: 'waived until 2027-03-31: ACME-4702, which no longer shows',
      },
    ],
  },
];
