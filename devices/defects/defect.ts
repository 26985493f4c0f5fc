import type { ParentDefinition, ParentInstance } from '../../framework/parent.ts';
import type { PackedDeviceRing } from '../../framework/virtqueue/device/packed.ts';
import { PackedDeviceRing as Packed } from '../../framework/virtqueue/device/packed.ts';
import type { SplitDeviceRing } from '../../framework/virtqueue/device/split.ts';
import { SplitDeviceRing as Split } from '../../framework/virtqueue/device/split.ts';
import type { SimulatorDevice } from '../simulator/core.ts';
import { profileCache } from '../simulator/options.ts';
import type { SimQueue } from '../simulator/queue.ts';
import type { MmioFunction } from '../virtio-pci/function/mmio-function.ts';
import type { PciFunction } from '../virtio-pci/function/pci-function.ts';
import type { RegisterInstance } from '../virtio-pci/parents.ts';

/** Parents that wrong devices are made of. */
export type DefectParent =
  | 'simulator-net'
  | 'simulator-blk'
  | 'virtio-pci-net'
  | 'virtio-pci-blk'
  | 'virtio-mmio-net'
  | 'virtio-mmio-blk'
  | 'ifcvf-net'
  | 'ifcvf-blk'
  | 'vduse-net'
  | 'vduse-blk'
  | 'mlx5-net'
  | 'management';

/** The simulated devices of both types. */
export const BOTH = ['simulator-net', 'simulator-blk'] as const satisfies readonly DefectParent[];
export const NET = ['simulator-net'] as const satisfies readonly DefectParent[];
export const BLK = ['simulator-blk'] as const satisfies readonly DefectParent[];

/** A wrong device: the simulator with one thing broken. Data, but for `seed`. */
export interface Defect<Device extends SimulatorDevice = SimulatorDevice> {
  /** `area/what-is-wrong`, stable. */
  readonly id: string;
  /** Parents that it can be seeded into. */
  readonly parents: readonly DefectParent[];
  /** Requirements that the device breaks; each must be found by a case that cites it. */
  readonly breaks: readonly string[];
  /** What the wrong device does, in one sentence. */
  readonly what: string;
  /** Where the idea comes from: a row of the public history of devices, or the text turned round. */
  readonly origin: string;
  /** Which oracle is expected to see it. */
  readonly seenBy: 'expectation' | 'invariant' | 'model' | 'run';
  /** Whether random steps can reach it; if not, why. */
  readonly fuzz: 'yes' | string;
  /** Options of the parent that the defect needs. */
  readonly options?: Readonly<Record<string, string>>;
  /** Break a freshly created device, or what surrounds it, by replacing methods. */
  seed(device: Device, instance: ParentInstance): void;
  /** `seed` gets the registers in front of the device instead, once the parent has found its way. */
  readonly inRegisters?: true;
}

/** Declare a defect; `Device` is the simulated device class that `seed` needs. */
export function defineDefect<Device extends SimulatorDevice = SimulatorDevice>(
  defect: Defect<Device>,
): Defect {
  return defect as unknown as Defect;
}

/** What a defect has to say; where it says no more, the rest is usual for its area. */
export type DefectFacts = Pick<Defect, 'id' | 'breaks' | 'what'> & Partial<Defect>;

/** Values that most defects have. */
export const USUAL = { origin: 'text inverted', seenBy: 'expectation', fuzz: 'yes' } as const;

/** Declare a wrong simulator; by default of both device types, with the usual values. */
export const simulated = (facts: DefectFacts, seed: (device: SimulatorDevice) => void): Defect =>
  defineDefect({ parents: BOTH, ...USUAL, ...facts, seed });

/** What a defect of a transport says beside what is the same for all of them. */
type RegisterDefect<F> = Pick<Defect, 'id' | 'breaks' | 'what' | 'origin' | 'options'> & {
  readonly parents?: Defect['parents'];
  seed(below: F): void;
};

const BY_HAND = 'steps that touch registers are not drawn at random';

/** Declare a wrong PCI function; by default for both device types. */
export function definePciDefect({ seed, parents, ...defect }: RegisterDefect<PciFunction>): Defect {
  return {
    ...defect,
    parents: parents ?? ['virtio-pci-blk', 'virtio-pci-net'],
    seenBy: 'expectation',
    fuzz: BY_HAND,
    inRegisters: true,
    seed: seed as unknown as Defect['seed'],
  };
}

/** Declare a wrong virtio-mmio device; by default for both device types. */
export function defineMmioDefect({ seed, parents, ...defect }: RegisterDefect<MmioFunction>): Defect {
  return {
    ...defect,
    parents: parents ?? ['virtio-mmio-blk', 'virtio-mmio-net'],
    seenBy: 'expectation',
    fuzz: BY_HAND,
    inRegisters: true,
    seed: seed as unknown as Defect['seed'],
  };
}

/** The parent that makes devices of `base` with `defect` seeded. */
export function defectiveParent(base: ParentDefinition, defect: Defect): ParentDefinition {
  // The same object for the same options, so that what follows from them is worked out once.
  const withOwn = profileCache((given) => ({ ...defect.options, ...given }));
  return {
    ...base,
    name: `${base.name}+${defect.id}`,
    description: defect.what,
    create(environment) {
      const options = defect.options ? withOwn(environment.options) : environment.options;
      const instance = base.create(defect.options ? { ...environment, options } : environment);
      const { device, function: registers } = instance as RegisterInstance<PciFunction | MmioFunction>;
      defect.seed((defect.inRegisters ? registers : device) as unknown as SimulatorDevice, instance);
      return instance;
    },
  };
}

/** Change every split ring that the device creates from now on. */
export function onSplitRing(
  device: SimulatorDevice,
  change: (ring: SplitDeviceRing, queue: SimQueue) => void,
): void {
  const { createRing } = device;
  device.createRing = (queue, config) => {
    const ring = createRing.call(device, queue, config);
    if (ring instanceof Split) {
      ring.intact = false;
      change(ring, queue);
    }
    return ring;
  };
}

/** Change every packed ring that the device creates from now on. */
export function onPackedRing(
  device: SimulatorDevice,
  change: (ring: PackedDeviceRing, queue: SimQueue) => void,
): void {
  const { createRing } = device;
  device.createRing = (queue, config) => {
    const ring = createRing.call(device, queue, config);
    if (ring instanceof Packed) {
      ring.intact = false;
      change(ring, queue);
    }
    return ring;
  };
}
