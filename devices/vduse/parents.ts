import {
  type Ability,
  type BackendControl,
  defineParent,
  type ParentInstance,
} from '../../framework/parent.ts';
import { SIMULATOR_PEER_CAPS } from '../simulator/net/peer.ts';
import { VduseDevice } from './kernel/vduse-device.ts';
import { VdusePeer } from './kernel/vduse-peer.ts';
import {
  daemonWays,
  hasControlQueue,
  messageTimeout,
  VDUSE_BLK_OPTIONS,
  VDUSE_NET_OPTIONS,
  vduseBlkProfile,
  vduseNetTarget,
} from './options.ts';

/** What a VDUSE device can show and be told; an unrecoverable error is nothing that VDUSE can report. */
const ABILITIES: readonly Ability[] = [
  'pump',
  'track',
  'rtrack',
  'perm-map',
  'slow',
  'cfg-change',
  'vq-state',
  'drvfeat',
  'not-pci',
];

/** The control of what lies behind any daemon. */
const backendOf = (device: VduseDevice): BackendControl => ({
  changeConfig: (offset, bytes) => device.command({ do: 'config', offset, bytes: [...bytes] }),
  hold: (queue, count) => device.command({ do: 'hold', queue, count }),
  release: () => device.command({ do: 'release' }),
  backing: () => device.backing(),
  adopt: (backing) => device.adopt(backing),
});

const lifeOf = (device: VduseDevice): Pick<ParentInstance, 'pump' | 'dispose'> => ({
  pump: (budget) => device.pump(budget),
  dispose: () => device.free(),
});

/** A block device in a VDUSE daemon, a thread of its own. */
export const vduseBlk = defineParent({
  name: 'vduse-blk',
  deviceType: 'blk',
  description: 'VDUSE: a block device in a daemon of its own, behind the message protocol',
  options: VDUSE_BLK_OPTIONS,
  create({ port, options }) {
    const { limits } = vduseBlkProfile(options);
    daemonWays(options);
    const device = new VduseDevice(port, { type: 'blk', options, timeout: messageTimeout(options) });
    return {
      device,
      abilities: [...ABILITIES, 'power-cut'],
      facts: { capacity: limits.capacity, persistent: true },
      backend: {
        ...backendOf(device),
        powerCut: () => {
          device.reset();
          device.command({ do: 'power-cut' });
        },
      },
      ...lifeOf(device),
    };
  },
});

/** A network device in a VDUSE daemon, a thread of its own. */
export const vduseNet = defineParent({
  name: 'vduse-net',
  deviceType: 'net',
  description: 'VDUSE: a network device in a daemon of its own, behind the message protocol',
  options: VDUSE_NET_OPTIONS,
  peer: SIMULATOR_PEER_CAPS,
  create({ port, options }) {
    const { facts } = vduseNetTarget(options);
    daemonWays(options);
    const timeout = messageTimeout(options);
    const controlQueue = hasControlQueue(options);
    const device = new VduseDevice(port, { type: 'net', options, timeout, controlQueue });
    return {
      device,
      abilities: ABILITIES,
      facts,
      peer: new VdusePeer(device),
      backend: backendOf(device),
      ...lifeOf(device),
    };
  },
});
