import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { joinMessages, NLM_F, putMessage } from '../../framework/netlink/message.ts';
import { linuxSystem } from './linux.ts';

interface Step {
  name: string;
  argv: string[];
  exit: number;
  before?: string[][];
  resolve?: { seq: number; port: number };
  request?: string;
  replies?: string[];
}
interface Recording {
  resolve: { request: string; replies: string[] };
  steps: Step[];
}

const { resolve, steps } = JSON.parse(
  readFileSync(new URL('../../tests/fixtures/management/linux-6.1.json', import.meta.url), 'utf8'),
) as Recording;

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** The recording of the first exchange holds zeros for sequence number and port id. */
function numbered(hex: string, seq: number, port: number, echo: boolean): Uint8Array {
  const bytes = bytesOf(hex);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, seq, true);
  view.setUint32(12, port, true);
  if (echo) view.setUint32(28, seq, true);
  return bytes;
}

describe('the netlink family vdpa, in process', () => {
  const { kernel, management } = linuxSystem('6.1');
  const open = (portId: number) => kernel.open({ portId, extendedAck: true, cappedAck: true });

  it('has a recording of every exchange to compare with', () => {
    expect(steps).toHaveLength(104);
    expect(steps.filter(({ request }) => request !== undefined)).toHaveLength(89);
  });

  it.each(steps.filter((step) => step.resolve !== undefined))(
    '$name: replies as Linux 6.1 does, byte for byte',
    (step) => {
      for (const [, command, ...rest] of step.before ?? []) {
        if (command === 'add') management.add({ name: rest[3] }, rest[1], {});
        else management.del(rest[0]);
      }
      const { seq, port } = step.resolve!;
      const socket = open(port);
      const first = socket.exchange(numbered(resolve.request, seq, 0, false)).map(hexOf);
      expect(first).toEqual(resolve.replies.map((hex, i) => hexOf(numbered(hex, seq, port, i === 1))));
      if (step.request === undefined) return;
      // The tool ended by SIGABRT before it had fetched all.
      const replies = socket.exchange(bytesOf(step.request)).map(hexOf);
      const fetched = step.exit === 134 ? replies.slice(0, step.replies!.length) : replies;
      expect(fetched).toEqual(step.replies);
    },
  );

  it('ends with the devices that the recording leaves', () => {
    expect(management.devices()).toEqual([]);
  });
});

describe('the kernel in process', () => {
  const errno = (datagram: Uint8Array) => new DataView(datagram.buffer).getInt32(16, true);
  const request = (type: number, flags: number, payload: number[]) =>
    putMessage({ type, flags, seq: 7, pid: 0 }, Uint8Array.from(payload));

  it('answers messages of one datagram one after the other', () => {
    const socket = linuxSystem('6.1').kernel.open();
    const unknown = request(0x20, NLM_F.REQUEST, [99, 1, 0, 0]);
    const acked = request(0x20, NLM_F.REQUEST | NLM_F.ACK, [2, 1, 0, 0]);
    const replies = socket.exchange(joinMessages([unknown, acked]));
    expect(replies.map(errno)).toEqual([-95, -22]);
  });

  it('repeats the whole request after an error unless asked not to', () => {
    const socket = linuxSystem('6.1').kernel.open();
    const [reply] = socket.exchange(request(0x20, NLM_F.REQUEST, [99, 1, 0, 0]));
    expect(reply.length).toBe(16 + 4 + 20);
    expect(new DataView(reply.buffer).getUint16(6, true)).toBe(0);
  });

  it('refuses a type that no family has, and ignores what is no request', () => {
    const socket = linuxSystem('6.1').kernel.open();
    expect(socket.exchange(request(0x77, NLM_F.REQUEST, [1, 1, 0, 0])).map(errno)).toEqual([-2]);
    expect(socket.exchange(request(0x77, 0, [1, 1, 0, 0]))).toEqual([]);
    expect(socket.exchange(request(0x77, NLM_F.ACK, [1, 1, 0, 0])).map(errno)).toEqual([0]);
    expect(socket.exchange(new Uint8Array(15))).toEqual([]);
  });

  it('keeps administration for administrators, before it looks at anything else', () => {
    const socket = linuxSystem('6.1').kernel.open({ admin: false });
    expect(socket.exchange(request(0x20, NLM_F.REQUEST, [3, 1, 0, 0])).map(errno)).toEqual([-1]);
    expect(socket.exchange(request(0x20, NLM_F.REQUEST, [5, 1, 0, 0])).map(errno)).toEqual([-22]);
  });
});
