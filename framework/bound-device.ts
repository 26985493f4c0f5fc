import type { VdpaCallback, VdpaConfigOps, VdpaDevice, VqState } from './device.ts';
import type { AddressSpace } from './memory/address-space.ts';
import type { Area } from './virtqueue/driver/ring.ts';

/** The bus drivers of the framework by name. */
export const BUS_DRIVERS = ['virtio-vdpa', 'vhost-vdpa'] as const;
export type BusDriverName = (typeof BUS_DRIVERS)[number];

/** What a queue needs to be set up. */
export interface QueueSetup {
  num: number;
  desc: Area;
  driver: Area;
  device: Area;
  callback: (() => void) | null;
  /** Position to start from; default: the state of a queue that never ran. */
  state?: VqState;
  /** Make it ready at once (default true). */
  ready?: boolean;
  /** Ops that are not called, so that a test sees what the parent falls back to. */
  omit?: readonly ('num' | 'address' | 'state')[];
}

/**
 * What a virtio driver works with, whichever bus driver is in between: each method is one duty of a virtio
 * driver (section 3.1.1) and does it right; a test that wants it wrong calls `ops`.
 */
export interface BoundDevice {
  readonly vdpa: VdpaDevice;
  /** The contract as this bus driver lets its user reach it. */
  readonly ops: VdpaConfigOps;
  /** One address space per ASID of the parent; 0 is where every queue group starts. */
  readonly spaces: readonly AddressSpace[];
  /** Reset and wait for status 0. Returns the statuses read; the last one is 0 unless the reset hangs. */
  reset(): { error: number; reads: number[] };
  /** Set further status bits, keeping those that are set (section 2.1.1). */
  addStatus(bits: number): void;
  /** Accept `features` and set FEATURES_OK. Returns whether the device agreed (section 3.1.1, steps 4 to 6). */
  negotiate(features: bigint): boolean;
  /** Size limit of queue `idx`; 0 when it does not exist. */
  maxSize(idx: number): number;
  /** Set one queue up. Returns 0 or the errno of the op that refused. */
  setupQueue(idx: number, setup: QueueSetup): number;
  /** Register for configuration changes; null stops them. */
  onConfigChange(callback: VdpaCallback['callback']): void;
  /** `length` bytes of configuration at `offset`; consistent when the parent has a generation (2.4.1). */
  readConfig(offset: number, length: number): Uint8Array;
}
