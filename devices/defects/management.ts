import type { ManagementAccess } from '../../framework/management/access.ts';
import type { Management } from '../../framework/management/management.ts';
import { ManagementError } from '../../framework/management/management-error.ts';
import {
  AttributeWriter,
  littleEndian,
  type NlAttribute,
  readAttributes,
} from '../../framework/netlink/attribute.ts';
import type { GenlFamily, GenlOp, GenlReply } from '../../framework/netlink/family.ts';
import { NLM_F, NLMSG, readMessages } from '../../framework/netlink/message.ts';
import { NL_ERRNO as E, NetlinkError } from '../../framework/netlink/netlink-error.ts';
import { attributeId, VDPA_CMD, type VdpaAttributeName, type VdpaCommand } from '../../specs/vdpa/netlink.ts';
import { NET_F } from '../../specs/virtio-1.1/features.ts';
import type { ManagedInstance } from '../management/parent.ts';
import { type Defect, defineDefect } from './defect.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A wrong management server; the origin is the inverted rule. */
const server = (
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
function opOf({ system }: ManagedInstance, command: VdpaCommand): Writable<GenlOp> {
  return system.family.ops.find((one) => one.command === VDPA_CMD[command])!;
}

/** Change the attributes of every answer to a command. */
function onAnswers(
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

const without = (name: VdpaAttributeName) => (all: NlAttribute[]) =>
  all.filter(({ type }) => type !== attributeId(name));

/** Change what goes back to the sender: one message of a datagram at a time, or leave it out with null. */
function onMessages(
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

const isAnswer = (type: number) => type > NLMSG.MIN_TYPE;

/** Change what is asked for before a device is added. */
function onAdd(
  { system }: ManagedInstance,
  change: (args: Parameters<Management['add']>, management: Management) => Parameters<Management['add']>,
): void {
  const { management } = system;
  const { add } = management;
  management.add = (...args) => add.apply(management, change(args, management));
}

/** Wrap the answer to one command. */
function around(
  instance: ManagedInstance,
  command: VdpaCommand,
  wrap: (action: NonNullable<GenlOp['do']>) => NonNullable<GenlOp['do']>,
): void {
  const op = opOf(instance, command);
  op.do = wrap(op.do!);
}

const emptyAnswer = (command: VdpaCommand): GenlReply => ({
  command: VDPA_CMD[command],
  attributes: new AttributeWriter().string(attributeId('dev-name'), ''),
});

/** Wrong management servers: exchanges. */
const EXCHANGES: readonly Defect[] = [
  server('other-sequence', ['M01'], 'answers with the sequence number of the next request', (instance) =>
    onMessages(instance, (bytes, view, type) => {
      if (isAnswer(type)) view.setUint32(8, view.getUint32(8, true) + 1, true);
      return bytes;
    }),
  ),
  server('port-zero', ['M01'], 'answers without the port id of the socket', (instance) =>
    onMessages(instance, (bytes, view, type) => {
      if (isAnswer(type)) view.setUint32(12, 0, true);
      return bytes;
    }),
  ),
  server('no-acknowledgement', ['M02'], 'leaves out the acknowledgement of a success', (instance) =>
    onMessages(instance, (bytes, view, type) =>
      type === NLMSG.ERROR && view.getInt32(16, true) === 0 ? null : bytes,
    ),
  ),
  server('dump-without-end', ['M03'], 'ends a dump without DONE', (instance) =>
    onMessages(instance, (bytes, _, type) => (type === NLMSG.DONE ? null : bytes)),
  ),
  server('dump-unmarked', ['M03'], 'does not mark the parts of a dump', (instance) =>
    onMessages(instance, (bytes, view, type) => {
      if (isAnswer(type)) view.setUint16(6, view.getUint16(6, true) & ~NLM_F.MULTI, true);
      return bytes;
    }),
  ),
  server('other-version', ['M04'], 'calls itself version 2', ({ system }) => {
    (system.family as Writable<GenlFamily>).version = 2;
  }),
  server('mtu-unchecked', ['M05'], 'accepts an MTU below 68', ({ system }) => {
    (system.family.policy as Map<number, unknown>).set(attributeId('dev-net-cfg-mtu'), { type: 'u16' });
  }),
  server('attributes-unchecked', ['M05'], 'takes attributes as they come', ({ system }) => {
    (system.family as Writable<GenlFamily>).liberal = true;
  }),
  server('anybody-adds', ['M06'], 'adds devices for everybody', (instance) => {
    opOf(instance, 'dev-new').admin = false;
  }),
  server('queries-need-rights', ['M06'], 'answers administrators only', (instance) => {
    opOf(instance, 'dev-config-get').admin = true;
  }),
  server('unknown-command', ['M07'], 'acknowledges a command that does not exist', ({ system }) => {
    (system.family.ops as GenlOp[]).push({ command: 9, do: () => null });
  }),
];

/** Wrong management servers: management devices. */
const MANAGEMENT_DEVICES: readonly Defect[] = [
  server('features-untold', ['M11'], 'does not tell the features of a management device', (instance) =>
    onAnswers(instance, 'mgmtdev-get', without('dev-supported-features')),
  ),
  server('classes-shifted', ['M11'], 'counts device types from 0', (instance) =>
    onAnswers(instance, 'mgmtdev-get', (all) =>
      all.map((one) =>
        one.type === attributeId('mgmtdev-supported-classes')
          ? { type: one.type, payload: one.payload.map((byte) => byte >> 1) }
          : one,
      ),
    ),
  ),
  server('lists-twice', ['M12'], 'lists every management device twice', (instance) => {
    const op = opOf(instance, 'mgmtdev-get');
    const { dump } = op;
    op.dump = (index, request) => dump!(index >> 1, request);
  }),
  server('refusal-without-text', ['M13', 'M23'], 'refuses without saying why', ({ system }) => {
    const { management } = system;
    const { find } = management;
    management.find = (handle) => {
      try {
        return find.call(management, handle, '');
      } catch (error) {
        throw new ManagementError((error as ManagementError).errno);
      }
    };
  }),
  server(
    'prefix-suffices',
    ['M13'],
    'finds a management device by the beginning of its name',
    ({ system }) => {
      const { management } = system;
      const { find } = management;
      management.find = ({ bus, name }, text) => {
        const long = management
          .managementDevices()
          .find((one) => name !== undefined && one.name.startsWith(name));
        return find.call(management, { bus, name: long?.name ?? name }, text);
      };
    },
  ),
  server('bus-ignored', ['M14'], 'finds a management device with any bus', ({ system }) => {
    const { management } = system;
    const { find } = management;
    management.find = ({ name }, text) => find.call(management, { name }, text);
  }),
];

/** Wrong management servers: adding. */
const ADDING: readonly Defect[] = [
  server('last-unlisted', ['M21', 'M42'], 'leaves the last device out of a dump', (instance) => {
    const op = opOf(instance, 'dev-get');
    const { dump } = op;
    op.dump = (index, request) => (dump!(index + 1, request) === null ? null : dump!(index, request));
  }),
  server('takes-names-over', ['M22'], 'gives a name that is taken to the new device', (instance) =>
    onAdd(instance, (args, management) => {
      if (management.managed(args[1])) management.del(args[1]);
      return args;
    }),
  ),
  server(
    'default-management-device',
    ['M23'],
    'takes the first management device when none is named',
    (instance) =>
      onAdd(instance, ([handle, ...rest], management) => [
        { ...handle, name: handle.name ?? management.managementDevices()[0].name },
        ...rest,
      ]),
  ),
  server('mac-forgotten', ['M24'], 'forgets the MAC address', (instance) =>
    onAdd(instance, ([handle, name, { mac: _, ...rest }, admin]) => [handle, name, rest, admin]),
  ),
  server('mtu-forgotten', ['M24'], 'forgets the MTU', (instance) =>
    onAdd(instance, ([handle, name, { mtu: _, ...rest }, admin]) => [handle, name, rest, admin]),
  ),
  server(
    'attributes-ignored',
    ['M25'],
    'makes a block device without the attributes that it cannot have',
    (instance) =>
      onAdd(instance, ([handle, name, attributes, admin]) => [
        handle,
        name,
        handle.name === 'vdpasim_blk' ? {} : attributes,
        admin,
      ]),
  ),
  server('zero-pairs', ['M26'], 'takes zero pairs of queues for the default', (instance) =>
    onAdd(instance, ([handle, name, { maxVqPairs, ...rest }, admin]) => [
      handle,
      name,
      maxVqPairs === 0 || maxVqPairs === undefined ? rest : { ...rest, maxVqPairs },
      admin,
    ]),
  ),
  server('features-not-limited', ['M27'], 'offers everything whatever features are asked for', (instance) =>
    onAdd(instance, ([handle, name, { features: _, ...rest }, admin]) => [handle, name, rest, admin]),
  ),
  server('features-masked', ['M27'], 'drops features that it does not have in silence', (instance) =>
    onAdd(instance, ([handle, name, attributes, admin], management) => {
      const { features } = attributes;
      if (features === undefined) return [handle, name, attributes, admin];
      const by = management.managementDevices().find((one) => one.name === handle.name);
      return [handle, name, { ...attributes, features: features & (by?.features ?? 0n) }, admin];
    }),
  ),
  server('features-completed', ['M28'], 'adds the features that attributes need by itself', (instance) =>
    onAdd(instance, ([handle, name, attributes, admin]) => {
      const { features } = attributes;
      const all = features === undefined ? {} : { features: features | NET_F.MAC | NET_F.MTU };
      return [handle, name, { ...attributes, ...all }, admin];
    }),
  ),
  server('slash-kept', ['M29'], 'keeps a slash in a name', ({ system }) => {
    system.management.busName = (name) => name;
  }),
];

/** Wrong management servers: removing and queries. */
const REMOVING: readonly Defect[] = [
  server('removes-nothing', ['M31'], 'keeps a device that was removed', ({ system }) => {
    const { management } = system;
    management.del = (name) => void management.device(name);
  }),
  server('removes-all', ['M31'], 'removes all devices at once', ({ system }) => {
    const { management } = system;
    const { del } = management;
    management.del = (name) => {
      management.device(name);
      for (const one of management.devices()) del.call(management, one.name);
    };
  }),
  server('removes-unknown', ['M32'], 'reports that it removed what did not exist', ({ system }) => {
    const { management } = system;
    const { del } = management;
    management.del = (name) => {
      if (management.managed(name)) del.call(management, name);
    };
  }),
  server('names-used-up', ['M33'], 'never gives a name again', (instance) => {
    const used = new Set<string>();
    onAdd(instance, (args) => {
      if (used.has(args[1])) throw new ManagementError(E.EEXIST);
      used.add(args[1]);
      return args;
    });
  }),
];

const QUERIES: readonly Defect[] = [
  server('smallest-size-untold', ['M41'], 'does not tell the smallest queue size', (instance) =>
    onAnswers(instance, 'dev-get', without('dev-min-vq-size')),
  ),
  server('one-queue-more', ['M41'], 'counts one queue too many', (instance) =>
    onAnswers(instance, 'dev-get', (all) =>
      all.map((one) =>
        one.type === attributeId('dev-max-vqs')
          ? { type: one.type, payload: littleEndian(BigInt(one.payload[0] + 1), 4) }
          : one,
      ),
    ),
  ),
  server('newest-first', ['M42'], 'lists the newest device first', (instance) => {
    const op = opOf(instance, 'dev-get');
    const { dump } = op;
    op.dump = (index, request) => {
      let count = 0;
      while (dump!(count, request) !== null) count++;
      return index < count ? dump!(count - 1 - index, request) : null;
    };
  }),
  server('mtu-without-feature', ['M43'], 'tells an MTU that the device does not offer', (instance) =>
    onAnswers(instance, 'dev-config-get', (all) => {
      const mtu = attributeId('dev-net-cfg-mtu');
      return all.some(({ type }) => type === mtu)
        ? all
        : [...all, { type: mtu, payload: littleEndian(1500n, 2) }];
    }),
  ),
  server('features-too-early', ['M44'], 'tells features in force before there are any', (instance) =>
    onAnswers(instance, 'dev-config-get', (all) => {
      const features = attributeId('dev-negotiated-features');
      if (all.some(({ type }) => type === features)) return all;
      return [...all.slice(0, 2), { type: features, payload: littleEndian(0n, 8) }, ...all.slice(2)];
    }),
  ),
  server('features-never-told', ['M44'], 'never tells the features in force', (instance) =>
    onAnswers(instance, 'dev-config-get', without('dev-negotiated-features')),
  ),
  server('capacity-in-bytes', ['M45'], 'tells the capacity in bytes', (instance) =>
    onAnswers(instance, 'dev-config-get', (all) =>
      all.map((one) =>
        one.type === attributeId('dev-blk-cfg-capacity')
          ? { type: one.type, payload: littleEndian(0x4_0000n * 512n, 8) }
          : one,
      ),
    ),
  ),
  server(
    'unknown-is-empty',
    ['M46'],
    'answers a query for an unknown device with an empty one',
    (instance) => {
      for (const command of ['dev-get', 'dev-config-get'] as const)
        around(instance, command, (action) => (request, note) => {
          try {
            return action(request, note);
          } catch (error) {
            if (error instanceof NetlinkError && error.errno === E.ENODEV) return emptyAnswer(command);
            throw error;
          }
        });
    },
  ),
];

/** Ask for the statistics of queue `index` instead. */
const askForQueue = (instance: ManagedInstance, choose: (index: Uint8Array | undefined) => number | null) =>
  around(instance, 'dev-vstats-get', (action) => (request, note) => {
    const queue = attributeId('dev-queue-index');
    const index = choose(request.attributes.get(queue));
    if (index === null) return action(request, note);
    const attributes = new Map(request.attributes).set(queue, littleEndian(BigInt(index), 4));
    return action({ ...request, attributes }, note);
  });

const STATISTICS: readonly Defect[] = [
  server('queue-0-by-default', ['M51'], 'takes queue 0 when none is named', (instance) =>
    askForQueue(instance, (index) => (index === undefined ? 0 : null)),
  ),
  server('index-cut-off', ['M52'], 'looks at the low 15 bits of a queue index only', (instance) =>
    askForQueue(instance, (index) => (index === undefined ? null : (index[0] | (index[1] << 8)) & 0x7fff)),
  ),
  server('statistics-too-early', ['M53'], 'answers without statistics before negotiation', (instance) =>
    around(instance, 'dev-vstats-get', (action) => (request, note) => {
      try {
        return action(request, note);
      } catch (error) {
        if (error instanceof NetlinkError && error.errno === E.EAGAIN) return emptyAnswer('dev-vstats-get');
        throw error;
      }
    }),
  ),
  server('names-without-values', ['M54'], 'tells the names of statistics without their values', (instance) =>
    onAnswers(instance, 'dev-vstats-get', without('dev-vendor-attr-value')),
  ),
  server('set-mac-forgotten', ['M55'], 'acknowledges a MAC address and keeps the old one', ({ system }) => {
    system.management.set = () => undefined;
  }),
  server('group-address-set', ['M56'], 'sets a group address', ({ system }) => {
    const { management } = system;
    management.set = (name, attributes) => {
      const { by, instance } = management.managed(name)!;
      if (attributes.mac === undefined) throw new ManagementError(E.EOPNOTSUPP);
      by.devSetAttributes!(instance, attributes);
      return undefined;
    };
  }),
];

/** Management servers that are wrong in one place each. */
export const MANAGEMENT_DEFECTS: readonly Defect[] = [
  ...EXCHANGES,
  ...MANAGEMENT_DEVICES,
  ...ADDING,
  ...REMOVING,
  ...QUERIES,
  ...STATISTICS,
];
