/**
 * Memory that a device outside this process reaches as well. Offsets into `bytes` are the host physical
 * addresses of `dmaMap` and `setMap`. A parent that provides it (`ParentDefinition.memory`) gets the same
 * object back in `create` and knows by its own type how the device comes to it: an fd, an address, an offset.
 */
export interface SharedMemory {
  /** As many bytes as were asked for; its offset in its buffer is a multiple of 8. */
  readonly bytes: Uint8Array;
  /** Give it back; no device uses it any more. */
  dispose(): void;
}
