import type { VdpaDevice } from '../../framework/device.ts';
import {
  type Ability,
  defineParent,
  type ParentDefinition,
  type ParentInstance,
  type ParentOption,
} from '../../framework/parent.ts';
import type { MmioTransport, PciInterruptPlan, PciTransport } from '../../framework/transport/transport.ts';
import { simulatorBlk } from '../simulator/blk/parent.ts';
import type { SimulatorDevice } from '../simulator/core.ts';
import { simulatorNet } from '../simulator/net/parent.ts';
import { OptionError, type Options, profileCache } from '../simulator/options.ts';
import { backendBehind } from './backend-behind.ts';
import { DeadDevice } from './driver/dead-device.ts';
import { VirtioMmioDevice } from './driver/mmio-device.ts';
import { VirtioPciDevice } from './driver/pci-device.ts';
import { RegisterPoster } from './driver/posted-driver.ts';
import { ProbeError, TransportDevice } from './driver/transport-device.ts';
import { MmioFunction } from './function/mmio-function.ts';
import { PciFunction } from './function/pci-function.ts';
import { PCI_SHAPES, pciShape } from './function/shape.ts';

/** What a transport cannot offer of what the simulated device behind it can. */
const LOST: readonly Ability[] = ['vq-state', 'not-pci'];

const SHAPE_OPTION: ParentOption = {
  name: 'shape',
  description: `how the function looks: ${PCI_SHAPES.map(({ name }) => name).join(', ')}`,
  default: 'plain',
};
const INTERRUPT_OPTION: ParentOption = {
  name: 'interrupts',
  description: 'msix or intx',
  default: 'msix',
};
const MINE = [SHAPE_OPTION.name, INTERRUPT_OPTION.name];

/** The options that the simulated device behind the registers knows. */
const inner = profileCache(
  (options: Options): Options =>
    Object.fromEntries(Object.entries(options).filter(([name]) => !MINE.includes(name))),
);

function shapeOption(options: Options) {
  const name = options.shape ?? 'plain';
  const shape = pciShape(name);
  if (shape !== undefined) return shape;
  throw new OptionError(`shape=${name}: there are ${PCI_SHAPES.map((row) => row.name).join(', ')}`);
}

function planOption(options: Options): PciInterruptPlan {
  const mode = options.interrupts ?? 'msix';
  if (mode !== 'msix' && mode !== 'intx') throw new OptionError(`interrupts=${mode}: neither msix nor intx`);
  return { mode, queues: new Map() };
}

/** A parent whose device is reached through registers, and those registers themselves. */
export interface RegisterInstance<F extends PciFunction | MmioFunction> extends ParentInstance {
  /** The device side of the registers: for tests and seeded defects. */
  readonly function: F;
}

/** The device, or what stands for one that the driver cannot drive. */
export function probe(attempt: () => VdpaDevice): VdpaDevice {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof ProbeError) return new DeadDevice(error.message);
    throw error;
  }
}

/** Put `device` in the place of the simulated one; the rest of its surroundings stays. */
export function onTop<F extends PciFunction | MmioFunction>(
  base: ParentInstance,
  device: ParentInstance['device'],
  transport: PciTransport | MmioTransport,
  below: F,
): RegisterInstance<F> {
  const sim = base.device as SimulatorDevice;
  const shared: Ability[] =
    device instanceof TransportDevice && device.sharedInterrupts ? ['shared-irq'] : [];
  return {
    device,
    function: below,
    transport,
    abilities: [...base.abilities.filter((ability) => !LOST.includes(ability)), ...shared],
    facts: base.facts,
    ...(device instanceof TransportDevice ? { posted: new RegisterPoster(device, transport.access) } : {}),
    peer: base.peer,
    dirty: base.dirty,
    backend: backendBehind(base, below.core),
    pump(budget) {
      const done = sim.pump(budget);
      if (device instanceof TransportDevice) device.poll();
      return done;
    },
    dispose: () => base.dispose?.(),
  };
}

function pciParent(base: ParentDefinition): ParentDefinition {
  return defineParent({
    name: `virtio-pci-${base.deviceType}`,
    deviceType: base.deviceType,
    description: `virtio-pci function with a simulated ${base.deviceType} device, driven through its registers`,
    options: [SHAPE_OPTION, INTERRUPT_OPTION, ...(base.options ?? [])],
    peer: base.peer,
    create(environment) {
      const { options } = environment;
      const instance = base.create({ ...environment, options: inner(options) });
      const access = new PciFunction(instance.device as SimulatorDevice, shapeOption(options));
      const plan = planOption(options);
      return onTop(
        instance,
        probe(() => new VirtioPciDevice(access, plan)),
        { kind: 'pci', access, plan },
        access,
      );
    },
  });
}

function mmioParent(base: ParentDefinition): ParentDefinition {
  return defineParent({
    name: `virtio-mmio-${base.deviceType}`,
    deviceType: base.deviceType,
    description: `virtio-mmio device with a simulated ${base.deviceType} device, driven through its registers`,
    options: base.options,
    peer: base.peer,
    create(environment) {
      const instance = base.create(environment);
      const access = new MmioFunction(instance.device as SimulatorDevice);
      const plan: MmioTransport['plan'] = { mode: 'line' };
      return onTop(
        instance,
        probe(() => new VirtioMmioDevice(access, plan)),
        { kind: 'mmio', access, plan },
        access,
      );
    },
  });
}

export const virtioPciNet = pciParent(simulatorNet);
export const virtioPciBlk = pciParent(simulatorBlk);
export const virtioMmioNet = mmioParent(simulatorNet);
export const virtioMmioBlk = mmioParent(simulatorBlk);
