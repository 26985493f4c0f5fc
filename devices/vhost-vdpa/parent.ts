import type { MemfdMemory } from '../../framework/native/memfd-memory.ts';
import { MemfdMemory as Memory } from '../../framework/native/memfd-memory.ts';
import { Resources } from '../../framework/native/resources.ts';
import {
  type Ability,
  type DeclaredFacts,
  defineParent,
  type ParentDefinition,
  type ParentEnvironment,
  type ParentInstance,
  type ParentOption,
} from '../../framework/parent.ts';
import { BACKEND_F } from '../../framework/vhost-vdpa/uapi.ts';
import { deviceType } from '../../specs/virtio-1.1/device-ids.ts';
import { DeviceFileError } from './device-file.ts';
import { LoopbackPeer } from './loopback-peer.ts';
import { VhostVdpaOps } from './ops.ts';
import { Signals } from './signals.ts';
import { type NodeTraits, openClient, readTraits, restoreConfig } from './traits.ts';
import { WirePeer } from './wire-peer.ts';

const OPTIONS: readonly ParentOption[] = [
  {
    name: 'perm-map',
    description: 'yes: the device, or an IOMMU, enforces the permissions of mappings',
    default: 'no',
  },
  {
    name: 'loopback',
    description: 'yes: a net device that sends back what it transmits to itself',
    default: 'no',
  },
  {
    name: 'wire',
    description: 'net: network interface of this host on the same wire, the far side for packets',
  },
  {
    name: 'wire-order',
    description: 'no: frames that wait for receive buffers may overtake each other on the wire',
    default: 'yes',
  },
  { name: 'capacity', description: 'blk: sectors of 512 bytes that the device was made with' },
  { name: 'mac', description: 'net: MAC address that the device was made with, as hex digits' },
  { name: 'mtu', description: 'net: MTU that the device was made with' },
];

type Options = Readonly<Record<string, string>>;

/** Path of the node: the option that begins with a slash. @throws DeviceFileError */
export function pathOf(options: Options): string {
  const paths = Object.keys(options).filter((name) => name.startsWith('/'));
  if (paths.length !== 1)
    throw new DeviceFileError(
      paths.length === 0 ? 'no node is named' : `several nodes are named: ${paths.join(', ')}`,
      '--target vhost-vdpa:/dev/vhost-vdpa-0',
    );
  const unknown = Object.keys(options).find(
    (name) => name !== paths[0] && !OPTIONS.some((option) => option.name === name),
  );
  if (unknown !== undefined)
    throw new DeviceFileError(
      `vhost-vdpa has no option ${unknown}`,
      `it has: ${OPTIONS.map(({ name }) => name).join(', ')}`,
    );
  return paths[0];
}

/** What the user declares about the device. */
export function factsOf({ capacity, mac, mtu }: Options): DeclaredFacts {
  return {
    ...(capacity === undefined ? {} : { capacity: Number(capacity) }),
    ...(mac === undefined ? {} : { mac: mac.replaceAll(/[^0-9a-f]/gi, '').toLowerCase() }),
    ...(mtu === undefined ? {} : { mtu: Number(mtu) }),
  };
}

/** What can be seen of the device, or told it, beyond the contract. */
export function abilitiesOf(traits: NodeTraits, options: Options): Ability[] {
  const has: readonly [Ability, boolean][] = [
    ['perm-map', options['perm-map'] === 'yes'],
    ['vq-state', traits.positions],
    ['not-pci', !traits.maybePci],
    ['early-ready', (traits.backend & BACKEND_F.ENABLE_AFTER_DRIVER_OK) === 0n],
  ];
  return has.flatMap(([ability, there]) => (there ? [ability] : []));
}

/** Open the node and put the contract in front of it. */
function create(path: string, traits: NodeTraits, environment: ParentEnvironment): ParentInstance {
  const { options } = environment;
  const memory = environment.memory as MemfdMemory;
  const resources = new Resources();
  try {
    const { client } = openClient(path);
    resources.defer(() => client.close());
    restoreConfig(client, traits);
    const signals = new Signals();
    // Closed before the node: the kernel lets go of them by itself.
    resources.own(signals);
    const ops = new VhostVdpaOps(client, traits, signals, memory.address);
    const { nvqs, ngroups, nas } = traits;
    const wire =
      options.wire === undefined
        ? null
        : resources.own(new WirePeer(options.wire, options['wire-order'] !== 'no'));
    return {
      device: { name: 'vhost-vdpa', ops, nvqs, ngroups, nas },
      abilities: abilitiesOf(traits, options),
      facts: factsOf(options),
      ...(options.loopback === 'yes' ? { peer: new LoopbackPeer() } : {}),
      ...(wire === null ? {} : { peer: wire, busy: () => wire.busy() }),
      wait: (ms) => signals.wait(ms),
      dispose: () => resources.dispose(),
    };
  } catch (error) {
    resources.dispose();
    throw error;
  }
}

/** A device of the kernel through `/dev/vhost-vdpa-N`; its type is what the device says. */
export const vhostVdpa: ParentDefinition = defineParent({
  name: 'vhost-vdpa',
  deviceType: 'other',
  description: 'A vDPA device of this host, through its node: vhost-vdpa:/dev/vhost-vdpa-0',
  external: true,
  openOptions: true,
  options: OPTIONS,
  specialise(options) {
    const path = pathOf(options);
    const traits = readTraits(path);
    return {
      ...vhostVdpa,
      deviceType: deviceType(traits.deviceId),
      description: `The device behind ${path}, through the vhost-vdpa uAPI`,
      memory: (size) => new Memory(size),
      create: (environment) => create(path, traits, environment),
    };
  },
  create() {
    throw new DeviceFileError('no node is named', '--target vhost-vdpa:/dev/vhost-vdpa-0');
  },
});
