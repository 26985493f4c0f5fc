import type { DmaWindow } from '../../../framework/transport/access.ts';
import type { SimulatorDevice } from '../../simulator/core.ts';

/** The platform IOMMU in front of a simulated device: its first address space. */
export function simulatorDma(sim: SimulatorDevice): DmaWindow {
  return {
    map(iova, size, addr, perm) {
      const result = sim.translation.map(0, iova, size, addr, perm);
      if (result === 0) sim.mappingsChanged();
      return result;
    },
    unmap: (iova, size) => sim.translation.unmap(0, iova, size),
  };
}
