import type { ManagementDevice } from '../../framework/management/management-device.ts';
import type { DevicePort } from '../../framework/memory/host-memory.ts';
import type { VdpaRelease } from '../../specs/vdpa/netlink.ts';
import { deviceId } from '../../specs/virtio-1.1/device-ids.ts';
import { functionManagement } from '../management/function-management.ts';
import { simulatorBlk } from '../simulator/blk/parent.ts';
import type { SimulatorDevice } from '../simulator/core.ts';
import { simulatorNet } from '../simulator/net/parent.ts';
import { IfcvfDevice } from './driver/ifcvf-device.ts';
import { IfcvfFunction } from './function/ifcvf-function.ts';
import { ifcvfInstance } from './parents.ts';

const BEHIND = {
  net: { parent: simulatorNet, layout: 'paired' },
  blk: { parent: simulatorBlk, layout: 'per-queue' },
} as const;

/** The management device of an IFCVF virtual function; `dev_features` came after Linux 6.1. */
export function ifcvfManagement(
  port: DevicePort,
  release: VdpaRelease,
  type: 'net' | 'blk' = 'net',
  name = '0000:02:00.1',
): ManagementDevice {
  const { parent, layout } = BEHIND[type];
  const behind = parent.create({ port, seed: 1, options: {} });
  const sim = behind.device as SimulatorDevice;
  const below = new IfcvfFunction(sim, { layout, vectors: 0 });
  return functionManagement({
    name,
    deviceId: deviceId(type),
    features: sim.getDeviceFeatures(),
    nvqs: sim.nvqs,
    provisions: release !== '6.1',
    bind: (busName, features) =>
      ifcvfInstance(behind, below, new IfcvfDevice(below, layout, busName, features)),
  });
}
