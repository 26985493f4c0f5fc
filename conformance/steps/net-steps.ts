import type { FrameMeta, PeerOffload } from '../../framework/peer.ts';
import { judgeBuffers, judgeHeader } from '../../specs/model/net/packets.ts';
import { compareFrames, describe, isNoise, resembles, type SeenFrame } from '../kits/frame-compare.ts';
import { buildFrames, type FrameArg, type Macs } from '../kits/frames.ts';
import { ownMac, PEER_MAC, takenFacts, takenFrames } from '../kits/net.ts';
import { GSO_ECN, HDR_FIELDS, type HdrArg, hdrBytes, metaOfHdr, type NetHdr } from '../kits/net-header.ts';
import { type Packet, publications, receivePackets, receiveState } from '../kits/net-packets.ts';
import { fullSumGood, get16, headersOf, pseudoSum, sumOffset } from '../kits/sums.ts';
import type { Part } from '../session/buffers.ts';
import { addOptions, cutSizes, outcomeOf, type RequestOutcome } from '../session/requests.ts';
import type { Session } from '../session/session.ts';
import { judgeOutcome, KICK, type KickMode, release } from './request-steps.ts';
import {
  BOOL,
  COUNT,
  type Count,
  defineStep,
  INT,
  judgeCount,
  list,
  obj,
  oneOf,
  type Problem,
  TEXT,
} from './step.ts';

// ── frames and headers as arguments ──────────────────────────────────────────────────────────────

const FRAME_KEYS = obj({
  ...Object.fromEntries(
    [
      't4',
      't6',
      'u4',
      'u6',
      'r4',
      'r6',
      'ru',
      'ru6',
      'eth',
      'reth',
      'vlan',
      'marker',
      'count',
      'flow',
      'seq',
      'options',
      'gso',
    ].map((key) => [key, INT]),
  ),
  ...Object.fromEntries(['arp', 'cwr', 'ece', 'ce', 'partial', 'ecn'].map((key) => [key, BOOL])),
  vxlan: { type: 'object' },
  raw: TEXT,
  is: TEXT,
  to: TEXT,
  from: TEXT,
  sum: oneOf('full', 'pseudo', 'bad', 'zero', 'ones'),
  'ip-sum': oneOf('good', 'bad'),
  ports: list(INT),
  end: TEXT,
  patch: obj({ at: INT, hex: TEXT }, ['at', 'hex']),
});
const ONE_FRAME = { anyOf: [TEXT, FRAME_KEYS] };
/** A frame, its name, or several; see FrameSpec. */
export const FRAMES = {
  description: 'Frames: {t4: 100} and the like, named ones (P1 … P7, P4e, X, X2, M, B, F, ARP), or a list.',
  anyOf: [TEXT, FRAME_KEYS, list(ONE_FRAME)],
};
/** A list, or an expression that gives one. */
const orText = (schema: object) => ({ anyOf: [schema, TEXT] });
const NUMBERS = Object.fromEntries(HDR_FIELDS.map((name) => [name, INT]));
const HDR = {
  description: 'H0, Hcsum4 …, hex bytes, or fields over a named header.',
  anyOf: [TEXT, obj({ is: TEXT, ...NUMBERS })],
};

const LAYOUTS: Readonly<Record<string, readonly number[]>> = {
  L1: [],
  L2: [12],
  L3: [5, 7],
  L4: [14],
  L5: [4, 4, 4],
  L6: [5, 7],
};
const LAY = {
  description: 'Descriptors of a buffer: L1 … L6, or sizes; what is left is one more.',
  anyOf: [TEXT, list(INT)],
};
type Lay = string | number[];

/** Sizes of the descriptors of a buffer of `total` bytes. */
function sizesOf(lay: Lay, total: number): number[] {
  if (Array.isArray(lay)) return cutSizes(total, lay);
  const cut = LAYOUTS[lay];
  if (cut === undefined)
    throw new RangeError(`no layout is called ${lay}; known: ${Object.keys(LAYOUTS).join(', ')}`);
  // L5 also cuts the frame in two, at an odd place.
  const rest = total - 12;
  return cutSizes(total, lay === 'L5' && rest > 1 ? [...cut, (rest >> 1) | 1] : cut);
}

const macsOf = (session: Session): Macs => ({ dev: ownMac(session), peer: PEER_MAC });

/** Bytes and metadata as JSON. */
interface FrameJson {
  hex: string;
  meta?: FrameMeta;
}
const toJson = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const fromJson = ({ hex, meta }: FrameJson): SeenFrame => ({
  bytes: Uint8Array.from(Buffer.from(hex, 'hex')),
  ...(meta ? { meta } : {}),
});
const macsFrom = (hex: string): Macs => ({ dev: Uint8Array.from(Buffer.from(hex, 'hex')), peer: PEER_MAC });

/** Options of comparing frames that `peer: expect` and `net-rx: expect` share. */
interface MatchArgs {
  frames: FrameArg;
  missing?: boolean;
  others?: boolean;
  'any-order'?: boolean;
  loose?: boolean;
}
const MATCH = {
  frames: FRAMES,
  missing: { ...BOOL, description: 'Frames may be missing; those that came must be right.' },
  others: { ...BOOL, description: 'Other frames may come as well.' },
  'any-order': BOOL,
  loose: {
    ...BOOL,
    description: 'TCP frames may have been merged or cut: ids, PSH and FIN are not compared.',
  },
};

function judgeFrames(args: MatchArgs, macs: Macs, seen: readonly SeenFrame[], cite?: string): Problem[] {
  const options = {
    missing: args.missing,
    others: args.others,
    anyOrder: args['any-order'],
    loose: args.loose,
  };
  return compareFrames(buildFrames(args.frames, macs), seen, options).map(({ expected, actual }) => ({
    expected,
    actual,
    ...(cite ? { requirement: cite } : {}),
  }));
}

// ── the peer ─────────────────────────────────────────────────────────────────────────────────────

interface PeerArgs {
  accept?: PeerOffload[];
  link?: 'up' | 'down';
  stall?: boolean;
  announce?: boolean;
  forget?: boolean;
  send?: FrameArg;
  expect?: FrameArg | (MatchArgs & { at?: number });
  has?: FrameArg;
  none?: FrameArg;
  'made-of'?: { frames: FrameArg; count?: Count };
}

interface PeerSeen {
  mac: string;
  made?: { count: number; problem?: string };
  accepts: PeerOffload[];
  frames: FrameJson[];
}

const isMatch = (arg: object | string): arg is MatchArgs => typeof arg === 'object' && 'frames' in arg;
const matchOf = (arg: FrameArg | MatchArgs): MatchArgs => (isMatch(arg) ? arg : { frames: arg });

/** `peer`: the far side of a network device. */
export const peerStep = defineStep<PeerArgs, PeerSeen>({
  name: 'peer',
  summary:
    'Act as the far side: `accept` transmit offloads (before bring-up), `link` up or down, `stall` true or false, ask ' +
    'for an `announce`, `send` frames with their metadata; or let the device work and compare what it forwarded since ' +
    'the last look: `expect` these frames and no other, in order ({frames, missing, others, any-order, loose}), or ' +
    '`none` of them, or it `has` them among others (and the next look sees them again). Checksums and super-frames that metadata describes are completed by the suite first.',
  example: '{peer: {expect: {t4: 100}}}',
  schema: obj({
    accept: orText(list(oneOf('csum', 'tso4', 'tso6', 'ecn', 'ufo'))),
    link: oneOf('up', 'down'),
    stall: BOOL,
    announce: BOOL,
    forget: { ...BOOL, description: 'Forget what was forwarded so far.' },
    send: FRAMES,
    expect: { anyOf: [...FRAMES.anyOf, obj(MATCH, ['frames'])] },
    has: FRAMES,
    none: FRAMES,
    'made-of': {
      ...obj({ frames: FRAMES, count: COUNT }, ['frames']),
      description:
        'What was forwarded holds nothing but bytes of these frames: whole, or cut into so many pieces.',
    },
  }),
  run(session, args) {
    const peer = session.instance.peer ?? session.lacks('the parent offers no packet peer');
    const lacks = (what: string): never => session.lacks(`the peer offers no ${what}`);
    const act = (what: string, action: () => void) => session.guarded(`peer.${what}`, action);
    if (args.accept !== undefined) {
      act('accept', () => peer.accept(args.accept!));
      session.saved.set('net-accepts', args.accept);
    }
    if (args.link !== undefined)
      act('link', () => (peer.link ? peer.link(args.link === 'up') : lacks('link')));
    if (args.stall) session.recorder.push({ k: 'backend', what: 'stall' });
    if (args.stall !== undefined) act('stall', () => (peer.stall ? peer.stall(args.stall!) : lacks('stall')));
    if (args.announce) act('announce', () => (peer.announce ? peer.announce() : lacks('announce')));
    if (args.send !== undefined) {
      const frames = buildFrames(args.send, macsOf(session));
      for (const { bytes, meta } of frames) act('send', () => peer.send(bytes, meta));
    }
    if (args.forget) takenFrames(session).length = 0;
    if (args['made-of'] !== undefined) return madeOf(session, args['made-of'].frames);
    if (args.expect === undefined && args.none === undefined && args.has === undefined) return undefined;
    session.quiet();
    for (const queue of session.queues.all) session.queues.collect(queue.idx);
    return { ...takeFrames(session, args), accepts: session.saved.get('net-accepts') ?? [] };
  },
  judge(args, seen) {
    if (seen.made !== undefined) return judgeMade(args['made-of']!.count, seen.made);
    const macs = macsFrom(seen.mac);
    const frames = seen.frames.map(fromJson);
    const problems = frames.flatMap(({ meta }) => unasked(meta, seen.accepts));
    if (args.none !== undefined) {
      for (const { bytes } of frames)
        problems.push({ expected: 'none of these frames is forwarded', actual: describe(bytes) });
    } else if (args.has !== undefined)
      problems.push(...judgeFrames({ frames: args.has, others: true }, macs, frames));
    else problems.push(...judgeFrames(matchOf(args.expect!), macs, frames));
    return problems;
  },
});

/** Whether everything that was forwarded comes out of `frames`: content only, headers may have been rewritten. */
function madeOf(session: Session, frames: FrameArg): PeerSeen {
  session.quiet();
  for (const queue of session.queues.all) session.queues.collect(queue.idx);
  const macs = macsOf(session);
  const sent = buildFrames(frames, macs).map(({ bytes }) => Buffer.from(bytes));
  const taken = takenFrames(session).splice(0);
  const odd = taken.find((bytes) => !sent.some((whole) => comesFrom(whole, bytes)));
  const problem = odd === undefined ? {} : { problem: describe(odd) };
  return { mac: toJson(macs.dev), accepts: [], frames: [], made: { count: taken.length, ...problem } };
}

/** Longest headers that cutting may rewrite: Ethernet with tag, IPv4 and TCP with all options. */
const REWRITTEN = 14 + 4 + 60 + 60;

function comesFrom(sent: Buffer, frame: Uint8Array): boolean {
  // As long as it was, or padded with zeros to the Ethernet minimum, with a checksum or two stored into it.
  const full = Math.max(60, sent.length);
  if (frame.length > full) return false;
  if (frame.length >= sent.length) {
    let differences = 0;
    for (let i = 0; i < frame.length; i++) if (frame[i] !== (i < sent.length ? sent[i] : 0)) differences++;
    return differences <= 4;
  }
  const { payload, ip, l4, fragment } = headersOf(frame);
  if (ip === 0) return false;
  const start = fragment ? l4 + 8 : payload;
  const content = frame.subarray(Math.min(frame.length, start, REWRITTEN));
  return sent.includes(Buffer.from(content));
}

function judgeMade(
  count: Count | undefined,
  { count: came, problem }: { count: number; problem?: string },
): Problem[] {
  const problems = judgeCount('forwarded frames', count, came);
  return problem ? [...problems, { expected: 'only bytes of the packets sent', actual: problem }] : problems;
}

/** Frames of the session that the peer took: all for `expect`, those that are meant for `none`. */
function takeFrames(session: Session, args: PeerArgs): { mac: string; frames: FrameJson[] } {
  const macs = macsOf(session);
  const taken = takenFrames(session);
  const meant = buildFrames(args.none ?? args.has ?? matchOf(args.expect!).frames, macs);
  const sources = [macs.dev, macs.peer, ...meant.map(({ bytes }) => bytes.subarray(6, 12))];
  const mine =
    args.none === undefined
      ? taken.filter((bytes) => !isNoise(bytes, sources))
      : taken.filter((bytes) => meant.some((want) => resembles(want.bytes, want.marker, bytes)));
  if (args.has !== undefined)
    return { mac: toJson(macs.dev), frames: mine.map((bytes) => jsonOf(session, bytes)) };
  const rest = args.none === undefined ? [] : taken.filter((bytes) => !mine.includes(bytes));
  taken.splice(0, taken.length, ...rest);
  return { mac: toJson(macs.dev), frames: mine.map((bytes) => jsonOf(session, bytes)) };
}

function jsonOf(session: Session, bytes: Uint8Array): FrameJson {
  const { meta } = takenFacts(session, bytes);
  return { hex: toJson(bytes), ...(meta ? { meta } : {}) };
}

/** Offloads left to a peer that did not accept them. */
function unasked(meta: FrameMeta | undefined, accepts: readonly PeerOffload[]): Problem[] {
  if (meta === undefined) return [];
  const needs: PeerOffload[] = meta.needsCsum ? ['csum'] : [];
  if (meta.gsoType === 'tcpv4') needs.push('tso4');
  if (meta.gsoType === 'tcpv6') needs.push('tso6');
  if (meta.gsoType === 'udp') needs.push('ufo');
  const gap = needs.filter((need) => !accepts.includes(need));
  return gap.length === 0
    ? []
    : [
        {
          expected: `the device does ${gap.join(', ')} itself`,
          actual: 'left to a peer that did not accept it',
        },
      ];
}

// ── transmission ─────────────────────────────────────────────────────────────────────────────────

interface NetTxArgs {
  queue?: number;
  hdr?: HdrArg;
  frame: FrameArg;
  lay?: Lay;
  write?: number;
  indirect?: boolean;
  as?: string;
  publish?: boolean;
  kick?: KickMode;
  done?: boolean;
  overwrite?: boolean;
  breach?: string;
}

/** `net-tx`: transmit packets. */
export const netTxStep = defineStep<
  NetTxArgs,
  { outcomes: RequestOutcome[]; packed: boolean; broken: boolean }
>({
  name: 'net-tx',
  summary:
    'Transmit each frame behind header `hdr` (default H0) in a buffer of its own, laid out as `lay`; several are ' +
    'made available at once. Then the buffers must come back, with used length 0 (not with `done: false`). ' +
    '`overwrite` fills each with EE as soon as it is used.',
  example: '{net-tx: {hdr: Hcsum4, frame: {t4: 100, sum: pseudo}, lay: L5}}',
  schema: obj(
    {
      queue: INT,
      hdr: HDR,
      frame: FRAMES,
      lay: LAY,
      write: { ...INT, description: 'Bytes of a device-writable part behind the frame (a breach).' },
      indirect: BOOL,
      as: TEXT,
      publish: BOOL,
      kick: KICK,
      done: BOOL,
      overwrite: BOOL,
      breach: {
        ...TEXT,
        description: 'The rule that the driver breaks: the device may also ask for a reset.',
      },
    },
    ['frame'],
  ),
  run(session, args) {
    const queue = args.queue ?? 1;
    const lay = args.lay ?? 'L1';
    const header = hdrBytes(args.hdr);
    const frames = buildFrames(args.frame, macsOf(session));
    if (args.breach) session.breach(args.breach);
    const buffers = frames.map(({ bytes }, i) => {
      const all = new Uint8Array(header.length + bytes.length);
      all.set(header);
      all.set(bytes, header.length);
      let at = 0;
      const parts: Part[] = sizesOf(lay, all.length).map((size) => {
        at += size;
        return { read: all.subarray(at - size, at) };
      });
      if (args.write) parts.push({ write: args.write });
      const name = args.as === undefined ? '' : frames.length === 1 ? args.as : `${args.as}-${i}`;
      const buffer = session.buffers.create(queue, name, parts);
      const indirect = args.indirect ?? lay === 'L6';
      session.queues.add(buffer, addOptions(session, { indirect }, parts.length));
      return buffer;
    });
    release(session, queue, args);
    if (args.overwrite) {
      for (let i = 0; i < 4 * buffers.length && buffers.some(({ used }) => used === undefined); i++) {
        session.pump(1);
        for (const { readable } of session.queues.collect(queue))
          for (const [, pa, size] of readable) session.memory.bytes({ pa, size }).fill(0xee);
      }
    }
    if (args.publish === false || args.done === false) return undefined;
    session.quiet();
    session.queues.collect(queue);
    return {
      outcomes: buffers.map((buffer) => outcomeOf(session, buffer)),
      packed: session.queues.must(queue).packed,
      broken: args.breach !== undefined && needsReset(session),
    };
  },
  judge: (_, { outcomes, packed, broken }) =>
    outcomes
      .filter(({ used }) => used || !broken)
      .flatMap((outcome) => judgeOutcome(outcome, packed ? 'any' : 'bounded')),
});

/** The device gave up until the next reset, which it may after a breach. */
const needsReset = (session: Session): boolean => (session.ops.getStatus() & 0x40) !== 0;

// ── reception ────────────────────────────────────────────────────────────────────────────────────

/** What a header field must be. */
type Want = number | number[] | { min?: number; max?: number; mask?: number; is?: number; not?: number };
const WANT = {
  anyOf: [INT, list(INT), obj({ min: INT, max: INT, mask: INT, is: INT, not: INT })],
};
type WantHdr = Partial<Record<keyof NetHdr, Want>>;
const WANTS = obj(Object.fromEntries(HDR_FIELDS.map((name) => [name, WANT])));

interface PostArgs {
  queue?: number;
  sizes?: number[];
  size?: number;
  count?: number;
  lay?: Lay;
  indirect?: boolean;
  as?: string;
  publish?: boolean;
  kick?: KickMode;
}

interface ExpectArgs extends MatchArgs {
  queue?: number;
  hdr?: WantHdr;
  'gso-hdr'?: WantHdr;
  'partial-hdr'?: WantHdr;
  pseudo?: boolean;
  'fits-segments'?: boolean;
  'rsc-segments'?: number;
  buffers?: Count;
  model?: boolean;
  together?: boolean;
  cite?: Record<string, string>;
}

interface NetRxArgs {
  post?: PostArgs;
  expect?: ExpectArgs;
  has?: FrameArg;
  none?: FrameArg;
  unused?: Count;
  saw?: 'gso' | 'partial' | 'packet' | 'data-valid' | 'rsc';
  queue?: number;
  forget?: boolean;
  breached?: boolean;
}

interface PacketJson extends FrameJson {
  hdr: NetHdr;
  lens: number[];
  rooms: number[];
  missing?: number;
  open?: boolean;
}

interface NetRxSeen {
  mac: string;
  mergeable: boolean;
  /** Features in force, when the model is to judge the headers. */
  features?: string;
  packets: PacketJson[];
  unused?: number;
  /** The device asks for a reset. */
  broken?: boolean;
  indexes?: number[];
  flags?: number[][];
}

/** `net-rx`: receive packets. */
export const netRxStep = defineStep<NetRxArgs, NetRxSeen>({
  name: 'net-rx',
  summary:
    '`post` receive buffers (`count` of `size`, or `sizes`), laid out as `lay`; or let the device work, read packets out ' +
    'of the used buffers and compare: `expect` these frames and no other ({frames, missing, others …}), with header ' +
    'fields `hdr` on every packet, `gso-hdr` on super-frames, `partial-hdr` where NEEDS_CSUM is set, so many ' +
    '`buffers` a packet, the checksum field holding the `pseudo` header sum, all buffers of a packet published ' +
    '`together`. `cite` names the requirement of each aspect (frames, lens, buffers, together, a field). `none` of ' +
    'these frames was received; `saw`: the packets of the last look had such a one.',
  example: '{net-rx: {expect: {frames: P1, hdr: {flags: 0, num_buffers: 1}}}}',
  schema: obj({
    post: obj({
      queue: INT,
      sizes: orText(list(INT)),
      size: INT,
      count: INT,
      lay: LAY,
      indirect: BOOL,
      as: TEXT,
      publish: BOOL,
      kick: KICK,
    }),
    expect: obj(
      {
        ...MATCH,
        queue: INT,
        hdr: WANTS,
        'gso-hdr': WANTS,
        'partial-hdr': WANTS,
        pseudo: BOOL,
        'fits-segments': {
          ...BOOL,
          description: 'gso_size is no smaller than the largest segment that was merged.',
        },
        'rsc-segments': { ...INT, description: 'Segments in all packets together, counted by RSC_INFO.' },
        buffers: COUNT,
        model: { ...BOOL, description: 'Headers as the reference model allows with the features in force.' },
        together: BOOL,
        cite: { type: 'object', additionalProperties: TEXT },
      },
      ['frames'],
    ),
    has: FRAMES,
    none: FRAMES,
    unused: { ...COUNT, description: 'Posted buffers that the device still has.' },
    saw: oneOf('gso', 'partial', 'packet', 'data-valid', 'rsc'),
    queue: INT,
    forget: BOOL,
    breached: {
      ...BOOL,
      description: 'The driver broke a rule before: a device that asks for a reset is right as well.',
    },
  }),
  run(session, args) {
    if (args.post !== undefined) post(session, args.post);
    if (args.forget) forget(session, args.queue ?? 0);
    if (args.saw !== undefined) return session.saved.get('net-last-seen') as NetRxSeen;
    if (args.unused !== undefined) return countUnused(session, args.queue ?? 0);
    if (args.expect === undefined && args.none === undefined && args.has === undefined) return undefined;
    session.quiet();
    const seen = look(session, args);
    if (args.breached && needsReset(session)) seen.broken = true;
    session.saved.set('net-last-seen', seen);
    return seen;
  },
  judge(args, seen) {
    if (seen?.broken) return [];
    if (args.unused !== undefined)
      return judgeCount('buffers that did not come back', args.unused, seen.unused!);
    if (args.saw !== undefined) return judgeSaw(args.saw, seen?.packets ?? []);
    if (args.none !== undefined)
      return seen.packets.map(({ hex }) => ({
        expected: 'none of these frames is received',
        actual: describe(Buffer.from(hex, 'hex')),
      }));
    if (args.has !== undefined) {
      const frames = seen.packets.map(({ hex, hdr }) => fromJson({ hex, meta: metaOfHdr(hdr) }));
      return judgeFrames({ frames: args.has, others: true, 'any-order': true }, macsFrom(seen.mac), frames);
    }
    return judgeExpect(args.expect!, seen);
  },
});

function post(session: Session, args: PostArgs): void {
  const idx = args.queue ?? 0;
  const state = receiveState(session, session.queues.must(idx));
  const sizes = args.sizes ?? Array.from({ length: args.count ?? 1 }, () => args.size ?? 2048);
  const lay = args.lay ?? 'L1';
  for (const [i, size] of sizes.entries()) {
    const parts: Part[] = sizesOf(lay, size).map((write) => ({ write }));
    const buffer = session.buffers.create(idx, args.as === undefined ? '' : `${args.as}-${i}`, parts);
    session.queues.add(
      buffer,
      addOptions(session, { indirect: args.indirect ?? lay === 'L6' }, parts.length),
    );
    state.posted.set(buffer.b, buffer);
  }
  release(session, idx, args);
}

function forget(session: Session, idx: number): void {
  receivePackets(session, idx).length = 0;
}

function countUnused(session: Session, idx: number): NetRxSeen {
  session.quiet();
  receivePackets(session, idx);
  const { posted } = receiveState(session, session.queues.must(idx));
  const unused = [...posted.values()].filter(({ used }) => used === undefined).length;
  return { mac: '', mergeable: false, packets: [], unused };
}

function look(session: Session, args: NetRxArgs): NetRxSeen {
  const idx = args.expect?.queue ?? args.queue ?? 0;
  const macs = macsOf(session);
  const packets = receivePackets(session, idx);
  const queue = session.queues.must(idx);
  const published = args.expect?.together ? publications(session, queue, packets) : {};
  const meant = buildFrames(args.none ?? args.has ?? args.expect!.frames, macs);
  const sources = [macs.dev, macs.peer, ...meant.map(({ bytes }) => bytes.subarray(6, 12))];
  const mine = packets.filter(({ frame }) =>
    args.none === undefined
      ? !isNoise(frame, sources) || frame.length < 12
      : meant.some((want) => resembles(want.bytes, want.marker, frame)),
  );
  const rest = args.none === undefined ? [] : packets.filter((packet) => !mine.includes(packet));
  if (args.has === undefined) packets.splice(0, packets.length, ...rest);
  const json = ({ hdr, frame, lens, rooms, missing, open }: Packet): PacketJson => ({
    hex: toJson(frame),
    hdr,
    lens,
    rooms,
    ...(missing === undefined ? {} : { missing }),
    ...(open === undefined ? {} : { open }),
  });
  return {
    mac: toJson(macs.dev),
    mergeable: session.has('VIRTIO_NET_F_MRG_RXBUF'),
    ...(args.expect?.model ? { features: `0x${session.features.toString(16)}` } : {}),
    packets: mine.map(json),
    ...published,
  };
}

const isGso = ({ hdr }: PacketJson) => (hdr.gso_type & ~GSO_ECN) !== 0;
const isPartial = ({ hdr }: PacketJson) => (hdr.flags & 1) !== 0;

function judgeSaw(what: NonNullable<NetRxArgs['saw']>, packets: readonly PacketJson[]): Problem[] {
  const tests: Record<typeof what, (packet: PacketJson) => boolean> = {
    gso: isGso,
    partial: isPartial,
    packet: () => true,
    'data-valid': ({ hdr }) => (hdr.flags & 2) !== 0,
    rsc: ({ hdr }) => (hdr.flags & 4) !== 0,
  };
  return packets.some(tests[what])
    ? []
    : [
        {
          expected: `a received packet of this kind: ${what}`,
          actual: 'none, so the rule was not put to the test',
        },
      ];
}

function judgeExpect(args: ExpectArgs, seen: NetRxSeen): Problem[] {
  const problems: Problem[] = [];
  const add = (aspect: string, expected: string, actual: string, standard?: string) => {
    const requirement = args.cite?.[aspect] ?? standard;
    problems.push({ expected, actual, ...(requirement ? { requirement } : {}) });
  };
  seen.packets.forEach((packet, i) => {
    judgeShape(packet, i, seen.mergeable, args, add);
    if (seen.features !== undefined) judgeModel(packet, i, BigInt(seen.features), add);
    judgeHdr(packet, i, args.hdr, add);
    if (isGso(packet)) judgeHdr(packet, i, args['gso-hdr'], add);
    if (isPartial(packet)) judgeHdr(packet, i, args['partial-hdr'], add);
    if (args.pseudo && isPartial(packet)) judgePseudo(packet, i, add);
    if (args['fits-segments'] && isGso(packet)) judgeSegments(packet, i, args.frames, seen, add);
  });
  if (args['rsc-segments'] !== undefined) judgeRsc(seen.packets, args['rsc-segments'], add);
  if (args.together) judgeTogether(seen, add);
  const frames = seen.packets.map((packet) => fromJson({ hex: packet.hex, meta: metaOfHdr(packet.hdr) }));
  problems.push(...judgeFrames(args, macsFrom(seen.mac), frames, args.cite?.frames));
  return problems;
}

type Add = (aspect: string, expected: string, actual: string, standard?: string) => void;

/**
 * Buffers of a packet, as the reference model has them (5.1.6.4.1), and so many of them as the case says. A wrong
 * num_buffers where a packet takes one buffer anyway hides nothing else: it is told only where somebody asks for it.
 */
function judgeShape(
  packet: PacketJson,
  i: number,
  mergeable: boolean,
  { buffers, model, cite, hdr }: ExpectArgs,
  add: Add,
): void {
  const asked = mergeable || model || cite?.num_buffers !== undefined || hdr?.num_buffers !== undefined;
  for (const { aspect, requirement, expected, actual } of judgeBuffers(mergeable, packet))
    if (asked || aspect !== 'num_buffers') add(aspect, `packet ${i}: ${expected}`, actual, requirement);
  for (const { expected, actual } of judgeCount(`packet ${i}: used buffers`, buffers, packet.lens.length))
    add('buffers', expected, actual, 'V1.1-5.1.6.4.1-D2');
}

/** The header against everything that the reference model allows with the features in force. */
function judgeModel(packet: PacketJson, i: number, features: bigint, add: Add): void {
  const { bytes } = fromJson(packet);
  const headers = headersOf(bytes);
  const { l4, payload, proto } = headers;
  const frame = {
    headers: payload,
    cwr: proto === 6 && (bytes[l4 + 13] & 0x80) !== 0,
    sumGood: proto === 0 ? null : fullSumGood(bytes, headers),
  };
  for (const { aspect, requirement, expected, actual } of judgeHeader(features, packet.hdr, frame))
    add(aspect, `packet ${i}: ${expected}`, actual, requirement);
}

function judgeHdr(packet: PacketJson, i: number, wants: WantHdr | undefined, add: Add): void {
  for (const [field, want] of Object.entries(wants ?? {}) as [keyof NetHdr, Want][]) {
    const value = packet.hdr[field];
    const wrong = mismatch(want, value);
    if (wrong !== null) add(field, `packet ${i}: ${field} ${wrong}`, `0x${value.toString(16)}`);
  }
}

/** What a value should have been; null when it is right. */
function mismatch(want: Want, value: number): string | null {
  if (typeof want === 'number') return value === want ? null : String(want);
  if (Array.isArray(want)) return want.includes(value) ? null : want.join(' or ');
  const masked = want.mask === undefined ? value : value & want.mask;
  const at = want.mask === undefined ? '' : ` (after & 0x${want.mask.toString(16)})`;
  if (want.is !== undefined && masked !== want.is) return `${want.is}${at}`;
  if (want.not !== undefined && masked === want.not) return `other than ${want.not}${at}`;
  if (want.min !== undefined && masked < want.min) return `at least ${want.min}${at}`;
  if (want.max !== undefined && masked > want.max) return `at most ${want.max}${at}`;
  return null;
}

/** The field at csum_start + csum_offset holds the pseudo header sum (0000 and ffff are the same number). */
function judgePseudo(packet: PacketJson, i: number, add: Add): void {
  if (packet.hdr.flags & 4) return;
  const { bytes } = fromJson(packet);
  const headers = headersOf(bytes);
  const at = packet.hdr.csum_start + packet.hdr.csum_offset;
  if (headers.proto === 0) return;
  if (at + 2 > bytes.length) {
    add('csum_start', `packet ${i}: csum_start and csum_offset within ${bytes.length} bytes`, String(at));
    return;
  }
  const place = headers.l4 + sumOffset(headers.proto);
  const want = pseudoSum(bytes, headers, bytes.length - headers.l4);
  const got = get16(bytes, at);
  if (at === place && got % 0xffff !== want % 0xffff)
    add(
      'pseudo',
      `packet ${i}: pseudo header sum 0x${want.toString(16)} in the checksum field`,
      `0x${got.toString(16)}`,
    );
}

/** gso_size against what was really merged (the segments that the peer sent). */
function judgeSegments(packet: PacketJson, i: number, frames: FrameArg, seen: NetRxSeen, add: Add): void {
  const largest = Math.max(
    ...buildFrames(frames, macsFrom(seen.mac)).map(({ bytes, meta }) =>
      Math.min(meta?.gsoSize ?? Number.POSITIVE_INFINITY, bytes.length - headersOf(bytes).payload),
    ),
  );
  if (packet.hdr.gso_size < largest)
    add(
      'gso_size',
      `packet ${i}: gso_size at least ${largest}, the largest segment`,
      String(packet.hdr.gso_size),
    );
}

/** Segments that RSC_INFO counts, with those that came alone, are all that were sent. */
function judgeRsc(packets: readonly PacketJson[], sent: number, add: Add): void {
  const merged = packets.filter(isGso);
  const bare = merged.filter(({ hdr }) => (hdr.flags & 4) === 0);
  if (bare.length > 0)
    add('rsc', 'RSC_INFO (flags & 4) on every packet that was put together', `flags ${bare[0].hdr.flags}`);
  const counted = packets.reduce((sum, packet) => sum + (isGso(packet) ? packet.hdr.csum_start : 1), 0);
  if (merged.length > 0 && bare.length === 0 && counted !== sent)
    add('rsc', `${sent} segments, csum_start counting those of each packet`, String(counted));
}

/** All buffers of a packet become visible at once (5.1.6.4.1, 2.7.9). */
function judgeTogether(seen: NetRxSeen, add: Add): void {
  const { indexes, flags, packets } = seen;
  if (indexes !== undefined && indexes.length > 0) {
    let end = indexes.at(-1)!;
    const bounds = new Set([end]);
    for (const { lens } of [...packets].reverse()) {
      end = (end - lens.length) & 0xffff;
      bounds.add(end);
    }
    const inside = indexes.find((index) => !bounds.has(index));
    if (inside !== undefined)
      add(
        'together',
        'used index moves from packet to packet',
        `index ${inside} lies within a packet`,
        'V1.1-5.1.6.4.1-D4',
      );
  }
  // The driver sees a buffer once it and all before it are there; then the rest of its packet has to be there.
  let visible = -1;
  flags?.forEach((stores, i) => {
    visible = Math.max(visible, stores[0]);
    const late = stores.findIndex((at) => at > visible);
    if (late > 0)
      add(
        'together',
        `packet ${i}: flags of its first buffer stored last`,
        `those of buffer ${late} came later`,
        'P1.1-027x',
      );
    visible = Math.max(visible, ...stores);
  });
}
