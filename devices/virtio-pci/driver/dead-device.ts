import { ERRNO, type VdpaConfigOps, type VdpaDevice } from '../../../framework/device.ts';

/**
 * What stands on the bus where probing failed: it answers every op as a device that is not there, so that cases
 * can still look at the transport and say what is wrong with it. Nothing can be started.
 */
export class DeadDevice implements VdpaDevice, VdpaConfigOps {
  readonly name = 'vdpa0';
  readonly nvqs = 1;
  readonly ngroups = 1;
  readonly nas = 1;
  /** Why probing failed. */
  readonly problem: string;

  constructor(problem: string) {
    this.problem = problem;
  }

  get ops(): VdpaConfigOps {
    return this;
  }
  setVqAddress(): number {
    return -ERRNO.EIO;
  }
  setVqNum(): void {}
  kickVq(): void {}
  setVqCb(): void {}
  setVqReady(): void {}
  getVqReady(): boolean {
    return false;
  }
  setVqState(): number {
    return -ERRNO.EIO;
  }
  getVqState(): number {
    return -ERRNO.EIO;
  }
  getVqAlign(): number {
    return 16;
  }
  getDeviceFeatures(): bigint {
    return 0n;
  }
  setDriverFeatures(): number {
    return -ERRNO.EIO;
  }
  getDriverFeatures(): bigint {
    return 0n;
  }
  setConfigCb(): void {}
  getVqNumMax(): number {
    return 1;
  }
  getDeviceId(): number {
    return 0;
  }
  getVendorId(): number {
    return 0;
  }
  getStatus(): number {
    return 0;
  }
  setStatus(): void {}
  reset(): number {
    return 0;
  }
  getConfigSize(): number {
    return 0;
  }
  getConfig(): void {}
  setConfig(): void {}
  dmaMap(): number {
    return 0;
  }
  dmaUnmap(): number {
    return 0;
  }
}
