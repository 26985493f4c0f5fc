import { configField } from '../../specs/virtio-1.1/config-space.ts';
import { markedFrame, NET_HDR, ownMac, PEER_MAC, sameFrame, takenFrames } from '../kits/net.ts';
import { controlQueue, netPairs } from '../session/bring-up.ts';
import type { Buffer, Part } from '../session/buffers.ts';
import { addOptions } from '../session/requests.ts';
import type { Session } from '../session/session.ts';
import { BYTES, type BytesArg, bytesOf, concat, toHex } from './buffer-steps.ts';
import { BOOL, COUNT, type Count, defineStep, INT, judgeCount, list, obj, oneOf, type Problem, TEXT } from './step.ts';

// ── addresses ────────────────────────────────────────────────────────────────────────────────────

const FIXED: Record<string, string> = {
  foreign: '020000000077',
  multicast: '01005e0000fb',
  multicast6: '333300000001',
  lldp: '0180c200000e',
  broadcast: 'ffffffffffff',
};

/**
 * MAC addresses that a text names: `dev` (the address in the configuration now), `first-dev` (as first seen in this
 * session), `near` (dev with the last byte inverted), `foreign`, `multicast`, `multicast6`, `lldp`, `broadcast`, `peer`,
 * `uni-3`, `multi-0..64` (the made-up table entries of these numbers), or twelve hex digits.
 */
export function macsOf(session: Session, text: string): Uint8Array[] {
  const own = ownMac(session);
  if (!session.saved.has('net-mac')) session.saved.set('net-mac', own);
  if (text === 'dev') return [own];
  if (text === 'first-dev') return [session.saved.get('net-mac') as Uint8Array];
  if (text === 'near') return [Uint8Array.from(own, (byte, i) => (i === 5 ? byte ^ 0xff : byte))];
  if (text === 'peer') return [PEER_MAC];
  if (text in FIXED) return [bytesOf(FIXED[text])];
  const made = /^(uni|multi)-(\d+)(?:\.\.(\d+))?$/.exec(text);
  if (made === null) return [bytesOf(text)];
  const [first, last] = [Number(made[2]), Number(made[3] ?? made[2])];
  return Array.from({ length: last - first + 1 }, (_, i) => madeUp(made[1], first + i));
}

function madeUp(kind: string, n: number): Uint8Array {
  const head = kind === 'uni' ? [2, 1, 0, 1] : [1, 0, 0x5e, 1];
  return Uint8Array.from([...head, n >> 8, n & 0xff]);
}

// ── commands ─────────────────────────────────────────────────────────────────────────────────────

const CLASSES = { rx: 0, mac: 1, vlan: 2, announce: 3, mq: 4, offloads: 5 } as const;
type ClassName = keyof typeof CLASSES;
type Layout = 'C1' | 'C2' | 'C3' | 'C4';

interface MacTables {
  unicast?: string | string[];
  multicast?: string | string[];
}

interface ControlArgs {
  class: number | ClassName;
  command?: number;
  data?: BytesArg;
  'mac-table'?: MacTables;
  'mac-of'?: string;
  lay?: Layout;
  cut?: number[];
  ack?: number | number[] | 'any';
  as?: string;
  wait?: boolean;
  'at-used'?: { field: string; mask?: number; equals?: number | string; 'same-mac'?: string };
}

interface ControlSeen {
  used: boolean;
  again: number;
  ack: number;
  len?: number;
  packed: boolean;
  /** Configuration field as it was when the command had just been used. */
  field?: string;
  want?: string;
}

const le32 = (n: number) => Uint8Array.of(n & 0xff, (n >> 8) & 0xff, (n >> 16) & 0xff, n >>> 24);

function tableBytes(session: Session, tables: MacTables): Uint8Array {
  const half = (names: string | string[] | undefined) => {
    const macs = [names ?? []].flat().flatMap((name) => macsOf(session, name));
    return concat([le32(macs.length), ...macs]);
  };
  return concat([half(tables.unicast), half(tables.multicast)]);
}

/** Sizes of the readable parts of a command of `length` bytes. */
function readCuts(lay: Layout, length: number): number[] {
  if (lay === 'C1') return [length];
  if (lay === 'C3') return [1, 1, 1, length - 3].filter((n, i) => n > 0 && (i < 2 || length > 2));
  return [2, length - 2].filter((n) => n > 0);
}

/** Write a command into the control queue and make it available. */
function postCommand(session: Session, bytes: Uint8Array, lay: Layout, name = '', cut?: readonly number[]): Buffer {
  const queue = controlQueue(session);
  session.queues.must(queue);
  const parts: Part[] = [];
  let at = 0;
  for (const size of cut ?? readCuts(lay, bytes.length)) {
    parts.push({ read: bytes.subarray(at, at + size) });
    at += size;
  }
  if (at < bytes.length) parts.push({ read: bytes.subarray(at) });
  parts.push({ write: 1 });
  const buffer = session.buffers.create(queue, name, parts);
  session.queues.add(buffer, addOptions(session, { indirect: lay === 'C4' }, parts.length));
  session.queues.publish(queue);
  return buffer;
}

/** Let the device work one unit at a time, no further than to the moment when `until` holds. */
function workUntil(session: Session, until: () => boolean): void {
  for (let i = 0; i < 32; i++) {
    if (until()) return;
    session.pump(1);
  }
  if (!until()) session.quiet();
  until();
}

const LAYOUT = oneOf('C1', 'C2', 'C3', 'C4');

/** `net-ctrl`: one command on the control virtqueue. */
export const netControlStep = defineStep<ControlArgs, ControlSeen>({
  name: 'net-ctrl',
  summary:
    'Send one control command and wait until it is used, and no longer. `class` is a number or rx, mac, vlan, announce, ' +
    'mq, offloads; `data` bytes, or `mac-table`, or `mac-of` an address by name. Layout C1: all that is readable in one ' +
    'descriptor; C2: class and command, data; C3: single bytes first; C4: C2 through an indirect table; or `cut`. `ack`: ' +
    'what the device answers (default 0; `any`: 0 or 1). `at-used`: a configuration field at the moment of use.',
  example: '{net-ctrl: {class: rx, command: 0, data: "01", lay: C3}}',
  schema: obj(
    {
      class: { anyOf: [INT, { enum: Object.keys(CLASSES) }] },
      command: INT,
      data: BYTES,
      'mac-table': obj({ unicast: { anyOf: [TEXT, list(TEXT)] }, multicast: { anyOf: [TEXT, list(TEXT)] } }),
      'mac-of': TEXT,
      lay: LAYOUT,
      cut: list(INT),
      ack: { anyOf: [INT, list(INT), { enum: ['any'] }] },
      as: TEXT,
      wait: BOOL,
      'at-used': obj({ field: TEXT, mask: INT, equals: { anyOf: [INT, TEXT] }, 'same-mac': TEXT }, ['field']),
    },
    ['class'],
  ),
  run(session, args) {
    const data = args['mac-table']
      ? tableBytes(session, args['mac-table'])
      : args['mac-of'] === undefined
        ? bytesOf(args.data ?? '')
        : macsOf(session, args['mac-of'])[0];
    const number = typeof args.class === 'number' ? args.class : CLASSES[args.class];
    const bytes = concat([Uint8Array.of(number, args.command ?? 0), data]);
    const buffer = postCommand(session, bytes, args.lay ?? 'C2', args.as, args.cut);
    const queue = session.queues.must(buffer.q);
    const look = args['at-used'];
    let field: string | undefined;
    let count = 0;
    const collect = () => {
      count += session.queues.collect(buffer.q).filter((one) => one === buffer).length;
      if (look && field === undefined && buffer.used !== undefined) {
        const { offset, width } = configField('net', look.field);
        const value = new Uint8Array(width);
        session.ops.getConfig(offset, value);
        field = toHex(value);
      }
      return buffer.used !== undefined;
    };
    if (look) {
      queue.ring.armInterrupts();
      const callback = session.queues.callback(buffer.q);
      session.ops.setVqCb(buffer.q, {
        callback: () => {
          callback();
          collect();
        },
      });
    }
    session.queues.kickIfNeeded(buffer.q);
    if (args.wait === false) return undefined;
    workUntil(session, collect);
    if (look) session.queues.listen(buffer.q, true);
    const seen: ControlSeen = {
      used: buffer.used !== undefined,
      again: count - 1,
      ack: session.buffers.written(buffer)[0],
      packed: queue.packed,
    };
    if (buffer.used?.len !== undefined) seen.len = buffer.used.len;
    if (field !== undefined) seen.field = field;
    if (look?.['same-mac'] !== undefined) seen.want = toHex(macsOf(session, look['same-mac'])[0]);
    return seen;
  },
  judge(args, seen) {
    const what = `command ${args.class}/${args.command ?? 0}`;
    const requirement = 'P1.1-027';
    if (!seen.used) return [{ expected: `${what} is used`, actual: 'not used', requirement }];
    const problems: Problem[] = [];
    if (seen.again > 0) problems.push({ expected: `${what} is used once`, actual: `${seen.again + 1} times`, requirement });
    if (seen.ack > 1) {
      problems.push({ expected: `an ack of 0 or 1 for ${what}`, actual: `0x${seen.ack.toString(16)}`, requirement });
    } else if (args.ack !== 'any' && ![args.ack ?? 0].flat().includes(seen.ack)) {
      problems.push({ expected: `ack ${[args.ack ?? 0].flat().join(' or ')} for ${what}`, actual: `ack ${seen.ack}` });
    }
    if (seen.len !== undefined && seen.len > 1) {
      const cited = seen.packed ? 'P1.1-006' : 'V1.1-2.6.8.2-D2';
      problems.push({ expected: `used length 0 or 1 for ${what}`, actual: String(seen.len), requirement: cited });
    }
    const look = args['at-used'];
    if (look !== undefined && seen.field !== undefined) problems.push(...judgeField(look, seen));
    return problems;
  },
});

function judgeField(look: NonNullable<ControlArgs['at-used']>, seen: ControlSeen): Problem[] {
  const hex = seen.field!;
  const number = Number.parseInt(hex.match(/../g)!.reverse().join(''), 16);
  const value = look.mask === undefined ? number : number & look.mask;
  const at = `${look.field} when the command is used`;
  const problems: Problem[] = [];
  if (typeof look.equals === 'number' && value !== look.equals)
    problems.push({ expected: `${at}: ${look.equals}`, actual: `${value} (bytes ${hex})` });
  const bytes = typeof look.equals === 'string' ? toHex(bytesOf(look.equals)) : seen.want;
  if (bytes !== undefined && bytes !== hex) problems.push({ expected: `${at}: ${bytes}`, actual: hex });
  return problems;
}

/** `net-quiet-filter`: all receive modes off. */
export const netQuietFilterStep = defineStep<Record<string, never>, { mode: number; ack: number }[]>({
  name: 'net-quiet-filter',
  summary:
    'Switch all receive modes off: PROMISC and ALLMULTI, with CTRL_RX_EXTRA the other four as well. No mode is specified ' +
    'for the time after reset, so every case about the filter begins here; when the device refuses, it is blocked.',
  example: '{net-quiet-filter: {}}',
  schema: obj({}),
  run(session) {
    const modes = session.has('VIRTIO_NET_F_CTRL_RX_EXTRA') ? 6 : 2;
    return Array.from({ length: modes }, (_, mode) => {
      const buffer = postCommand(session, Uint8Array.of(0, mode, 0), 'C2');
      session.queues.kickIfNeeded(buffer.q);
      workUntil(session, () => session.queues.collect(buffer.q).length > 0 || buffer.used !== undefined);
      return { mode, ack: buffer.used === undefined ? -1 : session.buffers.written(buffer)[0] };
    });
  },
  judge: (_, seen) =>
    seen
      .filter(({ ack }) => ack !== 0)
      .map(({ mode, ack }) => ({
        expected: `receive mode ${mode} off: ack 0`,
        actual: ack < 0 ? 'the command was not used' : `ack ${ack}`,
        blocked: true,
      })),
});

// ── receive buffers ──────────────────────────────────────────────────────────────────────────────

/** Top up receive queue `queue` to `count` buffers of `size` bytes. */
function topUp(session: Session, queue: number, count: number, size: number): void {
  const known = session.queues.get(queue);
  if (known === undefined) return;
  let there = 0;
  for (const buffer of session.buffers.all) if (buffer.q === queue && buffer.used === undefined) there++;
  if (there >= count) return;
  for (; there < count && known.ring.free > 0; there++) {
    session.queues.add(session.buffers.create(queue, '', [{ write: size }]));
  }
  session.queues.publish(queue);
  session.queues.kickIfNeeded(queue);
}

const receiveQueues = (session: Session) => Array.from({ length: netPairs(session) }, (_, pair) => 2 * pair);

/** A frame that the driver received, with its receive queue as numbered by the specification (from 1). */
interface Received {
  queue: number;
  frame: Uint8Array;
}

/** Collect all receive queues; buffers hold the 12-byte header and the frame. */
function receivedFrames(session: Session): Received[] {
  return receiveQueues(session).flatMap((queue) =>
    session.queues.collect(queue).map((buffer) => ({
      queue: queue / 2 + 1,
      frame: session.buffers.written(buffer).slice(NET_HDR, buffer.used?.len ?? undefined),
    })),
  );
}

/** Insert a VLAN tag. */
function tagged(vid: number, frame: Uint8Array): Uint8Array {
  return concat([frame.subarray(0, 12), Uint8Array.of(0x81, 0, vid >> 8, vid & 0xff), frame.subarray(12)]);
}

const PROBE_BUFFER = 256;
const PROBE_BURST = 8;

interface ProbeArgs {
  to: string | string[];
  vlan?: number;
  received: boolean;
  gauge?: boolean;
  fence?: string;
}

interface ProbeSeen {
  probes: { to: string; times: number }[];
  fence: number;
  other: number;
  /** An earlier gauge showed that the device does not filter precisely. */
  imprecise?: boolean;
}

const serial = (session: Session) => {
  const next = ((session.saved.get('net-serial') as number | undefined) ?? 0) + 1;
  session.saved.set('net-serial', next);
  return next;
};

/** `net-probe`: does a frame to this address reach the driver? */
export const netProbeStep = defineStep<ProbeArgs, ProbeSeen>({
  name: 'net-probe',
  summary:
    'The peer sends a frame to each address (`to`: dev, first-dev, near, foreign, multicast, multicast6, lldp, broadcast, ' +
    'uni-3, multi-0..64, or hex; `vlan` tags it), then a fence to an address that must get through (`fence`, default ' +
    'dev). All receive queues have buffers. `received` says whether the frames are to arrive. With `gauge: true` an ' +
    'arrival against expectation only shows that the device filters loosely; absences are not judged after that.',
  example: '{net-probe: {to: [foreign, near], received: false}}',
  schema: obj(
    { to: { anyOf: [TEXT, list(TEXT)] }, vlan: INT, received: BOOL, gauge: BOOL, fence: TEXT },
    ['to', 'received'],
  ),
  run(session, args) {
    const peer = session.instance.peer ?? session.stop('the parent offers no packet peer');
    const frameTo = (mac: Uint8Array) => markedFrame(mac, PEER_MAC, 86, session.seed + serial(session));
    const probes = [args.to].flat().flatMap((name) => macsOf(session, name)).map((mac) => {
      const frame = args.vlan === undefined ? frameTo(mac) : tagged(args.vlan, frameTo(mac));
      return { to: toHex(mac), frame, times: 0 };
    });
    let fence = 0;
    let other = 0;
    for (let at = 0; at < probes.length; at += PROBE_BURST) {
      const last = frameTo(macsOf(session, args.fence ?? 'dev')[0]);
      for (const queue of receiveQueues(session)) topUp(session, queue, PROBE_BURST + 1, PROBE_BUFFER);
      for (const { frame } of probes.slice(at, at + PROBE_BURST)) session.guarded('peer.send', () => peer.send(frame));
      session.guarded('peer.send', () => peer.send(last));
      session.quiet();
      for (const { frame } of receivedFrames(session)) {
        const probe = probes.find((one) => sameFrame(one.frame, frame));
        if (probe) probe.times++;
        else if (sameFrame(last, frame)) fence++;
        else other++;
      }
    }
    const bursts = Math.ceil(probes.length / PROBE_BURST);
    if (args.gauge && !args.received && probes.some(({ times }) => times > 0)) session.saved.set('net-imprecise', true);
    const imprecise = session.saved.get('net-imprecise') === true;
    return {
      probes: probes.map(({ to, times }) => ({ to, times })),
      fence: fence - bursts + 1,
      other,
      ...(imprecise ? { imprecise } : {}),
    };
  },
  judge(args, seen) {
    const tag = args.vlan === undefined ? '' : ` with VLAN id ${args.vlan}`;
    const problems: Problem[] = [];
    if (args.received) {
      const gone = seen.probes.filter(({ times }) => times !== 1);
      for (const { to, times } of gone.slice(0, 3)) {
        const altered = seen.other > 0 ? ` (${seen.other} altered or strange frames were)` : '';
        problems.push({ expected: `the frame to ${to}${tag} is received`, actual: `received ${times} times${altered}` });
      }
      return problems;
    }
    if (seen.fence < 1)
      problems.push({ expected: 'the fence frame is received', actual: 'it is not, so absence says nothing', blocked: true });
    if (args.gauge || seen.imprecise) return problems;
    for (const { to, times } of seen.probes.filter(({ times }) => times > 0).slice(0, 3))
      problems.push({ expected: `the frame to ${to}${tag} is not received`, actual: `received ${times} times` });
    return problems;
  },
});

// ── flows over several queues ────────────────────────────────────────────────────────────────────

const FLOW_BUFFER = 192;
const FLOW_BURST = 16;
const FLOW_PAYLOAD = 64;

/** One packet of TCP flow `flow` over IPv4; `number` is in the IP id, the sequence number and the payload. */
export function flowFrame(own: Uint8Array, flow: number, number: number, fromDriver: boolean): Uint8Array {
  const frame = new Uint8Array(54 + FLOW_PAYLOAD);
  const view = new DataView(frame.buffer);
  const [here, there] = [0x0a000001, 0x0a000002 + (flow >> 4)];
  const [port, service] = [4000 + flow, 80];
  frame.set(fromDriver ? PEER_MAC : own, 0);
  frame.set(fromDriver ? own : PEER_MAC, 6);
  view.setUint16(12, 0x0800);
  view.setUint16(14, 0x4500);
  view.setUint16(16, 40 + FLOW_PAYLOAD);
  view.setUint16(18, (0x4000 + 31 * number) & 0xffff);
  view.setUint32(20, 0x40004006);
  view.setUint32(26, fromDriver ? here : there);
  view.setUint32(30, fromDriver ? there : here);
  view.setUint16(24, ~sum(view, 14, 34, 0));
  view.setUint16(34, fromDriver ? port : service);
  view.setUint16(36, fromDriver ? service : port);
  view.setUint32(38, 0x01020304 + FLOW_PAYLOAD * number);
  view.setUint32(42, 0x05060708);
  view.setUint32(46, 0x5010ffff);
  view.setUint32(54, 0xf10f0000 | flow);
  view.setUint32(58, number);
  for (let i = 62; i < frame.length; i++) frame[i] = (i - 54) % 251;
  view.setUint16(50, ~sum(view, 26, frame.length, 6 + 20 + FLOW_PAYLOAD));
  return frame;
}

/** Ones' complement sum of the 16-bit words of a range. */
function sum(view: DataView, from: number, to: number, initial: number): number {
  let total = initial;
  for (let at = from; at < to; at += 2) total += view.getUint16(at);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

interface FlowsArgs {
  flows?: number;
  replies?: number;
  tx?: number[];
  within?: number;
  stable?: boolean;
  follows?: number;
  lossy?: boolean;
  'set-pairs'?: number;
  lay?: Layout;
}

interface FlowsSeen {
  /** By flow: receive queues of its replies in the order of arrival. */
  queues: number[][];
  /** By flow: the queue it transmitted on last. */
  sentOn?: number[];
  replies: number;
  twice: number;
  other: number;
  /** Arrivals after the command in the middle was used, by queue. */
  late?: Record<string, number>;
  used?: boolean;
  ack?: number;
}

/** `net-flows`: packets of many TCP flows, and which receive queue each arrives on. */
export const netFlowsStep = defineStep<FlowsArgs, FlowsSeen>({
  name: 'net-flows',
  summary:
    'The peer sends `replies` packets of each of `flows` TCP flows, interleaved; every receive queue is full of buffers. ' +
    'With `tx`, each flow first sends one packet on one of these transmit queues (numbered from 1, in turn). Each packet ' +
    'must arrive once (unless `lossy`), on receive queues 1 to `within`; `stable`: one queue per flow; `follows: n`: from ' +
    'the n-th reply on the queue the flow was sent on. `set-pairs`: VQ_PAIRS_SET is given while packets are on their way, ' +
    'and what arrives after its use obeys it.',
  example: '{net-flows: {flows: 64, replies: 2, within: 1}}',
  schema: obj({
    flows: INT,
    replies: INT,
    tx: list(INT),
    within: INT,
    stable: BOOL,
    follows: INT,
    lossy: BOOL,
    'set-pairs': INT,
    lay: LAYOUT,
  }),
  run(session, args) {
    const peer = session.instance.peer ?? session.stop('the parent offers no packet peer');
    const own = ownMac(session);
    const flows = args.flows ?? 16;
    const replies = args.replies ?? 1;
    const sentOn = args.tx && Array.from({ length: flows }, (_, flow) => args.tx![flow % args.tx!.length]);
    sentOn?.forEach((pair, flow) => transmit(session, 2 * pair - 1, flowFrame(own, flow, serial(session), true)));
    if (sentOn) takenFrames(session);
    const queues: number[][] = Array.from({ length: flows }, () => []);
    const waiting = new Map<number, { flow: number; frame: Uint8Array; got: boolean }>();
    const seen: FlowsSeen = { queues, replies, twice: 0, other: 0, ...(sentOn ? { sentOn } : {}) };
    const take = (late: boolean) => {
      for (const { queue, frame } of receivedFrames(session)) {
        const number = frame.length >= 62 ? new DataView(frame.buffer, frame.byteOffset).getUint32(58) : -1;
        const sent = waiting.get(number);
        if (sent === undefined || !sameFrame(sent.frame, frame)) seen.other++;
        else if (sent.got) seen.twice++;
        else {
          sent.got = true;
          queues[sent.flow].push(queue);
        }
        if (late) seen.late![queue] = (seen.late![queue] ?? 0) + 1;
      }
    };
    const send = (flow: number) => {
      const number = serial(session);
      const frame = flowFrame(own, flow, number, false);
      waiting.set(number, { flow, frame, got: false });
      session.guarded('peer.send', () => peer.send(frame));
    };
    let command = args['set-pairs'];
    for (let round = 0; round < replies; round++) {
      for (let at = 0; at < flows; at += FLOW_BURST) {
        for (const queue of receiveQueues(session)) topUp(session, queue, FLOW_BURST, FLOW_BUFFER);
        for (let i = at; i < Math.min(at + FLOW_BURST, flows); i++) send((i + round) % flows);
        if (command !== undefined) {
          const buffer = postCommand(session, Uint8Array.of(4, 0, command & 0xff, command >> 8), args.lay ?? 'C2');
          session.queues.kickIfNeeded(buffer.q);
          command = undefined;
          workUntil(session, () => {
            take(false);
            session.queues.collect(buffer.q);
            return buffer.used !== undefined;
          });
          take(false);
          seen.late = {};
          seen.used = buffer.used !== undefined;
          seen.ack = session.buffers.written(buffer)[0];
        }
        session.quiet();
        take(seen.late !== undefined);
      }
    }
    return seen;
  },
  judge(args, seen) {
    const problems: Problem[] = [];
    const total = seen.queues.length * seen.replies;
    const got = seen.queues.reduce((n, queues) => n + queues.length, 0);
    if (!args.lossy && (got !== total || seen.twice > 0 || seen.other > 0)) {
      const extra = `${seen.twice} came twice, ${seen.other} altered or strange`;
      problems.push({ expected: `all ${total} packets arrive once`, actual: `${got} arrived; ${extra}` });
    }
    if (args['set-pairs'] !== undefined) {
      if (!seen.used || seen.ack !== 0) {
        const actual = seen.used ? `ack ${seen.ack}` : 'not used';
        problems.push({ expected: 'VQ_PAIRS_SET is acked 0', actual, blocked: true });
      } else {
        const beyond = Object.keys(seen.late!).filter((queue) => Number(queue) > args['set-pairs']!);
        if (beyond.length > 0) {
          const expected = `after VQ_PAIRS_SET ${args['set-pairs']} was used, nothing on receive queues above it`;
          problems.push({ expected, actual: `packets on ${beyond.join(', ')}` });
        }
      }
    }
    if (args.within !== undefined) {
      const beyond = [...new Set(seen.queues.flat())].filter((queue) => queue > args.within!).sort((a, b) => a - b);
      const expected = `packets only on receive queue${args.within === 1 ? ' 1' : `s 1 to ${args.within}`}`;
      if (beyond.length > 0) problems.push({ expected, actual: `also on ${beyond.join(', ')}` });
    }
    if (args.stable) {
      const flow = seen.queues.findIndex((queues) => new Set(queues).size > 1);
      const requirement = 'V1.1-5.1.6.5.5-N3';
      if (flow >= 0) {
        const actual = `flow ${flow} arrived on ${seen.queues[flow].slice(0, 12).join(', ')}`;
        problems.push({ expected: 'all packets of a flow on one receive queue', actual, requirement });
      }
    }
    if (args.follows !== undefined) {
      const astray = seen.queues.findIndex((queues, i) => queues.slice(args.follows).some((q) => q !== seen.sentOn![i]));
      if (astray >= 0) {
        const on = [...new Set(seen.queues[astray].slice(args.follows))].join(', ');
        const expected = `flow ${astray} on receive queue ${seen.sentOn![astray]}, where it was sent`;
        problems.push({ expected, actual: `on ${on}`, requirement: 'V1.1-5.1.6.5.5-N4' });
      }
    }
    return problems;
  },
});

/** Send one frame with an all-zero header, and wait for the buffer. */
function transmit(session: Session, queue: number, frame: Uint8Array): void {
  const buffer = session.buffers.create(queue, '', [{ read: concat([new Uint8Array(NET_HDR), frame]) }]);
  session.queues.add(buffer);
  session.queues.publish(queue);
  session.queues.kickIfNeeded(queue);
  session.quiet();
  session.queues.collect(queue);
}

// ── changes of the configuration ─────────────────────────────────────────────────────────────────

/** `net-ctrl-storm`: a run of commands, alternating, none of which may fail. */
export const netControlStormStep = defineStep<{ class: ClassName; command?: number; times: number }, { acks: Record<string, number>; used: number }>({
  name: 'net-ctrl-storm',
  summary: 'Send a command with one data byte that alternates 01 and 00, `times` over; all must be used and acked 0.',
  example: '{net-ctrl-storm: {class: rx, command: 0, times: 256}}',
  schema: obj({ class: { enum: Object.keys(CLASSES) }, command: INT, times: INT }, ['class', 'times']),
  run(session, args) {
    const acks: Record<string, number> = {};
    let used = 0;
    for (let i = 0; i < args.times; i++) {
      const bytes = Uint8Array.of(CLASSES[args.class], args.command ?? 0, 1 - (i & 1));
      const buffer = postCommand(session, bytes, (['C1', 'C2', 'C3'] as const)[i % 3]);
      session.queues.kickIfNeeded(buffer.q);
      workUntil(session, () => session.queues.collect(buffer.q).length > 0 || buffer.used !== undefined);
      if (buffer.used === undefined) break;
      used++;
      const ack = session.buffers.written(buffer)[0];
      acks[ack] = (acks[ack] ?? 0) + 1;
    }
    return { acks, used };
  },
  judge: (args, { acks, used }) => [
    ...judgeCount('commands used', args.times satisfies Count, used),
    ...Object.keys(acks)
      .filter((ack) => ack !== '0')
      .map((ack) => ({ expected: 'ack 0 for every command', actual: `${acks[ack]} times ack ${ack}` })),
  ],
});
