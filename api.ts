/**
 * What a vendor's own parent imports from `vdpa-cts`: the contract, access to memory, the device side of
 * virtqueues, and the numbers of the specification. Start with `examples/README.md`.
 */

export {
  ERRNO,
  type IotlbEntry,
  type Iova,
  initialVqState,
  PERM,
  type Perm,
  VDPA_RESET_F_CLEAN_MAP,
  type VdpaCallback,
  type VdpaConfigOps,
  type VdpaDevice,
  type VdpaIovaRange,
  type VdpaNotificationArea,
  type VqState,
  type VqStatePacked,
  type VqStateSplit,
} from './framework/device.ts';
export { type DevicePort, DmaFault } from './framework/memory/host-memory.ts';
export { DmaView, Iotlb } from './framework/memory/iotlb.ts';
export {
  ABILITIES,
  type Ability,
  type BackendControl,
  type DeclaredFacts,
  defineParent,
  type ParentDefinition,
  type ParentEnvironment,
  type ParentInstance,
  type ParentOption,
} from './framework/parent.ts';
export type {
  FrameMeta,
  MetaSupport,
  PacketPeer,
  PeerCaps,
  PeerOffload,
  TakenFrame,
} from './framework/peer.ts';
export { createDeviceRing } from './framework/virtqueue/device/create.ts';
export {
  type DeviceBuffer,
  type DeviceRing,
  type DeviceRingConfig,
  RingError,
  type RingErrorCode,
  readableBytes,
  writableBytes,
} from './framework/virtqueue/device/ring.ts';
export { type DeviceName, deviceId } from './specs/virtio-1.1/device-ids.ts';
export {
  BLK_F,
  F_ACCESS_PLATFORM,
  F_EVENT_IDX,
  F_IN_ORDER,
  F_INDIRECT_DESC,
  F_NOTIFICATION_DATA,
  F_ORDER_PLATFORM,
  F_RING_PACKED,
  F_VERSION_1,
  NET_F,
} from './specs/virtio-1.1/features.ts';
export { PACKED_ALIGN, SPLIT_ALIGN } from './specs/virtio-1.1/ring-layout.ts';
export { STATUS } from './specs/virtio-1.1/status.ts';
