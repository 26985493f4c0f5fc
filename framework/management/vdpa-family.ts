import { attributeId, MIN_MTU, VDPA_CMD, VDPA_FAMILY, VDPA_MAXATTR } from '../../specs/vdpa/netlink.ts';
import { fromLittleEndian, textOf } from '../netlink/attribute.ts';
import type { GenlFamily, GenlOp, GenlReply, GenlRequest } from '../netlink/family.ts';
import { NL_ERRNO as E, NetlinkError } from '../netlink/netlink-error.ts';
import type { AttributePolicy, Policy } from '../netlink/policy.ts';
import type { ManagedDevice, Management, ManagementHandle } from './management.ts';
import type { DeviceAttributes } from './management-device.ts';
import { ManagementError } from './management-error.ts';
import { describeConfig, describeDevice, describeManagementDevice, describeStatistics } from './queries.ts';

const ID = {
  bus: attributeId('mgmtdev-bus-name'),
  mgmtdev: attributeId('mgmtdev-dev-name'),
  name: attributeId('dev-name'),
  mac: attributeId('dev-net-cfg-macaddr'),
  pairs: attributeId('dev-net-cfg-max-vqp'),
  mtu: attributeId('dev-net-cfg-mtu'),
  queue: attributeId('dev-queue-index'),
  features: attributeId('dev-features'),
} as const;

const POLICY: Policy = new Map<number, AttributePolicy>([
  [ID.bus, { type: 'nul-string' }],
  [ID.mgmtdev, { type: 'string' }],
  [ID.name, { type: 'string' }],
  [ID.mac, { type: 'binary', exact: 6 }],
  [ID.pairs, { type: 'u16' }],
  [ID.mtu, { type: 'u16', min: MIN_MTU }],
  [ID.queue, { type: 'u32' }],
  [ID.features, { type: 'u64' }],
]);

/** Number that the family gets by default: the first that is free after those of the kernel itself. */
const FAMILY_ID = 0x20;

/** The family `vdpa` over a management layer: requests in, replies out, as `vdpa.c` gives them. */
export function vdpaFamily(management: Management, id = FAMILY_ID): GenlFamily {
  const { release } = management;
  const ops = commands(management);
  return {
    ...VDPA_FAMILY,
    id,
    maxattr: VDPA_MAXATTR[release],
    policy: new Map(POLICY),
    reservedFrom: VDPA_CMD['dev-vstats-get'] + 1,
    ops: release === '6.1' ? ops.filter(({ command }) => command !== VDPA_CMD['dev-attr-set']) : ops,
  };
}

function commands(management: Management): GenlOp[] {
  const { release } = management;
  return [
    {
      command: VDPA_CMD['mgmtdev-get'],
      do: told((request) =>
        reply(
          'mgmtdev-new',
          describeManagementDevice(
            management.find(handleOf(request), 'Fail to find the specified mgmt device'),
          ),
        ),
      ),
      dump(index) {
        const device = management.managementDevices()[index];
        return device === undefined ? null : reply('mgmtdev-new', describeManagementDevice(device));
      },
    },
    {
      command: VDPA_CMD['dev-new'],
      admin: true,
      do: told((request) => {
        management.add(handleOf(request), nameOf(request), attributesOf(request), request.admin);
        return null;
      }),
    },
    {
      command: VDPA_CMD['dev-del'],
      admin: true,
      do: told((request) => {
        management.del(nameOf(request));
        return null;
      }),
    },
    {
      command: VDPA_CMD['dev-get'],
      do: told((request) => reply('dev-new', describeDevice(managedOf(management, request)))),
      dump: everyDevice(management, (managed) => reply('dev-new', describeDevice(managed))),
    },
    {
      command: VDPA_CMD['dev-config-get'],
      do: told((request) =>
        reply(
          'dev-config-get',
          describeConfig(managedOf(management, request, 'unmanaged vdpa device'), release),
        ),
      ),
      dump: everyDevice(management, (managed) => reply('dev-config-get', describeConfig(managed, release))),
    },
    {
      command: VDPA_CMD['dev-vstats-get'],
      admin: true,
      do: told((request) => {
        const name = nameOf(request);
        const index = request.attributes.get(ID.queue);
        if (index === undefined) throw new ManagementError(E.EINVAL);
        const managed = managedBy(management, name, 'unmanaged vdpa device');
        return reply('dev-vstats-get', describeStatistics(managed, Number(fromLittleEndian(index))));
      }),
    },
    {
      command: VDPA_CMD['dev-attr-set'],
      admin: true,
      do: told((request, note) => {
        const remark = management.set(nameOf(request), attributesOf(request));
        if (remark !== undefined) note(`${PREFIX}${remark}`);
        return null;
      }),
    },
  ];
}

/** What texts of the module begin with. */
const PREFIX = 'vdpa: ';

const reply = (command: keyof typeof VDPA_CMD, attributes: GenlReply['attributes']): GenlReply => ({
  command: VDPA_CMD[command],
  attributes,
});

/** Turn refusals of the management layer into refusals of netlink. */
function refusing<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof ManagementError)) throw error;
    const { errno, text } = error;
    throw new NetlinkError(errno, text === undefined ? {} : { text: `${PREFIX}${text}` });
  }
}

const told =
  (action: NonNullable<GenlOp['do']>): NonNullable<GenlOp['do']> =>
  (request, note) =>
    refusing(() => action(request, note));

/** A dump over managed devices; the others are left out. */
const everyDevice =
  (management: Management, describe: (managed: ManagedDevice) => GenlReply): NonNullable<GenlOp['dump']> =>
  (index) => {
    const managed = management.devices().flatMap(({ name }) => management.managed(name) ?? [])[index];
    return managed === undefined ? null : refusing(() => describe(managed));
  };

function handleOf({ attributes }: GenlRequest): ManagementHandle {
  const bus = attributes.get(ID.bus);
  const name = attributes.get(ID.mgmtdev);
  return {
    ...(bus === undefined ? {} : { bus: textOf(bus) }),
    ...(name === undefined ? {} : { name: textOf(name) }),
  };
}

function nameOf({ attributes }: GenlRequest): string {
  const name = attributes.get(ID.name);
  if (name === undefined) throw new ManagementError(E.EINVAL);
  return textOf(name);
}

const managedOf = (management: Management, request: GenlRequest, unmanaged?: string): ManagedDevice =>
  managedBy(management, nameOf(request), unmanaged);

function managedBy(management: Management, name: string, unmanaged?: string): ManagedDevice {
  management.device(name);
  const managed = management.managed(name);
  if (managed === undefined) throw new ManagementError(E.EINVAL, unmanaged);
  return managed;
}

function attributesOf({ attributes }: GenlRequest): DeviceAttributes {
  const mac = attributes.get(ID.mac);
  const number = (id: number) => {
    const payload = attributes.get(id);
    return payload === undefined ? undefined : Number(fromLittleEndian(payload));
  };
  const features = attributes.get(ID.features);
  const mtu = number(ID.mtu);
  const maxVqPairs = number(ID.pairs);
  return {
    ...(features === undefined ? {} : { features: fromLittleEndian(features) }),
    ...(mac === undefined ? {} : { mac: mac.slice() }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(maxVqPairs === undefined ? {} : { maxVqPairs }),
  };
}
