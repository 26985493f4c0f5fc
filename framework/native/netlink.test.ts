import { expect, it } from 'vitest';
import { AttributeWriter, fromLittleEndian, readAttributes } from '../netlink/attribute.ts';
import { CTRL_ATTR, CTRL_CMD, NLCTRL } from '../netlink/control.ts';
import { NLM_F, NLMSG, putMessage, readMessages } from '../netlink/message.ts';
import { openNetlink } from './netlink.ts';

const linux = process.platform === 'linux';

/** A question about a family, or with `dump` about all. */
function question(name: string | null, flags: number): Uint8Array {
  const attributes =
    name === null ? new Uint8Array(0) : new AttributeWriter().string(CTRL_ATTR.FAMILY_NAME, name).bytes();
  const payload = Uint8Array.of(CTRL_CMD.GETFAMILY, 1, 0, 0, ...attributes);
  return putMessage({ type: NLCTRL.id, flags, seq: 5, pid: 0 }, payload);
}

it.runIf(linux)('a netlink socket brings back reply and acknowledgement of this kernel', () => {
  const socket = openNetlink();
  try {
    const messages = socket.exchange(question(NLCTRL.name, NLM_F.REQUEST | NLM_F.ACK)).flatMap(readMessages);
    expect(messages.map(({ type }) => type)).toEqual([NLCTRL.id, NLMSG.ERROR]);
    expect(messages.map(({ pid }) => pid)).toEqual([socket.portId, socket.portId]);
    const { attributes } = readAttributes(messages[0].payload.subarray(4));
    const id = attributes.find(({ type }) => type === CTRL_ATTR.FAMILY_ID)!;
    expect(fromLittleEndian(id.payload)).toBe(BigInt(NLCTRL.id));
  } finally {
    socket.dispose();
  }
});

it.runIf(linux)('a netlink socket fetches a dump to its end', () => {
  const socket = openNetlink();
  try {
    const messages = socket.exchange(question(null, NLM_F.REQUEST | NLM_F.DUMP)).flatMap(readMessages);
    expect(messages.at(-1)?.type).toBe(NLMSG.DONE);
    expect(messages.length).toBeGreaterThan(1);
  } finally {
    socket.dispose();
  }
});
