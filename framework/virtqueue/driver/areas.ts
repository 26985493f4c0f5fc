import {
  MAX_QUEUE_SIZE,
  PACKED_ALIGN,
  packedAreaSizes,
  SPLIT_ALIGN,
  splitAreaSizes,
} from '../../../specs/virtio-1.1/ring-layout.ts';
import { type DriverRingConfig, DriverRingError } from './ring.ts';

/** Virtqueue format (sections 2.6 and 2.7). */
export type RingFormat = 'split' | 'packed';

/** Bytes that an area needs and the lowest alignment of its address. */
export interface AreaLayout {
  readonly size: number;
  readonly align: number;
}

/** What a queue needs of memory. */
export interface QueueLayout {
  readonly desc: AreaLayout;
  readonly driver: AreaLayout;
  readonly device: AreaLayout;
}

/**
 * Sizes and alignments of the three areas of a queue (sections 2.6 and 2.7.10.1). The event fields at the
 * end of the split rings are always included, so the same areas serve with and without EVENT_IDX.
 *
 * @throws DriverRingError `bad-config` when `num` is not from 1 to 32768, or not a power of two in split
 */
export function layoutQueue(format: RingFormat, num: number): QueueLayout {
  if (!Number.isInteger(num) || num < 1 || num > MAX_QUEUE_SIZE) {
    throw new DriverRingError(
      'bad-config',
      `queue size ${num} is not an integer from 1 to ${MAX_QUEUE_SIZE}`,
    );
  }
  if (format === 'packed') {
    const sizes = packedAreaSizes(num);
    return {
      desc: { size: sizes.ring, align: PACKED_ALIGN.ring },
      driver: { size: sizes.driver, align: PACKED_ALIGN.driver },
      device: { size: sizes.device, align: PACKED_ALIGN.device },
    };
  }
  if ((num & (num - 1)) !== 0) {
    throw new DriverRingError('bad-config', `split queue size ${num} is not a power of two (section 2.6)`);
  }
  const sizes = splitAreaSizes(num);
  return {
    desc: { size: sizes.desc, align: SPLIT_ALIGN.desc },
    driver: { size: sizes.avail, align: SPLIT_ALIGN.avail },
    device: { size: sizes.used, align: SPLIT_ALIGN.used },
  };
}

/**
 * Zero the areas of a queue that is about to start (sections 2.6.10.1 and 2.7.13), after checking that they
 * are large enough and lie in memory. Alignment is left to the caller: some tests break it on purpose.
 */
export function clearAreas(format: RingFormat, config: DriverRingConfig): void {
  const layout = layoutQueue(format, config.num);
  for (const name of ['desc', 'driver', 'device'] as const) {
    const { pa, size } = config[name];
    const need = layout[name].size;
    if (size < need) {
      throw new DriverRingError('bad-config', `${name} area has ${size} bytes, ${need} are needed`);
    }
    if (!Number.isInteger(pa) || pa < 0 || pa + need > config.memory.size) {
      throw new DriverRingError('bad-config', `${name} area at ${pa} is not inside host memory`);
    }
  }
  for (const name of ['desc', 'driver', 'device'] as const) {
    const { pa } = config[name];
    config.memory.bytes.fill(0, pa, pa + layout[name].size);
  }
}
