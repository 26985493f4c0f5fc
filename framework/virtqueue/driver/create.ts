import { PackedDriverRing } from './packed.ts';
import type { DriverRing, DriverRingConfig } from './ring.ts';
import { SplitDriverRing } from './split.ts';

/** A fresh driver ring of the negotiated format (VIRTIO_F_RING_PACKED, section 6); clears the areas. */
export function createDriverRing(packed: boolean, config: DriverRingConfig): DriverRing {
  return packed ? new PackedDriverRing(config) : new SplitDriverRing(config);
}
