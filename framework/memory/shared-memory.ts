import type { Iova } from '../device.ts';

/** `size` bytes of host memory from offset `pa` on, which the device sees from `iova` on. */
export interface IovaWindow {
  readonly pa: number;
  readonly iova: Iova;
  readonly size: number;
}

/**
 * Memory that a device outside this process reaches as well. Offsets into `bytes` are the host physical
 * addresses of `dmaMap` and `setMap`. A parent that provides it (`ParentDefinition.memory`) gets the same
 * object back in `create` and knows by its own type how the device comes to it: an fd, an address, an offset.
 */
export interface SharedMemory {
  /** As many bytes as were asked for; its offset in its buffer is a multiple of 8. */
  readonly bytes: Uint8Array;
  /**
   * Where the device finds it when nothing translates: drivers then use these addresses as IOVAs. Without it any
   * IOVA will do, because the parent maps it.
   */
  readonly windows?: readonly IovaWindow[];
  /** Give it back; no device uses it any more. */
  dispose(): void;
}
