import { AttributeWriter, NLA_F_NESTED } from './attribute.ts';
import { align4, NLM_F, NLMSG, NLMSG_HDRLEN, NLMSGERR_ATTR, type NlMessage, putMessage } from './message.ts';
import type { ExtendedAck } from './netlink-error.ts';

/** What of a socket shapes its acknowledgements. */
export interface AckSettings {
  readonly portId: number;
  readonly extendedAck: boolean;
  readonly cappedAck: boolean;
}

/**
 * The acknowledgement of a request (`struct nlmsgerr`): minus the errno or 0, the request's header, on an
 * error the whole request unless acknowledgements are capped, then attributes if the socket wants them.
 */
export function acknowledge(
  request: NlMessage,
  errno: number,
  ack: ExtendedAck,
  settings: AckSettings,
): Uint8Array {
  const capped = errno === 0 || settings.cappedAck;
  const echo = capped ? request.bytes.subarray(0, NLMSG_HDRLEN) : request.bytes;
  const attributes = settings.extendedAck ? ackAttributes(errno, ack) : new AttributeWriter();
  const payload = new Uint8Array(4 + align4(echo.length) + attributes.length);
  new DataView(payload.buffer).setInt32(0, -errno, true);
  payload.set(echo, 4);
  payload.set(attributes.bytes(), 4 + align4(echo.length));
  const flags = (capped ? NLM_F.CAPPED : 0) | (attributes.length > 0 ? NLM_F.ACK_TLVS : 0);
  return putMessage({ type: NLMSG.ERROR, flags, seq: request.seq, pid: settings.portId }, payload);
}

function ackAttributes(errno: number, { text, offset, policy }: ExtendedAck): AttributeWriter {
  const writer = new AttributeWriter();
  if (text !== undefined) writer.string(NLMSGERR_ATTR.MSG, text);
  if (errno !== 0 && offset !== undefined) writer.u32(NLMSGERR_ATTR.OFFS, offset);
  if (errno !== 0 && policy !== undefined) writer.put(NLMSGERR_ATTR.POLICY | NLA_F_NESTED, policy);
  return writer;
}

/** The message that ends a dump, with result 0. */
export function dumpDone(request: NlMessage, portId: number): Uint8Array {
  return putMessage(
    { type: NLMSG.DONE, flags: NLM_F.MULTI, seq: request.seq, pid: portId },
    new Uint8Array(4),
  );
}
