import { type Ability, defineParent } from '../../../framework/parent.ts';
import { CORE_ABILITIES, SimulatorInstance } from '../instance.ts';
import { BlkDevice } from './blk-device.ts';
import { BLK_OPTIONS, blkProfile } from './profile.ts';

/** What the simulated block device can show and be told. */
export const BLK_ABILITIES: readonly Ability[] = [...CORE_ABILITIES, 'power-cut'];

/** The simulated block device as a parent. */
export const simulatorBlk = defineParent({
  name: 'simulator-blk',
  deviceType: 'blk',
  description: 'simulated block device: a right virtio 1.1 device in software',
  options: BLK_OPTIONS,
  create({ port, options }) {
    const profile = blkProfile(options);
    const facts = { capacity: profile.limits.capacity, persistent: true };
    return new SimulatorInstance(new BlkDevice(profile, port), BLK_ABILITIES, facts);
  },
});
