import type { BackendControl, ParentInstance } from '../../framework/parent.ts';
import type { SimulatorDevice } from '../simulator/core.ts';
import type { DeviceCore } from './function/core.ts';

/**
 * What can be done to the simulated device `base` behind registers. After a power cut `core`, which knows what the
 * registers said, starts from nothing as well.
 */
export function backendBehind(base: ParentInstance, core: DeviceCore): BackendControl {
  const sim = base.device as SimulatorDevice;
  const powerCut = () => {
    base.backend!.powerCut!();
    core.forget();
  };
  return {
    changeConfig: (offset, bytes) => sim.changeConfig(offset, bytes),
    hold: (idx, count) => sim.hold(idx, count),
    release: () => sim.release(),
    fail: () => sim.fail(),
    backing: () => base.backend!.backing!(),
    adopt: (backing) => base.backend!.adopt!(backing),
    ...(base.abilities.includes('power-cut') ? { powerCut } : {}),
  };
}
