import { PERM } from '../../framework/device.ts';
import type { DmaView } from '../../framework/memory/iotlb.ts';
import type { DeviceRingConfig } from '../../framework/virtqueue/device/ring.ts';
import { packedAreaSizes, splitAreaSizes } from '../../specs/virtio-1.1/ring-layout.ts';

/**
 * Whether the three areas of a ring are mapped with the permissions that a device needs (sections 2.6 and
 * 2.7.10.1). In a split ring without EVENT_IDX the event fields at the ends do not count.
 */
export function areasMapped(dma: DmaView, config: DeviceRingConfig, packed: boolean): boolean {
  const { num, descArea, driverArea, deviceArea, eventIdx } = config;
  if (packed) {
    const { ring, driver, device } = packedAreaSizes(num);
    return (
      dma.permits(descArea, ring, PERM.RW) &&
      dma.permits(driverArea, driver, PERM.RO) &&
      dma.permits(deviceArea, device, PERM.WO)
    );
  }
  const { desc, avail, used } = splitAreaSizes(num);
  const unused = eventIdx ? 0 : 2;
  return (
    dma.permits(descArea, desc, PERM.RO) &&
    dma.permits(driverArea, avail - unused, PERM.RO) &&
    dma.permits(deviceArea, used - unused, PERM.WO)
  );
}
