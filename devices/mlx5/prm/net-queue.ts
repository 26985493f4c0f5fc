import type { Field } from './fields.ts';

/** VIRTIO_NET_Q object (`mlx5_ifc_vdpa.h`), offsets from the context. */
export const NET_Q = {
  features_12_3: [0x10, 31, 22],
  state: [0x10, 3, 0],
  features_2_0: [0x14, 26, 24],
  tisn_or_qpn: [0x14, 23, 0],
  hw_available_index: [0x28, 31, 16],
  hw_used_index: [0x28, 15, 0],
} as const satisfies Record<string, Field>;

/** 64-bit `modify_field_select`. */
export const MODIFY_SELECT_AT = 0x00;

/** Where the virtio_q context begins in the object. */
export const VIRTIO_Q_AT = 0x40;

/** virtio_q context, offsets from its own beginning. */
export const VIRTIO_Q = {
  virtio_q_type: [0x00, 31, 24],
  event_mode: [0x00, 18, 16],
  queue_index: [0x00, 15, 0],
  virtio_version_1_0: [0x04, 30, 30],
  event_qpn_or_msix: [0x04, 23, 0],
  queue_size: [0x08, 15, 0],
  virtio_q_mkey: [0x28, 31, 0],
  error_type: [0x2c, 7, 0],
  counter_set_id: [0x60, 31, 0],
  pd: [0x64, 23, 0],
  desc_group_mkey: [0x6c, 31, 0],
} as const satisfies Record<string, Field>;
/** 64-bit addresses of the three areas. */
export const AREA_AT = { desc: 0x10, used: 0x18, available: 0x20 } as const;
/** Three times id and size of a umem, and 64-bit offset in it. */
export const UMEM_FIELDS = { id: [0x00, 31, 0], size: [0x04, 31, 0] } as const satisfies Record<
  string,
  Field
>;
export const UMEMS_AT = [0x30, 0x40, 0x50] as const;
export const NET_Q_SIZE = VIRTIO_Q_AT + 0x80;

export const QUEUE_TYPE = { SPLIT: 0, PACKED: 1 } as const;
export const EVENT_MODE = { NONE: 0, QP: 1, MSIX: 2 } as const;

/** States of a queue object. */
export const Q_STATE = { INIT: 0, RDY: 1, SUSPEND: 2, ERR: 3 } as const;
export type QueueState = (typeof Q_STATE)[keyof typeof Q_STATE];

/** Bits of `modify_field_select`. */
export const MODIFY = {
  STATE: 1 << 0,
  ADDRS: 1 << 6,
  AVAIL_INDEX: 1 << 7,
  USED_INDEX: 1 << 8,
  VERSION: 1 << 10,
  MKEY: 1 << 11,
  FEATURES: 1 << 12,
  DESC_GROUP_MKEY: 1 << 14,
} as const;

/** VIRTIO_Q_COUNTERS object: 64-bit counters first, then 32-bit ones. */
export const COUNTERS_AT = { received_desc: 0x10, completed_desc: 0x18 } as const;
export const COUNTERS_SIZE = 0x40;

/** Virtio feature bits by bit of the 13-bit feature mask of queue objects and capabilities. */
export const FEATURE_BITS: ReadonlyMap<number, number> = new Map([
  [2, 15], // MRG_RXBUF
  [4, 13], // HOST_ECN
  [6, 9], // GUEST_ECN
  [7, 8], // GUEST_TSO6
  [8, 7], // GUEST_TSO4
  [9, 1], // GUEST_CSUM
  [10, 0], // CSUM
  [11, 12], // HOST_TSO6
  [12, 11], // HOST_TSO4
]);

const LOW_WORD = 0xffff_ffffn;

/** The 13-bit mask that stands for virtio `features`; bits without a counterpart are left out. */
export function toQueueFeatures(features: bigint): number {
  const low = Number(features & LOW_WORD);
  let mask = 0;
  for (const [own, virtio] of FEATURE_BITS) mask |= ((low >>> virtio) & 1) << own;
  return mask;
}

/** The virtio features that a 13-bit mask stands for. */
export function toVirtioFeatures(mask: number): bigint {
  let features = 0;
  for (const [own, virtio] of FEATURE_BITS) features |= ((mask >>> own) & 1) << virtio;
  return BigInt(features);
}
