import {
  type DeclaredFacts,
  defineParent,
  type ParentInstance,
  type ParentOption,
} from '../../framework/parent.ts';
import { NET_F } from '../../specs/virtio-1.1/features.ts';
import { offerOf } from '../simulator/feature-offer.ts';
import { CORE_ABILITIES } from '../simulator/instance.ts';
import { SIMULATOR_PEER_CAPS } from '../simulator/net/peer.ts';
import {
  checkOptions,
  flagOption,
  integerOption,
  OptionError,
  type Options,
  profileCache,
} from '../simulator/options.ts';
import { Mlx5Device } from './driver/mlx5-device.ts';
import { offerable, type Provision } from './driver/provision.ts';
import { Mlx5Function } from './firmware/mlx5-function.ts';
import { EVENT_MODES, type FunctionShape, PORT_OVERHEAD, UMEM_PARAMS } from './firmware/shape.ts';
import { FEATURE_BITS, toQueueFeatures, toVirtioFeatures } from './prm/net-queue.ts';

const OPTIONS: readonly ParentOption[] = [
  { name: 'features', description: 'offer exactly NAME+NAME beside VERSION_1 and ACCESS_PLATFORM' },
  { name: 'without', description: 'do not offer NAME+NAME, nor what needs them' },
  {
    name: 'mac',
    description: 'own address, six bytes in hex with or without colons',
    default: '52:54:00:12:34:56',
  },
  { name: 'mtu', description: 'value of the mtu field, 68 to 9978', default: '1500' },
  { name: 'max-pairs', description: 'pairs of data queues, 1 to 128', default: '4' },
  { name: 'resume', description: 'suspended queue objects can run again (yes or no)', default: 'yes' },
  {
    name: 'ring-group',
    description: 'ring areas can have a memory key of their own (yes or no)',
    default: 'no',
  },
  {
    name: 'events',
    description: 'how queues interrupt: qp (through a queue pair) or msix (by vector)',
    default: 'qp',
  },
];

/** Everything that queue objects can do. */
export const QUEUE_OFFLOADS = toVirtioFeatures(
  [...FEATURE_BITS.keys()].reduce((mask, bit) => mask | (1 << bit), 0),
);

/** A function with its driver on top; the function is there for tests and seeded defects. */
export interface Mlx5Instance extends ParentInstance {
  readonly device: Mlx5Device;
  readonly function: Mlx5Function;
}

interface Target {
  readonly shape: FunctionShape;
  readonly provision: Provision;
  readonly facts: DeclaredFacts;
}

const targetOf = profileCache((options: Options): Target => {
  checkOptions(options, OPTIONS);
  const text = options.mac ?? '52:54:00:12:34:56';
  const hex = text.replaceAll(':', '');
  const mac = Uint8Array.from(Buffer.from(hex, 'hex'));
  if (!/^[0-9a-fA-F]{12}$/.test(hex) || mac[0] & 1)
    throw new OptionError(`mac=${text}: not the address of a station`);
  const mtu = integerOption(options, 'mtu', 1500, 68, 9978);
  const events = options.events ?? 'qp';
  if (events !== 'qp' && events !== 'msix') throw new OptionError(`events=${events}: neither qp nor msix`);
  const features = offerOf(offerable(QUEUE_OFFLOADS), 'net', options);
  const maxPairs = integerOption(options, 'max-pairs', 4, 1, 128);
  const shape: FunctionShape = {
    maxQueues: 2 * maxPairs,
    maxQueueSize: 256,
    features: toQueueFeatures(features),
    eventModes: EVENT_MODES[events],
    vectors: 2 * maxPairs,
    freezeToReady: options.resume === undefined || flagOption(options, 'resume'),
    descGroup: flagOption(options, 'ring-group'),
    umemParams: UMEM_PARAMS,
    mac,
    portMtu: mtu + PORT_OVERHEAD,
  };
  const pairs = (features & NET_F.MQ) !== 0n ? maxPairs : 1;
  return {
    shape,
    provision: { features, vectors: events === 'msix' },
    facts: { mac: hex.toLowerCase(), mtu, maxVirtqueuePairs: pairs },
  };
});

/** Where the carrier shows in the configuration space (section 5.1.4). */
const LINK_AT = 6;

/** ConnectX network function with its parent driver. */
export const mlx5Net = defineParent({
  name: 'mlx5-net',
  deviceType: 'net',
  description: 'ConnectX function with simulated firmware and virtqueues, and its parent driver',
  options: OPTIONS,
  peer: SIMULATOR_PEER_CAPS,
  create({ port, options }): Mlx5Instance {
    const { shape, provision, facts } = targetOf(options);
    return mlx5Instance(new Mlx5Function(shape, port), provision, facts);
  },
});

/** A device on `below`, with what surrounds it. */
export function mlx5Instance(
  below: Mlx5Function,
  provision: Provision,
  facts?: DeclaredFacts,
  name?: string,
): Mlx5Instance {
  const { engine } = below;
  const device = new Mlx5Device(below, engine.port, provision, name);
  const { control } = device;
  return {
    device,
    function: below,
    abilities: CORE_ABILITIES,
    facts,
    peer: engine.peer,
    backend: {
      changeConfig(offset, bytes) {
        device.changeConfig(offset, bytes);
        engine.peer.linkUp = device.config.linkUp;
      },
      hold(idx, count) {
        if (idx === device.controlIndex) control.hold(count);
        else engine.hold(idx, count);
      },
      release() {
        engine.release();
        control.release();
      },
      fail: () => engine.fail(),
      backing: () => ({
        config: [[LINK_AT, Uint8Array.of(engine.peer.linkUp ? 1 : 0)]],
        frames: engine.rx.giveUp(),
      }),
      adopt({ config }) {
        for (const [offset, bytes] of config) if (offset === LINK_AT) engine.peer.link((bytes[0] & 1) !== 0);
      },
    },
    pump(budget) {
      let done = engine.pump(budget);
      while (done < budget && control.work() > 0) done++;
      return done;
    },
    dispose: () => device.free(),
  };
}
