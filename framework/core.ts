import type { VdpaConfigOps, VdpaDevice } from './device.ts';

/**
 * What the vDPA core does between bus drivers and a parent, for those ops that go through it: whether the features
 * of this session are known, and what happens when the configuration is read before they are.
 */
export class VdpaCore {
  readonly device: VdpaDevice;
  #featuresValid = false;

  constructor(device: VdpaDevice) {
    this.device = device;
  }

  get ops(): VdpaConfigOps {
    return this.device.ops;
  }

  /** Reset, with `flags` through compat_reset where the parent has it. 0 or -errno. */
  reset(flags = 0): number {
    this.#featuresValid = false;
    const { ops } = this;
    return flags !== 0 && ops.compatReset !== undefined ? ops.compatReset(flags) : ops.reset();
  }

  setFeatures(features: bigint): number {
    this.#featuresValid = true;
    return this.ops.setDriverFeatures(features);
  }

  /** Read configuration bytes. A driver that reads before it accepts features is a legacy one: it accepts none. */
  getConfig(offset: number, bytes: Uint8Array): void {
    if (!this.#featuresValid) this.setFeatures(0n);
    this.ops.getConfig(offset, bytes);
  }

  setConfig(offset: number, bytes: Uint8Array): void {
    this.ops.setConfig(offset, bytes);
  }

  setStatus(status: number): void {
    this.ops.setStatus(status);
  }
}
