import type { ManagementDevice } from '../../framework/management/management-device.ts';
import type { DevicePort } from '../../framework/memory/host-memory.ts';
import { deviceId } from '../../specs/virtio-1.1/device-ids.ts';
import { functionManagement } from '../management/function-management.ts';
import { simulatorBlk } from '../simulator/blk/parent.ts';
import type { SimulatorDevice } from '../simulator/core.ts';
import { simulatorNet } from '../simulator/net/parent.ts';
import { VirtioPciDevice } from './driver/pci-device.ts';
import { PciFunction } from './function/pci-function.ts';
import { pciShape } from './function/shape.ts';
import { onTop } from './parents.ts';

/** The management device of a virtio-pci function that `vp_vdpa` drives. */
export function vpVdpaManagement(
  port: DevicePort,
  type: 'net' | 'blk' = 'net',
  name = '0000:03:00.0',
): ManagementDevice {
  const behind = (type === 'net' ? simulatorNet : simulatorBlk).create({ port, seed: 1, options: {} });
  const sim = behind.device as SimulatorDevice;
  const access = new PciFunction(sim, pciShape('plain')!);
  const plan = { mode: 'msix', queues: new Map() } as const;
  return functionManagement({
    name,
    deviceId: deviceId(type),
    features: sim.getDeviceFeatures(),
    nvqs: sim.nvqs,
    provisions: true,
    bind: (busName, features) =>
      onTop(
        behind,
        new VirtioPciDevice(access, plan, busName, features),
        { kind: 'pci', access, plan },
        access,
      ),
  });
}
