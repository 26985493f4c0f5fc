import type { VqState } from '../../device.ts';
import type { DmaView } from '../../memory/iotlb.ts';
import { PackedDeviceRing } from './packed.ts';
import type { DeviceRingConfig } from './ring.ts';
import { SplitDeviceRing } from './split.ts';

/**
 * The device side of a queue in the negotiated format, starting at `start` (the half of its format).
 *
 * @throws RangeError when `config.num` is no integer from 1 to 32768
 */
export function createDeviceRing(
  packed: boolean,
  ringDma: DmaView,
  bufferDma: DmaView,
  config: DeviceRingConfig,
  start?: VqState,
): SplitDeviceRing | PackedDeviceRing {
  return packed
    ? new PackedDeviceRing(ringDma, bufferDma, config, start?.packed)
    : new SplitDeviceRing(ringDma, bufferDma, config, start?.split);
}
