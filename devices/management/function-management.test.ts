import { describe, expect, it } from 'vitest';
import { Management } from '../../framework/management/management.ts';
import type { DeviceAttributes } from '../../framework/management/management-device.ts';
import { ManagementError } from '../../framework/management/management-error.ts';
import { HostMemory } from '../../framework/memory/host-memory.ts';
import { F_ACCESS_PLATFORM, F_RING_PACKED, F_VERSION_1 } from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import { ifcvfManagement } from '../ifcvf/management.ts';
import { vpVdpaManagement } from '../virtio-pci/management.ts';

const BASE = F_VERSION_1 | F_ACCESS_PLATFORM;
const port = () => new HostMemory(1 << 16).port();

describe.each([
  { driver: 'ifcvf', type: 'net', make: () => ifcvfManagement(port(), '6.12') },
  { driver: 'ifcvf', type: 'blk', make: () => ifcvfManagement(port(), '6.12', 'blk') },
  { driver: 'vp_vdpa', type: 'net', make: () => vpVdpaManagement(port()) },
  { driver: 'vp_vdpa', type: 'blk', make: () => vpVdpaManagement(port(), 'blk') },
] as const)('a function that $driver manages: $type', ({ type, make }) => {
  function system() {
    const management = new Management();
    const device = make();
    management.register(device);
    const handle = { bus: 'pci', name: device.name };
    const add = (attributes: DeviceAttributes, name = 'vdpa0') => management.add(handle, name, attributes);
    const refusal = (attributes: DeviceAttributes, name?: string): number => {
      try {
        add(attributes, name);
      } catch (error) {
        if (error instanceof ManagementError) return error.errno;
        throw error;
      }
      return 0;
    };
    return { management, device, add, refusal };
  }

  it('makes one device, and another one when that is gone', () => {
    const { management, add, refusal } = system();
    const { ops } = add({}).device;
    ops.setStatus(STATUS.ACKNOWLEDGE);
    expect(refusal({}, 'vdpa1')).toBe(28);
    management.del('vdpa0');
    expect(ops.getStatus()).toBe(0);
    expect(refusal({}, 'vdpa1')).toBe(0);
  });

  it('tells what the device has', () => {
    const { device, add } = system();
    const made = add({}, 'own-name').device;
    expect(made.name).toBe('own-name');
    expect(device.classes).toEqual([type === 'net' ? 1 : 2]);
    expect(device.maxVqs).toBe(made.nvqs);
    expect(device.features).toBe(made.ops.getDeviceFeatures());
  });

  it('lets a device offer what was ordered at most, and refuses what there is not', () => {
    const { add, refusal } = system();
    expect(refusal({ features: BASE | (1n << 63n) })).toBe(22);
    expect(add({ features: BASE | F_RING_PACKED }).device.ops.getDeviceFeatures()).toBe(BASE | F_RING_PACKED);
  });
});

describe('ifcvf in Linux 6.1', () => {
  it('takes no features', () => {
    expect(ifcvfManagement(port(), '6.1').accepts).toEqual([]);
  });
});
