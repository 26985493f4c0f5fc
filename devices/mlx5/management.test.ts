import { describe, expect, it } from 'vitest';
import { Management } from '../../framework/management/management.ts';
import type { DeviceAttributes } from '../../framework/management/management-device.ts';
import { ManagementError } from '../../framework/management/management-error.ts';
import { describeStatistics } from '../../framework/management/queries.ts';
import { HostMemory } from '../../framework/memory/host-memory.ts';
import { F_ACCESS_PLATFORM, F_VERSION_1, NET_F } from '../../specs/virtio-1.1/features.ts';
import { mlx5Management } from './management.ts';

const NAME = '0000:01:00.2';
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 5);
const BASE = F_VERSION_1 | F_ACCESS_PLATFORM;

function system(mac?: Uint8Array) {
  const management = new Management();
  management.register(mlx5Management(new HostMemory(1 << 16).port(), NAME, mac));
  const add = (attributes: DeviceAttributes, name = 'vdpa0') =>
    management.add({ bus: 'pci', name: NAME }, name, attributes);
  /** Errno of an addition that fails. */
  const refusal = (attributes: DeviceAttributes, name?: string): number => {
    try {
      add(attributes, name);
    } catch (error) {
      if (error instanceof ManagementError) return error.errno;
      throw error;
    }
    return 0;
  };
  return { management, add, refusal };
}

describe('the management device of a function', () => {
  it('makes one device, and another one when that is gone', () => {
    const { management, add, refusal } = system(MAC);
    add({});
    expect(refusal({}, 'vdpa1')).toBe(28);
    management.del('vdpa0');
    expect(refusal({}, 'vdpa1')).toBe(0);
  });

  it('provisions address, MTU, pairs and features', () => {
    const { add } = system();
    const { device } = add({ mac: MAC, mtu: 9000, maxVqPairs: 3 });
    const config = new Uint8Array(24);
    device.ops.getConfig(0, config);
    expect([...config.subarray(0, 12)]).toEqual([...MAC, 1, 0, 3, 0, 0x28, 0x23]);
    expect(device.nvqs).toBe(7);
    expect(device.ops.getDeviceFeatures() & (NET_F.MRG_RXBUF | NET_F.MAC)).toBe(NET_F.MAC);
    const few = BASE | NET_F.MRG_RXBUF;
    expect(system().add({ features: few }).device.ops.getDeviceFeatures()).toBe(few);
  });

  it('has one pair and no address of its own unless told otherwise', () => {
    const { device } = system().add({});
    expect(device.nvqs).toBe(3);
    expect(device.ops.getDeviceFeatures() & NET_F.MAC).toBe(0n);
  });

  it.each([
    ['features without VERSION_1', { features: F_ACCESS_PLATFORM }, 95],
    ['features without ACCESS_PLATFORM', { features: F_VERSION_1 }, 95],
    ['features that the function lacks', { features: BASE | NET_F.GUEST_UFO }, 22],
    ['more pairs than there are', { maxVqPairs: 9 }, 22],
    ['an address of zeros', { mac: new Uint8Array(6) }, 22],
    ['MAC without an address', { features: BASE | NET_F.MAC }, 22],
  ])('refuses %s', (_, attributes, errno) => {
    const { refusal } = system();
    expect(refusal(attributes)).toBe(errno);
    expect(refusal({})).toBe(0);
  });

  it('shows the statistics of a queue once features are negotiated', () => {
    const { management, add } = system(MAC);
    const { device } = add({});
    const managed = management.managed('vdpa0')!;
    expect(() => describeStatistics(managed, 2)).toThrow(ManagementError);
    device.ops.setStatus(3);
    device.ops.setDriverFeatures(device.ops.getDeviceFeatures() & ~NET_F.MQ);
    device.ops.setStatus(11);
    const text = Buffer.from(describeStatistics(managed, 2).bytes()).toString('latin1');
    expect(text).toContain('received_desc');
    expect(text).toContain('completed_desc');
    expect(() => describeStatistics(managed, 1)).toThrow(ManagementError);
  });
});
