import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import { buildFrame } from '../../kits/frames.ts';
import { NET_HDR, ownMac, PEER_MAC, sameFrame, takenFrames } from '../../kits/net.ts';
import { receivedFrames, receiveQueues, serial, topUp } from '../../kits/net-probes.ts';
import type { Session } from '../../session/session.ts';
import { concat } from '../buffer-steps.ts';
import { BOOL, defineStep, INT, list, obj, orExpression, type Problem } from '../step.ts';
import { LAYOUT, type Layout, postCommand, workUntil } from './control-command.ts';

const FLOW_BUFFER = 192;

const FLOW_BURST = 16;

const FLOW_PAYLOAD = 64;

/** Packet `number` of a TCP flow over IPv4, from the driver or towards it. */
function flowFrame(dev: Uint8Array, flow: number, number: number, fromDriver: boolean): Uint8Array {
  const size = { [fromDriver ? 't4' : 'r4']: FLOW_PAYLOAD };
  return buildFrame({ ...size, flow, marker: number, seq: FLOW_PAYLOAD * number }, { dev, peer: PEER_MAC })
    .bytes;
}

interface FlowsArgs {
  flows?: number;
  replies?: number;
  tx?: number[];
  within?: number;
  stable?: boolean;
  follows?: number;
  lossy?: boolean;
  breached?: boolean;
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
  /** The device says that it needs a reset. */
  gaveUp?: boolean;
}

/** `net-flows`: packets of many TCP flows, and which receive queue each arrives on. */
export const netFlowsStep = defineStep<FlowsArgs, FlowsSeen>({
  name: 'net-flows',
  summary:
    'The peer sends `replies` packets of each of `flows` TCP flows, interleaved; every receive queue is full of buffers. ' +
    'With `tx`, each flow first sends one packet on one of these transmit queues (numbered from 1, in turn). Each packet ' +
    'must arrive once (unless `lossy`), on receive queues 1 to `within`; `stable`: one queue per flow; `follows: n`: from ' +
    'the n-th reply on the queue the flow was sent on. `set-pairs`: VQ_PAIRS_SET is given while packets are on their way, ' +
    'and what arrives after its use obeys it. `breached`: not judged when the device has set DEVICE_NEEDS_RESET.',
  example: '{net-flows: {flows: 64, replies: 2, within: 1}}',
  schema: obj({
    flows: INT,
    replies: INT,
    tx: orExpression(list(INT)),
    within: INT,
    stable: BOOL,
    follows: INT,
    lossy: BOOL,
    breached: BOOL,
    'set-pairs': INT,
    lay: LAYOUT,
  }),
  run(session, args) {
    const peer = session.instance.peer ?? session.lacks('the parent offers no packet peer');
    const own = ownMac(session);
    const flows = args.flows ?? 16;
    const replies = args.replies ?? 1;
    const sentOn = args.tx && Array.from({ length: flows }, (_, flow) => args.tx![flow % args.tx!.length]);
    for (const [flow, pair] of (sentOn ?? []).entries())
      transmit(session, 2 * pair - 1, flowFrame(own, flow, serial(session), true));
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
    const burst = Math.min(FLOW_BURST, session.queues.must(0).num);
    let command = args['set-pairs'];
    for (let round = 0; round < replies; round++) {
      for (let at = 0; at < flows; at += burst) {
        for (const queue of receiveQueues(session)) topUp(session, queue, burst, FLOW_BUFFER);
        for (let i = at; i < Math.min(at + burst, flows); i++) send((i + round) % flows);
        if (command !== undefined) {
          const buffer = postCommand(
            session,
            Uint8Array.of(4, 0, command & 0xff, command >> 8),
            args.lay ?? 'C2',
          );
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
    if (args.breached && (session.ops.getStatus() & STATUS.DEVICE_NEEDS_RESET) !== 0) seen.gaveUp = true;
    return seen;
  },
  judge(args, seen) {
    const problems: Problem[] = [];
    if (seen.gaveUp) return problems;
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
      const beyond = [...new Set(seen.queues.flat())]
        .filter((queue) => queue > args.within!)
        .sort((a, b) => a - b);
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
      const astray = seen.queues.findIndex((queues, i) =>
        queues.slice(args.follows).some((q) => q !== seen.sentOn![i]),
      );
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
