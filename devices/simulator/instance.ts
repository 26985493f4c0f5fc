import type { DirtyTracking } from '../../framework/memory/dirty.ts';
import type { Ability, BackendControl, DeclaredFacts, ParentInstance } from '../../framework/parent.ts';
import type { PacketPeer } from '../../framework/peer.ts';
import type { SimulatorDevice } from './core.ts';
import { variantByName } from './variants.ts';

/** Abilities of every simulated device. */
export const CORE_ABILITIES: readonly Ability[] = [
  'pump',
  'track',
  'rtrack',
  'perm-map',
  'slow',
  'cfg-change',
  'fault',
  'vq-state',
  'drvfeat',
  'not-pci',
];

/** A simulated device with what surrounds it. The device is its own back end. */
export class SimulatorInstance<D extends SimulatorDevice = SimulatorDevice> implements ParentInstance {
  readonly device: D;
  readonly backend: BackendControl;
  readonly abilities: readonly Ability[];
  readonly facts: DeclaredFacts | undefined;
  readonly peer: PacketPeer | undefined;
  readonly dirty: DirtyTracking | undefined;

  /** Applies the variant of the device's profile, if it has one. */
  constructor(device: D, abilities: readonly Ability[], facts?: DeclaredFacts, peer?: PacketPeer) {
    this.device = device;
    this.backend = device;
    this.dirty = device.dirty ?? undefined;
    this.abilities = device.dirty === null ? abilities : [...abilities, 'dirty'];
    this.facts = facts;
    this.peer = peer;
    const { variant } = device.profile;
    if (variant !== undefined) variantByName(variant)!.apply(device);
  }

  pump(budget: number): number {
    return this.device.pump(budget);
  }

  dispose(): void {
    this.device.free();
  }
}
