import { ManagementError } from '../../../framework/management/management-error.ts';
import { NL_ERRNO as E } from '../../../framework/netlink/netlink-error.ts';
import { NET_F } from '../../../specs/virtio-1.1/features.ts';
import type { Defect } from '../defect.ts';
import { onAdd, opOf, server } from './server-defect.ts';

/** Wrong management servers: adding. */
export const ADDING: readonly Defect[] = [
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
export const REMOVING: readonly Defect[] = [
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
