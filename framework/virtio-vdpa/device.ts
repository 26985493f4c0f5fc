import { STATUS } from '../../specs/virtio-1.1/status.ts';
import type { BoundDevice, QueueSetup } from '../bound-device.ts';
import type { VdpaBusDriver } from '../bus.ts';
import { initialVqState, type VdpaCallback, type VdpaDevice } from '../device.ts';
import { AddressSpace } from '../memory/address-space.ts';

/** Reads of the status after a reset before it is given up; a parent may finish a reset late (4.1.4.3.1). */
export const RESET_POLLS = 64;

/**
 * A vDPA device bound to the virtio-vdpa bus driver: what a virtio driver sees of it. Each method is one
 * duty of a virtio driver (section 3.1.1) and does it right; a test that wants it wrong calls `ops`.
 */
export class VirtioVdpaDevice implements BoundDevice {
  readonly vdpa: VdpaDevice;
  /** One address space per ASID of the parent; 0 is where every queue group starts. */
  readonly spaces: AddressSpace[] = [];

  constructor(vdpa: VdpaDevice) {
    this.vdpa = vdpa;
    for (let asid = 0; asid < vdpa.nas; asid++) this.spaces.push(new AddressSpace(vdpa.ops, asid));
  }

  get ops() {
    return this.vdpa.ops;
  }

  /** Reset and wait for status 0. Returns the statuses read; the last one is 0 unless the reset hangs. */
  reset(): { error: number; reads: number[] } {
    const error = this.ops.reset();
    const reads: number[] = [];
    for (let i = 0; i < RESET_POLLS; i++) {
      reads.push(this.ops.getStatus());
      if (reads[i] === 0) break;
    }
    return { error, reads };
  }

  /** Set further status bits, keeping those that are set (section 2.1.1). */
  addStatus(bits: number): void {
    this.ops.setStatus(this.ops.getStatus() | bits);
  }

  /** Accept `features` and set FEATURES_OK. Returns whether the device agreed (section 3.1.1, steps 4 to 6). */
  negotiate(features: bigint): boolean {
    const error = this.ops.setDriverFeatures(features);
    if (error < 0) return false;
    this.addStatus(STATUS.FEATURES_OK);
    return (this.ops.getStatus() & STATUS.FEATURES_OK) !== 0;
  }

  /** Size limit of queue `idx`; 0 when it does not exist. */
  maxSize(idx: number): number {
    return this.ops.getVqSize?.(idx) ?? this.ops.getVqNumMax();
  }

  /** Set one queue up in the order of `virtio_vdpa_setup_vq`. Returns 0 or the errno of the op that refused. */
  setupQueue(idx: number, setup: QueueSetup): number {
    const { ops } = this;
    ops.setVqCb(idx, { callback: setup.callback });
    const does = (op: 'num' | 'address' | 'state') => !setup.omit?.includes(op);
    if (does('num')) ops.setVqNum(idx, setup.num);
    if (does('address')) {
      const error = ops.setVqAddress(idx, setup.desc.iova, setup.driver.iova, setup.device.iova);
      if (error < 0) return error;
    }
    if (does('state')) {
      const error = ops.setVqState(idx, setup.state ?? initialVqState());
      if (error < 0) return error;
    }
    if (setup.ready ?? true) ops.setVqReady(idx, true);
    return 0;
  }

  /** Register for configuration changes; null stops them. */
  onConfigChange(callback: VdpaCallback['callback']): void {
    this.ops.setConfigCb({ callback });
  }

  /** `length` bytes of configuration at `offset`; consistent when the parent has a generation (2.4.1). */
  readConfig(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let attempt = 0; attempt < 8; attempt++) {
      const before = this.ops.getGeneration?.() ?? 0;
      this.ops.getConfig(offset, bytes);
      if ((this.ops.getGeneration?.() ?? 0) === before) break;
    }
    return bytes;
  }
}

/** The virtio-vdpa bus driver: turns a vDPA device into a device for virtio drivers. */
export const virtioVdpa: VdpaBusDriver<VirtioVdpaDevice> = {
  name: 'virtio-vdpa',
  probe: (device) => new VirtioVdpaDevice(device),
  remove: (device) => {
    device.ops.reset();
  },
};
