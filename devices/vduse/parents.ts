import { type Ability, defineParent } from '../../framework/parent.ts';
import { VduseDevice } from './kernel/vduse-device.ts';
import { messageTimeout, misbehaviour, VDUSE_BLK_OPTIONS, vduseBlkProfile } from './options.ts';

/** What a VDUSE device can show and be told; an unrecoverable error is nothing that VDUSE can report. */
const ABILITIES: readonly Ability[] = [
  'pump',
  'track',
  'rtrack',
  'perm-map',
  'slow',
  'cfg-change',
  'power-cut',
  'vq-state',
  'drvfeat',
  'not-pci',
];

/** A block device in a VDUSE daemon, a thread of its own. */
export const vduseBlk = defineParent({
  name: 'vduse-blk',
  deviceType: 'blk',
  description: 'VDUSE: a block device in a daemon of its own, behind the message protocol',
  options: VDUSE_BLK_OPTIONS,
  create({ port, options }) {
    const { limits } = vduseBlkProfile(options);
    misbehaviour(options);
    const device = new VduseDevice(port, options, messageTimeout(options));
    return {
      device,
      abilities: ABILITIES,
      facts: { capacity: limits.capacity, persistent: true },
      backend: {
        changeConfig: (offset, bytes) => device.command({ do: 'config', offset, bytes: [...bytes] }),
        hold: (queue, count) => device.command({ do: 'hold', queue, count }),
        release: () => device.command({ do: 'release' }),
        powerCut: () => {
          device.reset();
          device.command({ do: 'power-cut' });
        },
      },
      pump: (budget) => device.pump(budget),
      dispose: () => device.free(),
    };
  },
});
