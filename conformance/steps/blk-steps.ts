import { Buffer as NodeBuffer } from 'node:buffer';
import { allowedStatuses } from '../../specs/model/blk.ts';
import { remembering } from '../../specs/remember.ts';
import { BLK_S, BLK_T, blkHeader, capacity, SECTOR } from '../kits/blk.ts';
import { difference, pattern } from '../kits/kit.ts';
import { type Issue, mediumOf } from '../kits/medium.ts';
import type { Buffer, Part } from '../session/buffers.ts';
import { addOptions, cutSizes, partsOf } from '../session/requests.ts';
import type { Session } from '../session/session.ts';
import { BYTES, type BytesArg, bytesOf, concat } from './buffer-steps.ts';
import { FRAMING, type FramingArgs, framingOf, KICK, type KickMode, release } from './request-steps.ts';
import { BOOL, defineStep, INT, list, obj, oneOf, type Problem, TEXT } from './step.ts';

// ── what goes in: header, data, segments ─────────────────────────────────────────────────────────

const TYPES = {
  in: BLK_T.IN,
  out: BLK_T.OUT,
  flush: BLK_T.FLUSH,
  'get-id': BLK_T.GET_ID,
  discard: BLK_T.DISCARD,
  'write-zeroes': BLK_T.WRITE_ZEROES,
} as const;

/** A sector number: a number, or 64 bits as text ("0xffffffffffffffff"). */
type Sector = number | string;
const SECTOR_ARG = { anyOf: [INT, TEXT] };

/** Content of sectors: a byte all over, or `pattern`: bytes that depend on this seed and on the sector. */
interface Content {
  fill?: number;
  pattern?: number;
}
const CONTENT = { fill: INT, pattern: INT };

/** Discard and write zeroes segments; `count` makes several, each `step` sectors further on (default: `num`). */
interface SegmentArg {
  sector: Sector;
  num: number;
  flags?: number;
  count?: number;
  step?: number;
}
const SEGMENT = obj({ sector: SECTOR_ARG, num: INT, flags: INT, count: INT, step: INT }, ['sector', 'num']);

/** Contents that come again and again. Shared: not to be changed. */
const contents = remembering<string, Uint8Array>(2048);

/** The first `size` bytes of sectors from `sector` on; each begins with its number, so that a misplaced one can be told. */
function contentOf({ fill, pattern: seed = 0 }: Content, sector: number, size: number): Uint8Array {
  return contents(`${fill ?? `${seed}/${sector}`}/${size}`, () => {
    const bytes = new Uint8Array(size);
    if (fill !== undefined) return bytes.fill(fill);
    for (let at = 0; at < size; at += SECTOR) bytes.set(patternOf(seed, sector + at / SECTOR, size - at), at);
    return bytes;
  });
}

/** One sector of a pattern, or the first `most` bytes of it. */
function patternOf(seed: number, sector: number, most: number): Uint8Array {
  const bytes = pattern(seed * 7919 + (sector % 0x1000_0000), SECTOR).slice();
  new DataView(bytes.buffer).setBigUint64(0, BigInt(sector), true);
  return bytes.subarray(0, most);
}

const numberOf = (sector: Sector) => (typeof sector === 'number' ? sector : Number(BigInt(sector)));

interface Range {
  sector: number;
  count: number;
}

/** The ranges and the bytes of discard and write zeroes segments. */
function segmentsOf(segments: readonly SegmentArg[]): { ranges: Range[]; bytes: Uint8Array } {
  const ranges: Range[] = [];
  const encoded: Uint8Array[] = [];
  for (const { sector, num, flags = 0, count = 1, step = num } of segments) {
    for (let i = 0; i < count; i++) {
      const bytes = new Uint8Array(16);
      const view = new DataView(bytes.buffer);
      const start = BigInt.asUintN(64, BigInt(sector) + BigInt(step * i));
      view.setBigUint64(0, start, true);
      view.setUint32(8, num >>> 0, true);
      view.setUint32(12, flags >>> 0, true);
      ranges.push({ sector: Number(start), count: num >>> 0 });
      encoded.push(bytes);
    }
  }
  return { ranges, bytes: concat(encoded) };
}

// ── what comes out ───────────────────────────────────────────────────────────────────────────────

const STATUS_NAMES = ['OK', 'IOERR', 'UNSUPP'] as const;
type StatusName = (typeof STATUS_NAMES)[number];
type StatusArg = StatusName | StatusName[] | 'any' | 'open' | 'model';

/** Expected data: what the session knows to be there, nothing in particular, or the same as an earlier read. */
type DataArg = 'known' | 'any' | 'zeroes' | (Content & { same?: string });

interface Expect {
  status?: StatusArg;
  data?: DataArg;
  'may-be-missing'?: boolean;
}

const STATUS = { anyOf: [oneOf('any', 'open', 'model', ...STATUS_NAMES), list(oneOf(...STATUS_NAMES), 1)] };
const DATA = { anyOf: [oneOf('known', 'any', 'zeroes'), obj({ ...CONTENT, same: TEXT })] };
const EXPECT = {
  ...obj({ status: STATUS, data: DATA, 'may-be-missing': BOOL }),
  description:
    'status: one or several of OK, IOERR, UNSUPP, any of these, open: not looked at, or model: what the reference model allows with the features in force (default OK). data of a read: known (default: what this case ' +
    'wrote there), any, zeroes, {fill}, {pattern}, {same: name of a saved read}. may-be-missing: silence is accepted.',
};

/** What the session has to remember of a request to judge it later. */
interface Issued {
  readonly type: number;
  readonly sector: number;
  /** Bytes written (OUT), or room for data (others). */
  readonly out: Uint8Array;
  readonly room: number;
  readonly ranges: readonly Range[];
  readonly save?: string;
  /** The driver broke a rule with it: what it did to its own sectors is open. */
  readonly breach?: boolean;
  readonly issue: Issue;
  settled: boolean;
}

const issuedOf = (session: Session): Map<number, Issued> =>
  session.state('blk-issued', () => new Map<number, Issued>());

interface Seen {
  name: string;
  used: boolean;
  len?: number;
  /** Device-writable bytes. */
  total: number;
  /** The last writable byte; absent when there is none. */
  status?: number;
  /** Where the data of a read is not what it should be. */
  data?: string;
  /** Statuses that the model allows; absent after a breach, when anything goes. */
  allowed?: readonly StatusName[];
}

function forget(session: Session, ranges: readonly Range[]): void {
  const medium = mediumOf(session);
  for (const { sector, count } of ranges) medium.forget(sector, count);
}

/** Take over into the session's knowledge of the medium what a request has done. */
function settle(session: Session, request: Issued, status: number | undefined, bytes: Uint8Array): void {
  if (request.settled) return;
  request.settled = true;
  const { type, sector, out, ranges, issue } = request;
  const medium = mediumOf(session);
  const ok = status === BLK_S.OK && !request.breach;
  if (type === BLK_T.OUT) {
    const whole = Math.floor(out.length / SECTOR);
    medium.forget(sector, Math.ceil(out.length / SECTOR));
    if (ok)
      for (let i = 0; i < whole; i++)
        medium.learn(sector + i, out.subarray(i * SECTOR, (i + 1) * SECTOR), issue);
  } else if (type === BLK_T.DISCARD || type === BLK_T.WRITE_ZEROES) {
    forget(session, ranges);
    if (type === BLK_T.WRITE_ZEROES && ok) {
      for (const range of ranges)
        for (let i = 0; i < Math.min(range.count, KNOWN_LIMIT); i++)
          medium.learn(range.sector + i, ZERO_SECTOR, issue);
    }
  } else if (type === BLK_T.FLUSH && ok) medium.flushed(issue);
  if (request.save !== undefined) session.saved.set(`blk:${request.save}`, bytes.slice(0, -1));
}

/** Sectors of one segment that the session remembers as zeroes. */
const KNOWN_LIMIT = 16384;
const ZERO_SECTOR = new Uint8Array(SECTOR);

/** What is wrong with the data of a completed read. */
function wrongData(session: Session, request: Issued, bytes: Uint8Array, want: DataArg): string | undefined {
  if (want === 'any') return undefined;
  const got = bytes.subarray(0, request.room);
  if (typeof want === 'object' && want.same !== undefined) {
    const saved = session.saved.get(`blk:${want.same}`) as Uint8Array | undefined;
    if (saved === undefined) session.stop(`no read was saved as ${want.same}`);
    return difference('data', saved, got) ?? undefined;
  }
  const medium = mediumOf(session);
  for (let i = 0; i * SECTOR < got.length; i++) {
    const sector = request.sector + i;
    const expected =
      want === 'known'
        ? medium.get(sector)
        : want === 'zeroes'
          ? ZERO_SECTOR
          : contentOf(want, sector, SECTOR);
    if (expected === undefined) continue;
    const piece = got.subarray(i * SECTOR, (i + 1) * SECTOR);
    if (NodeBuffer.compare(expected.subarray(0, piece.length), piece) === 0) continue;
    const problem = difference(`sector ${sector}`, expected.subarray(0, piece.length), piece);
    if (problem !== null) return problem;
  }
  return undefined;
}

/** Look at a request, used or not. */
function look(session: Session, buffer: Buffer, expect: Expect): Seen {
  const bytes = session.buffers.written(buffer);
  const total = bytes.length;
  const request = issuedOf(session).get(buffer.b);
  const allowed =
    expect.status === 'model' && request && session.runs() ? modelOf(session, request) : undefined;
  if (buffer.used === undefined)
    return { name: buffer.name, used: false, total, ...(allowed ? { allowed } : {}) };
  const status = total === 0 ? undefined : bytes[total - 1];
  let data: string | undefined;
  if (request !== undefined) {
    if (request.type === BLK_T.IN && status === BLK_S.OK)
      data = wrongData(session, request, bytes, expect.data ?? (request.breach ? 'any' : 'known'));
    settle(session, request, status, bytes);
  }
  const { len } = buffer.used;
  return {
    name: buffer.name,
    used: true,
    total,
    ...(len === undefined ? {} : { len }),
    ...(status === undefined ? {} : { status }),
    ...(data === undefined || (expect.status === 'model' && !allowed) ? {} : { data }),
    ...(allowed ? { allowed } : {}),
  };
}

/** Statuses that the model allows for a request in this session. */
function modelOf(session: Session, { type, sector, out, room, ranges }: Issued): readonly StatusName[] {
  const limit = capacity(session);
  const size = type === BLK_T.OUT ? out.length : type === BLK_T.IN ? room : 0;
  const within = [{ sector, count: Math.ceil(size / SECTOR) }, ...ranges].every(
    (one) => one.sector + one.count <= limit,
  );
  const flags = Array.from({ length: Math.floor(out.length / 16) }, (_, i) =>
    new DataView(out.buffer, out.byteOffset + 16 * i).getUint32(12, true),
  );
  const segments = type === BLK_T.DISCARD || type === BLK_T.WRITE_ZEROES ? flags : [];
  return allowedStatuses(
    { type, inRange: within, flags: segments },
    session.ops.getDeviceFeatures(),
    session.features,
  );
}

const nameOf = (status: number) => STATUS_NAMES[status] ?? `0x${status.toString(16)}`;

function judgeSeen(seen: Seen, expect: Expect): Problem[] {
  const { name } = seen;
  if (expect.status === 'model') {
    if (seen.allowed === undefined) return [];
    return judgeSeen(seen, { ...expect, status: [...seen.allowed] }).map((problem) => ({
      requirement: 'P1.1-025',
      ...problem,
    }));
  }
  if (!seen.used)
    return expect['may-be-missing'] ? [] : [{ expected: `${name} is used`, actual: 'not used' }];
  const problems: Problem[] = [];
  const accepted =
    expect.status === 'any' || expect.status === 'open' ? [...STATUS_NAMES] : [expect.status ?? 'OK'].flat();
  if (seen.status !== undefined && expect.status !== 'open') {
    const actual = `status ${nameOf(seen.status)}`;
    if (seen.status > BLK_S.UNSUPP)
      problems.push({ expected: `${name}: status 0, 1 or 2`, actual, requirement: 'P1.1-025' });
    else if (!accepted.includes(STATUS_NAMES[seen.status]))
      problems.push({ expected: `${name}: status ${accepted.join(' or ')}`, actual });
  }
  if (seen.len !== undefined && seen.len > seen.total)
    problems.push({ expected: `${name}: used length at most ${seen.total}`, actual: String(seen.len) });
  if (seen.data !== undefined) problems.push({ expected: `${name}: the right data`, actual: seen.data });
  return problems;
}

// ── the steps ────────────────────────────────────────────────────────────────────────────────────

interface BlkArgs extends FramingArgs, Content {
  op: keyof typeof TYPES | 'other';
  type?: number;
  sector?: Sector;
  sectors?: number;
  size?: number;
  reserved?: number;
  segments?: SegmentArg[];
  out?: BytesArg;
  in?: number;
  each?: number;
  as?: string;
  wait?: boolean;
  publish?: boolean;
  kick?: KickMode;
  save?: string;
  expect?: Expect;
}

/** Limits on the data of a request (section 5.2.3): segments, 1 where nothing is said, and bytes of each. */
function limits(session: Session): { segments: number; size: number } {
  const offered = session.ops.getDeviceFeatures();
  const bytes = new Uint8Array(8);
  session.recorded.quiet++;
  session.ops.getConfig(8, bytes);
  session.recorded.quiet--;
  const view = new DataView(bytes.buffer);
  return {
    size: (offered & SIZE_MAX_BIT ? view.getUint32(0, true) : 0) || Number.POSITIVE_INFINITY,
    segments: (offered & SEG_MAX_BIT ? view.getUint32(4, true) : 0) || 1,
  };
}
const SIZE_MAX_BIT = 2n;
const SEG_MAX_BIT = 4n;

/**
 * Bytes of a data segment: as asked for, but within the device's limits and the room of the ring. A request that
 * breaks rules keeps to the ring only.
 */
function segmentSize(session: Session, args: BlkArgs, data: number): number {
  const limit = args.breach ? { segments: data, size: Number.POSITIVE_INFINITY } : limits(session);
  const room = args.indirect
    ? limit.segments
    : Math.min(limit.segments, session.queues.must(0).ring.free - 2);
  const least = Math.ceil(data / Math.max(1, room));
  if (least > limit.size) session.stop(`${data} bytes are more than seg_max and size_max admit`);
  return Math.max(1, least, Math.min(args.each ?? data, limit.size));
}

/** Sizes of the parts: header, data in pieces of `each` bytes, status byte. */
function cutOf(header: number, data: number, status: number, each: number): number[] {
  const pieces: number[] = [];
  for (let left = data; left > 0; left -= each) pieces.push(Math.min(each, left));
  return cutSizes(header + data + status, [...(header ? [header] : []), ...pieces]);
}

const NO_BYTES = new Uint8Array(0);
const NO_SEGMENTS: ReturnType<typeof segmentsOf> = { ranges: [], bytes: NO_BYTES };

/** Write one request to the queue; not available yet. Lies in the memory of `earlier` when that is laid out alike. */
function submit(session: Session, args: BlkArgs, earlier?: Buffer): Buffer {
  const type = args.op === 'other' ? (args.type ?? 0) : TYPES[args.op];
  const sector = args.sector ?? 0;
  const start = numberOf(sector);
  const size = args.size ?? (args.sectors ?? (args.op === 'in' || args.op === 'out' ? 1 : 0)) * SECTOR;
  const { ranges, bytes } = args.segments === undefined ? NO_SEGMENTS : segmentsOf(args.segments);
  const data = args.op === 'out' ? contentOf(args, start, size) : NO_BYTES;
  const out =
    args.out === undefined && bytes.length === 0
      ? data
      : concat([data, bytes, args.out === undefined ? NO_BYTES : bytesOf(args.out)]);
  const room = (args.op === 'in' ? size : 0) + (args.in ?? 0);
  const readable = concat([
    blkHeader(type, typeof sector === 'string' ? BigInt(sector) : sector, args.reserved),
    out,
  ]);
  const each = segmentSize(session, args, Math.max(out.length, room));
  const cut = args.cut ?? { r: cutOf(16, out.length, 0, each), w: cutOf(0, room, 1, each) };
  const parts = partsOf(readable, room + 1, cut);
  const alike =
    earlier?.parts.length === parts.length && parts.every((part, i) => fits(part, earlier.parts[i]));
  const buffer = session.buffers.create(0, args.as ?? '', parts, alike ? earlier.regions : undefined);
  issuedOf(session).set(buffer.b, {
    type,
    sector: start,
    out,
    room,
    ranges,
    save: args.save,
    issue: mediumOf(session).issue(),
    settled: false,
  });
  session.queues.add(buffer, addOptions(session, framingOf(args), parts.length));
  return buffer;
}

/** Whether two parts take the same room. */
const fits = (a: Part, b: Part): boolean =>
  'write' in a ? 'write' in b && a.write === b.write : 'read' in b && a.read.length === b.read.length;

/** `blk`: one request of a block device. */
export const blkStep = defineStep<BlkArgs, Seen>({
  name: 'blk',
  summary:
    'A block device request. in, out: `sectors` (default 1, or `size` bytes) at `sector`, written with `fill` or ' +
    '`pattern`. discard, write-zeroes: `segments`. other: `type`. `out` adds readable, `in` writable data. `each` cuts ' +
    'the data into segments of so many bytes (default: as large as can be). Waits and checks `expect`; with `wait: false` a ' +
    'later `blk-done` does. What the session knows to be on the disk is kept up to date.',
  example: '{blk: {op: write-zeroes, segments: [{sector: 8, num: 8, flags: 1}], expect: {status: OK}}}',
  schema: obj(
    {
      op: oneOf('other', ...Object.keys(TYPES)),
      type: INT,
      sector: SECTOR_ARG,
      sectors: INT,
      size: INT,
      ...CONTENT,
      reserved: INT,
      segments: list(SEGMENT),
      out: BYTES,
      in: INT,
      each: INT,
      as: TEXT,
      wait: BOOL,
      publish: BOOL,
      kick: KICK,
      save: { ...TEXT, description: 'Keep the data of a read for `same`.' },
      expect: EXPECT,
      ...FRAMING,
    },
    ['op'],
  ),
  run(session, args) {
    const buffer = submit(session, args);
    release(session, 0, args);
    if (args.wait === false) return undefined;
    session.quiet();
    session.queues.collect(0);
    return look(session, buffer, args.expect ?? {});
  },
  judge: (args, seen) => judgeSeen(seen, args.expect ?? {}),
});

/** `blk-done`: block device requests that were not waited for. */
export const blkDoneStep = defineStep<{ as: string | string[]; expect?: Expect }, Seen[]>({
  name: 'blk-done',
  summary: 'Collect used buffers, then check `blk` requests that were submitted with `wait: false`.',
  example: '{blk-done: {as: [a, b], expect: {status: [OK, IOERR]}}}',
  schema: obj({ as: { anyOf: [TEXT, list(TEXT, 1)] }, expect: EXPECT }, ['as']),
  run(session, args) {
    session.queues.collect(0);
    return [args.as].flat().map((name) => {
      const buffer = session.buffers.named(name) ?? session.stop(`no buffer is called ${name}`);
      return look(session, buffer, args.expect ?? {});
    });
  },
  judge: (args, seen) => seen.flatMap((one) => judgeSeen(one, args.expect ?? {})),
});

/**
 * Bytes that `blk-fill` and `blk-verify` move in one request: 8 sectors suit block sizes up to 4096. Long stretches are
 * moved in larger pieces, as many as these.
 */
const CHUNK = 4096;
const MOST_PIECES = 64;

interface StretchArgs extends Content {
  sector: number;
  sectors: number;
}

/**
 * Go over a stretch of sectors in requests of one data segment each, all in the same memory. Returns what was seen of
 * the first bad one.
 */
function stretch(
  session: Session,
  args: StretchArgs,
  request: (sector: number, sectors: number) => BlkArgs,
): Seen | null {
  const { segments, size } = limits(session);
  const pieces = Math.ceil((args.sectors * SECTOR) / MOST_PIECES / CHUNK);
  const step = Math.max(1, Math.floor(Math.min(CHUNK * Math.max(1, pieces), segments * size) / SECTOR));
  let buffer: Buffer | undefined;
  for (let done = 0; done < args.sectors; done += step) {
    const args_ = request(args.sector + done, Math.min(step, args.sectors - done));
    buffer = submit(session, args_, buffer);
    release(session, 0, {});
    session.quiet();
    session.queues.collect(0);
    const seen = look(session, buffer, args_.expect ?? {});
    if (judgeSeen(seen, {}).length > 0) return { ...seen, name: `${args_.op} of sector ${args_.sector}` };
  }
  return null;
}

/** `blk-fill`: prepare sectors. */
export const blkFillStep = defineStep<StretchArgs, { bad: Seen | null }>({
  name: 'blk-fill',
  summary:
    'Write known content to sectors, 8 at a time (more in long stretches). When a write fails the case is blocked.',
  example: '{blk-fill: {sector: 0, sectors: 24, fill: 255}}',
  schema: obj({ sector: INT, sectors: INT, ...CONTENT }, ['sector', 'sectors']),
  run: (session, args) => ({
    bad: stretch(session, args, (sector, sectors) => ({ ...args, op: 'out', sector, sectors })),
  }),
  judge: (_, { bad }) =>
    bad === null ? [] : judgeSeen(bad, {}).map((problem) => ({ ...problem, blocked: true })),
});

/** `blk-verify`: look at sectors. */
export const blkVerifyStep = defineStep<StretchArgs & { data?: DataArg }, { bad: Seen | null }>({
  name: 'blk-verify',
  summary:
    'Read sectors, 8 at a time (more in long stretches), and compare: with what is known (default), or as `data` says.',
  example: '{blk-verify: {sector: 0, sectors: 24, data: zeroes}}',
  schema: obj({ sector: INT, sectors: INT, data: DATA }, ['sector', 'sectors']),
  run: (session, { sector, sectors, data }) => ({
    bad: stretch(session, { sector, sectors }, (at, count) => ({
      op: 'in',
      sector: at,
      sectors: count,
      expect: { data },
    })),
  }),
  judge: (_, { bad }) => (bad === null ? [] : judgeSeen(bad, {})),
});

/** `blk-padding`: the padding of the configuration space. */
export const blkPaddingStep = defineStep<{ field: 'unused0' | 'unused1' }, { bytes: number[]; at: number[] }>(
  {
    name: 'blk-padding',
    summary:
      'Bytes unused0 (33 to 35) or unused1 (57 to 59) of the configuration space read 0. Bytes 34 and 35 are left out ' +
      'when bit 12 is offered: later versions keep num_queues there.',
    example: '{blk-padding: {field: unused0}}',
    schema: obj({ field: oneOf('unused0', 'unused1') }, ['field']),
    run(session, { field }) {
      const multiQueue = (session.ops.getDeviceFeatures() & (1n << 12n)) !== 0n;
      const at = field === 'unused1' ? [57, 58, 59] : multiQueue ? [33] : [33, 34, 35];
      const present = at.filter((offset) => offset < session.ops.getConfigSize());
      return { at: present, bytes: present.map((offset) => session.virtio.readConfig(offset, 1)[0]) };
    },
    judge: ({ field }, { bytes, at }) =>
      bytes.flatMap((byte, i) =>
        byte === 0 ? [] : [{ expected: `${field}, configuration byte ${at[i]}: 0`, actual: String(byte) }],
      ),
  },
);
