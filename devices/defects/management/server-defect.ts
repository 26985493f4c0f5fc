import type { ManagementAccess } from '../../../framework/management/access.ts';
import type { Management } from '../../../framework/management/management.ts';
import { AttributeWriter, type NlAttribute, readAttributes } from '../../../framework/netlink/attribute.ts';
import type { GenlOp, GenlReply } from '../../../framework/netlink/family.ts';
import { NLMSG, readMessages } from '../../../framework/netlink/message.ts';
import {
  attributeId,
  VDPA_CMD,
  type VdpaAttributeName,
  type VdpaCommand,
} from '../../../specs/vdpa/netlink.ts';
import type { ManagedInstance } from '../../management/parent.ts';
import { type Defect, defineDefect } from '../defect.ts';

export type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A wrong management server; the origin is the inverted rule. */
export const server = (
  id: string,
  breaks: string[],
  what: string,
  seed: (instance: ManagedInstance) => void,
): Defect =>
  defineDefect({
    id: `management/${id}`,
    parents: ['management'],
    breaks: breaks.map((number) => `VDPA-${number}`),
    what,
    origin: 'text inverted',
    seenBy: 'expectation',
    fuzz: 'random steps send no management requests',
    seed: (_, instance) => seed(instance as ManagedInstance),
  });

/** The op of a command, open to change. */
export function opOf({ system }: ManagedInstance, command: VdpaCommand): Writable<GenlOp> {
  return system.family.ops.find((one) => one.command === VDPA_CMD[command])!;
}

/** Change the attributes of every answer to a command. */
export function onAnswers(
  instance: ManagedInstance,
  command: VdpaCommand,
  change: (attributes: NlAttribute[]) => readonly Pick<NlAttribute, 'type' | 'payload'>[],
): void {
  const op = opOf(instance, command);
  const { do: one, dump } = op;
  const changed = (reply: GenlReply | null): GenlReply | null => {
    if (reply === null) return null;
    const writer = new AttributeWriter();
    const { attributes } = readAttributes(reply.attributes.bytes());
    for (const { type, payload } of change([...attributes])) writer.put(type, payload);
    return { ...reply, attributes: writer };
  };
  op.do = (request, note) => changed(one!(request, note));
  if (dump) op.dump = (index, request) => changed(dump(index, request));
}

export const without = (name: VdpaAttributeName) => (all: NlAttribute[]) =>
  all.filter(({ type }) => type !== attributeId(name));

/** Change what goes back to the sender: one message of a datagram at a time, or leave it out with null. */
export function onMessages(
  { management }: ManagedInstance,
  change: (bytes: Uint8Array, view: DataView, type: number) => Uint8Array | null,
): void {
  const access = management as Writable<ManagementAccess>;
  const { open } = access;
  access.open = (options) => {
    const socket = open(options)!;
    return {
      portId: socket.portId,
      exchange: (datagram) =>
        socket.exchange(datagram).flatMap((answer) =>
          readMessages(answer).flatMap(({ bytes, type }) => {
            const copy = bytes.slice();
            return change(copy, new DataView(copy.buffer), type) ?? [];
          }),
        ),
    };
  };
}

export const isAnswer = (type: number) => type > NLMSG.MIN_TYPE;

/** Change what is asked for before a device is added. */
export function onAdd(
  { system }: ManagedInstance,
  change: (args: Parameters<Management['add']>, management: Management) => Parameters<Management['add']>,
): void {
  const { management } = system;
  const { add } = management;
  management.add = (...args) => add.apply(management, change(args, management));
}

/** Wrap the answer to one command. */
export function around(
  instance: ManagedInstance,
  command: VdpaCommand,
  wrap: (action: NonNullable<GenlOp['do']>) => NonNullable<GenlOp['do']>,
): void {
  const op = opOf(instance, command);
  op.do = wrap(op.do!);
}

export const emptyAnswer = (command: VdpaCommand): GenlReply => ({
  command: VDPA_CMD[command],
  attributes: new AttributeWriter().string(attributeId('dev-name'), ''),
});
