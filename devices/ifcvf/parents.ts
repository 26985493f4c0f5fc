import {
  defineParent,
  type ParentDefinition,
  type ParentInstance,
  type ParentOption,
} from '../../framework/parent.ts';
import { simulatorBlk } from '../simulator/blk/parent.ts';
import type { SimulatorDevice } from '../simulator/core.ts';
import { simulatorNet } from '../simulator/net/parent.ts';
import { integerOption, OptionError, type Options, profileCache } from '../simulator/options.ts';
import { backendBehind } from '../virtio-pci/backend-behind.ts';
import { IfcvfDevice } from './driver/ifcvf-device.ts';
import { IfcvfFunction, type IfcvfShape } from './function/ifcvf-function.ts';
import { RING_STATE_LAYOUTS, type RingStateLayout } from './function/ring-state.ts';

const OPTIONS: readonly ParentOption[] = [
  {
    name: 'ring-state',
    description: `where ring states lie: ${RING_STATE_LAYOUTS.join(', ')} (default: paired for net, per-queue for blk)`,
  },
  { name: 'vectors', description: 'MSI-X vectors, 0 for one each', default: '0' },
];
const MINE = OPTIONS.map(({ name }) => name);

/** A virtual function with its driver on top; the function is there for tests and seeded defects. */
export interface IfcvfInstance extends ParentInstance {
  readonly device: IfcvfDevice;
  readonly function: IfcvfFunction;
}

function layoutOption(options: Options, otherwise: RingStateLayout): RingStateLayout {
  const name = options['ring-state'] ?? otherwise;
  const layout = RING_STATE_LAYOUTS.find((row) => row === name);
  if (layout !== undefined) return layout;
  throw new OptionError(`ring-state=${name}: there are ${RING_STATE_LAYOUTS.join(', ')}`);
}

/** The options of the function, and those of the simulated device behind it. */
const split = (otherwise: RingStateLayout) =>
  profileCache((options: Options): { shape: IfcvfShape; inner: Options } => ({
    shape: {
      layout: layoutOption(options, otherwise),
      vectors: integerOption(options, 'vectors', 0, 0, 2048),
    },
    inner: Object.fromEntries(Object.entries(options).filter(([name]) => !MINE.includes(name))),
  }));

function ifcvfParent(base: ParentDefinition, layout: RingStateLayout): ParentDefinition {
  const optionsOf = split(layout);
  return defineParent({
    name: `ifcvf-${base.deviceType}`,
    deviceType: base.deviceType,
    description: `IFCVF virtual function with a simulated ${base.deviceType} device, and its parent driver`,
    options: [...OPTIONS, ...(base.options ?? [])],
    peer: base.peer,
    create(environment): IfcvfInstance {
      const { shape, inner } = optionsOf(environment.options);
      const behind = base.create({ ...environment, options: inner });
      const below = new IfcvfFunction(behind.device as SimulatorDevice, shape);
      return ifcvfInstance(behind, below, new IfcvfDevice(below, shape.layout));
    },
  });
}

/** The driver `device` on the function `below`, which has the simulated device `behind` it. */
export function ifcvfInstance(
  behind: ParentInstance,
  below: IfcvfFunction,
  device: IfcvfDevice,
): IfcvfInstance {
  const shared = device.interrupts.possible === 'own' ? [] : (['shared-irq'] as const);
  const own = behind.abilities.filter((ability) => ability !== 'not-pci');
  return {
    device,
    function: below,
    dirty: device.dirty,
    abilities: [...new Set([...own, 'dirty' as const, ...shared])],
    facts: behind.facts,
    peer: behind.peer,
    backend: backendBehind(behind, below.core),
    pump: (budget) => (behind.device as SimulatorDevice).pump(budget),
    dispose: () => behind.dispose?.(),
  };
}

export const ifcvfNet = ifcvfParent(simulatorNet, 'paired');
export const ifcvfBlk = ifcvfParent(simulatorBlk, 'per-queue');
