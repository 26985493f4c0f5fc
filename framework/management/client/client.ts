import {
  releaseOf,
  VDPA_CMD,
  VDPA_FAMILY,
  type VdpaCommand,
  type VdpaRelease,
} from '../../../specs/vdpa/netlink.ts';
import {
  AttributeWriter,
  fromLittleEndian,
  type NlAttribute,
  readAttributes,
  textOf,
} from '../../netlink/attribute.ts';
import { CTRL_ATTR, CTRL_CMD, NLCTRL } from '../../netlink/control.ts';
import { GENL_HDRLEN } from '../../netlink/family.ts';
import type { NetlinkSocket } from '../../netlink/kernel.ts';
import {
  align4,
  NLM_F,
  NLMSG,
  NLMSG_HDRLEN,
  NLMSGERR_ATTR,
  type NlMessage,
  putMessage,
  readMessages,
} from '../../netlink/message.ts';

/** A message of the family that came back. */
export interface Answer {
  readonly command: number;
  readonly version: number;
  /** Header flags. */
  readonly flags: number;
  readonly attributes: readonly NlAttribute[];
}

/** What a request led to. */
export interface Outcome {
  /** Positive errno; 0 for success. */
  readonly errno: number;
  /** Text of the extended acknowledgement. */
  readonly text?: string;
  /** Offset of the attribute to blame. */
  readonly offset?: number;
  readonly answers: readonly Answer[];
  /** How it ended: with an acknowledgement, with the end of a dump, or not at all. */
  readonly end: 'ack' | 'done' | null;
  /** Messages with another sequence number or port id, or of another type, or after the end. */
  readonly strays: number;
}

/** The kernel has no family `vdpa`, or the answer to the question was no answer. */
export class FamilyError extends Error {
  readonly code = 'NO_FAMILY';
}

/** The family as the kernel reports it. */
export interface FamilyFacts {
  readonly id: number;
  readonly version: number;
  readonly maxattr: number;
  readonly release: VdpaRelease;
  /** Numbers of the commands that exist. */
  readonly commands: readonly number[];
}

/** A user of the family `vdpa` over any socket: of our kernel in process or of a real one. */
export class VdpaClient {
  readonly family: FamilyFacts;
  readonly #socket: NetlinkSocket;
  #seq: number;

  /**
   * Asks for the number of the family first.
   *
   * @param seq sequence number of that question; each further request takes the next
   * @throws FamilyError
   */
  constructor(socket: NetlinkSocket, seq = 1) {
    this.#socket = socket;
    this.#seq = seq;
    this.family = this.#resolve();
  }

  /** Send a request of the family and gather what comes back. */
  request(command: VdpaCommand | number, attributes: AttributeWriter, dump = false): Outcome {
    const number = typeof command === 'number' ? command : VDPA_CMD[command];
    return this.send(number, attributes.bytes(), NLM_F.REQUEST | NLM_F.ACK | (dump ? NLM_F.DUMP : 0));
  }

  /** The same with flags and attribute bytes of the caller's choice. */
  send(command: number, attributes: Uint8Array, flags: number): Outcome {
    return this.#exchange(this.family.id, command, VDPA_FAMILY.version, attributes, flags);
  }

  #resolve(): FamilyFacts {
    const question = new AttributeWriter().string(CTRL_ATTR.FAMILY_NAME, VDPA_FAMILY.name).bytes();
    const flags = NLM_F.REQUEST | NLM_F.ACK;
    const { errno, answers } = this.#exchange(NLCTRL.id, CTRL_CMD.GETFAMILY, 1, question, flags);
    const found = answers.at(0)?.attributes ?? [];
    const number = (type: number) => {
      const attribute = found.find((one) => one.type === type);
      return attribute === undefined ? undefined : Number(fromLittleEndian(attribute.payload));
    };
    const id = number(CTRL_ATTR.FAMILY_ID);
    if (errno !== 0 || id === undefined) throw new FamilyError('the kernel has no netlink family vdpa');
    const ops = found.find((one) => one.type === CTRL_ATTR.OPS)?.payload ?? new Uint8Array(0);
    const maxattr = number(CTRL_ATTR.MAXATTR) ?? 0;
    return {
      id,
      version: number(CTRL_ATTR.VERSION) ?? 0,
      maxattr,
      release: releaseOf(maxattr),
      commands: readAttributes(ops).attributes.flatMap(({ payload }) =>
        readAttributes(payload)
          .attributes.filter(({ type }) => type === CTRL_ATTR.OP_ID)
          .map((one) => Number(fromLittleEndian(one.payload))),
      ),
    };
  }

  #exchange(type: number, command: number, version: number, attributes: Uint8Array, flags: number): Outcome {
    const payload = new Uint8Array(GENL_HDRLEN + attributes.length);
    payload[0] = command;
    payload[1] = version;
    payload.set(attributes, GENL_HDRLEN);
    const seq = this.#seq++ >>> 0;
    const datagrams = this.#socket.exchange(putMessage({ type, flags, seq, pid: 0 }, payload));
    const all = datagrams.flatMap(readMessages);
    const messages = all.filter((one) => one.seq === seq && one.pid === this.#socket.portId);
    const at = messages.findIndex((one) => one.type === NLMSG.ERROR || one.type === NLMSG.DONE);
    const before = at < 0 ? messages : messages.slice(0, at);
    const answers = before.filter((one) => one.type === type).map(answerOf);
    const strays = all.length - answers.length - (at < 0 ? 0 : 1);
    if (at < 0) return { errno: 0, answers, end: null, strays };
    const end = messages[at].type === NLMSG.DONE ? 'done' : 'ack';
    return { ...endOf(messages[at]), answers, end, strays };
  }
}

function answerOf({ payload, flags }: NlMessage): Answer {
  const { attributes } = readAttributes(payload.subarray(GENL_HDRLEN));
  return { command: payload[0], version: payload[1], flags, attributes };
}

/** What an acknowledgement, or the end of a dump, says. */
function endOf({ type, flags, payload }: NlMessage): Pick<Outcome, 'errno' | 'text' | 'offset'> {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const errno = payload.length < 4 ? 0 : -view.getInt32(0, true);
  if ((flags & NLM_F.ACK_TLVS) === 0) return { errno };
  let at = 4;
  if (type === NLMSG.ERROR)
    at += (flags & NLM_F.CAPPED) !== 0 ? NLMSG_HDRLEN : align4(view.getUint32(4, true));
  const { attributes } = readAttributes(payload.subarray(at));
  const text = attributes.find((one) => one.type === NLMSGERR_ATTR.MSG);
  const offset = attributes.find((one) => one.type === NLMSGERR_ATTR.OFFS);
  return {
    errno,
    ...(text === undefined ? {} : { text: textOf(text.payload) }),
    ...(offset === undefined ? {} : { offset: Number(fromLittleEndian(offset.payload)) }),
  };
}
