import { ERRNO } from '../device.ts';
import { acknowledge, dumpDone } from './acknowledge.ts';
import { readAttributes } from './attribute.ts';
import { controlFamily } from './control.ts';
import { GENL_HDRLEN, type GenlFamily, type GenlOp, type GenlReply, type GenlRequest } from './family.ts';
import {
  align4,
  joinMessages,
  NLM_F,
  NLMSG,
  NLMSG_HDRLEN,
  type NlMessage,
  putMessage,
  readMessages,
} from './message.ts';
import { type ExtendedAck, NetlinkError } from './netlink-error.ts';
import { parseStrictly } from './policy.ts';

/** Settings of one socket; the defaults are those of a fresh socket of root. */
export interface SocketOptions {
  /** Port id, which replies carry (default 1). */
  readonly portId?: number;
  /** CAP_NET_ADMIN (default true). */
  readonly admin?: boolean;
  /** NETLINK_EXT_ACK: acknowledgements may carry attributes (default false). */
  readonly extendedAck?: boolean;
  /** NETLINK_CAP_ACK: acknowledgements of errors do not repeat the request (default false). */
  readonly cappedAck?: boolean;
  /** Bytes of a dump that go into one datagram (default 16 KiB). */
  readonly dumpSize?: number;
}

/** Something that takes a datagram to a kernel and brings back what it answers, in order. */
export interface NetlinkSocket {
  exchange(datagram: Uint8Array): Uint8Array[];
  /** Close it; in process there is nothing to close. */
  dispose?(): void;
  /** Port id of the socket. */
  readonly portId: number;
}

const OPEN = { portId: 1, admin: true, extendedAck: false, cappedAck: false, dumpSize: 16_384 };

/**
 * The kernel's side of generic netlink, in process: bytes in, bytes out. It does what `af_netlink.c` and
 * `genetlink.c` do with a request, in their order, so that errors come out with the same number and text.
 */
export class NetlinkKernel {
  readonly #families = new Map<number, GenlFamily>();

  constructor(families: readonly GenlFamily[]) {
    const control = controlFamily(() => this.#families.values());
    for (const family of [control, ...families]) this.#families.set(family.id, family);
  }

  /** A socket of a process. */
  open(options: SocketOptions = {}): NetlinkSocket {
    const settings = { ...OPEN, ...options };
    return {
      portId: settings.portId,
      exchange: (datagram) => readMessages(datagram).flatMap((one) => this.#receive(one, settings)),
    };
  }

  #receive(message: NlMessage, settings: typeof OPEN): Uint8Array[] {
    const replies: Uint8Array[] = [];
    let errno = 0;
    let ack: ExtendedAck = {};
    let dumped = false;
    if ((message.flags & NLM_F.REQUEST) !== 0 && message.type >= NLMSG.MIN_TYPE) {
      try {
        const answer = this.#serve(message, settings, replies);
        dumped = answer.dumped;
        ack = answer.ack;
      } catch (error) {
        if (!(error instanceof NetlinkError)) throw error;
        ({ errno, ack } = error);
      }
    }
    if (!dumped && (errno !== 0 || (message.flags & NLM_F.ACK) !== 0))
      replies.push(acknowledge(message, errno, ack, settings));
    return replies;
  }

  #serve(message: NlMessage, settings: typeof OPEN, replies: Uint8Array[]) {
    const family = this.#families.get(message.type);
    if (family === undefined) throw new NetlinkError(ERRNO.ENOENT);
    if (message.payload.length < GENL_HDRLEN) throw new NetlinkError(ERRNO.EINVAL);
    const command = message.payload[0];
    if (command >= family.reservedFrom) checkHeader(message);
    const op = family.ops.find((one) => one.command === command);
    if (op === undefined) throw new NetlinkError(ERRNO.EOPNOTSUPP);
    if (op.admin && !settings.admin) throw new NetlinkError(ERRNO.EPERM);
    const dump = (message.flags & NLM_F.DUMP) === NLM_F.DUMP;
    if ((dump ? op.dump : op.do) === undefined) throw new NetlinkError(ERRNO.EOPNOTSUPP);
    const request: GenlRequest = {
      command,
      attributes: attributesOf(message, family),
      admin: settings.admin,
    };
    const put = (reply: GenlReply, flags: number) =>
      putReply(reply, family, { type: family.id, flags, seq: message.seq, pid: settings.portId });
    if (dump) {
      replies.push(...dumpAll(op, request, (reply) => put(reply, NLM_F.MULTI), settings.dumpSize));
      replies.push(dumpDone(message, settings.portId));
      return { dumped: true, ack: {} };
    }
    let ack: ExtendedAck = {};
    const reply = op.do!(request, (text) => {
      ack = { text };
    });
    if (reply !== null) replies.push(put(reply, 0));
    return { dumped: false, ack };
  }
}

/** What commands that were added late check of their header (`genl_header_check`). */
function checkHeader({ payload, flags }: NlMessage): void {
  if ((payload[2] | payload[3]) !== 0)
    throw new NetlinkError(ERRNO.EINVAL, { text: 'genlmsghdr.reserved field is not 0' });
  const rest = (flags & NLM_F.DUMP) === NLM_F.DUMP ? flags & ~NLM_F.DUMP : flags;
  if ((rest & ~(NLM_F.REQUEST | NLM_F.ACK | NLM_F.ECHO)) !== 0)
    throw new NetlinkError(ERRNO.EINVAL, { text: 'ambiguous or reserved bits set in nlmsg_flags' });
}

function attributesOf(message: NlMessage, family: GenlFamily): ReadonlyMap<number, Uint8Array> {
  const bytes = message.payload.subarray(GENL_HDRLEN);
  if (!family.liberal) return parseStrictly(bytes, NLMSG_HDRLEN + GENL_HDRLEN, family.policy, family.maxattr);
  return new Map(readAttributes(bytes).attributes.map(({ type, payload }) => [type, payload]));
}

function putReply(
  { command, attributes }: GenlReply,
  family: GenlFamily,
  header: Parameters<typeof putMessage>[0],
): Uint8Array {
  const payload = new Uint8Array(GENL_HDRLEN + attributes.length);
  payload[0] = command;
  payload[1] = family.version;
  payload.set(attributes.bytes(), GENL_HDRLEN);
  return putMessage(header, payload);
}

/**
 * The datagrams of a dump, the final one excepted. An entry that is refused ends the datagram; the next one
 * starts at that entry, and when it still cannot be told the dump is over, as if it had been the last.
 */
function dumpAll(
  op: GenlOp,
  request: GenlRequest,
  put: (reply: GenlReply) => Uint8Array,
  size: number,
): Uint8Array[] {
  const datagrams: Uint8Array[] = [];
  let index = 0;
  for (;;) {
    const messages: Uint8Array[] = [];
    let used = 0;
    for (;;) {
      const reply = entry(op, index, request);
      if (reply === null) break;
      const message = put(reply);
      if (used + align4(message.length) > size) break;
      messages.push(message);
      used += align4(message.length);
      index++;
    }
    if (messages.length === 0) return datagrams;
    datagrams.push(joinMessages(messages));
  }
}

function entry(op: GenlOp, index: number, request: GenlRequest): GenlReply | null {
  try {
    return op.dump!(index, request);
  } catch (error) {
    if (error instanceof NetlinkError) return null;
    throw error;
  }
}
