import { ERRNO, type VdpaConfigOps, type VdpaDevice } from '../../framework/device.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import { Engine } from './engine.ts';
import { isConsistent } from './feature-offer.ts';

export { KEPT } from './engine.ts';
export type { DeviceProfile } from './profile.ts';
export { SimQueue } from './queue.ts';

/**
 * A software device behind vDPA: the whole contract, for any device type. A device type adds `execute` for
 * its requests and, where it has such things, writable configuration, queue groups and a state of its own.
 *
 * The object is its own `ops`. Every step is a public method looked up at call time, so that a variant or a
 * seeded defect replaces one of them on an instance at no cost to the others.
 */
export abstract class SimulatorDevice extends Engine implements VdpaDevice, VdpaConfigOps {
  get ops(): VdpaConfigOps {
    return this;
  }

  // ── features (section 2.2) ────────────────────────────────────────────────────────────────────
  /** Store what the driver accepts. -EBUSY once FEATURES_OK holds; -EINVAL, and no change, for a set that cannot be accepted. */
  setDriverFeatures(features: bigint): number {
    if ((this.status & STATUS.FEATURES_OK) !== 0) return -ERRNO.EBUSY;
    if (features !== 0n && !this.featuresAcceptable(features)) return -ERRNO.EINVAL;
    this.driverFeatures = features;
    return 0;
  }

  /** Whether the device works with exactly these features (sections 2.2.2 and 6.2). */
  featuresAcceptable(features: bigint): boolean {
    return isConsistent(features, this.profile.features, this.profile.deviceType);
  }

  /** FEATURES_OK was accepted: features are in force. */
  featuresAccepted(): void {}

  // ── status (section 2.1) ──────────────────────────────────────────────────────────────────────
  getStatus(): number {
    return this.status;
  }

  /**
   * Write the device status. Bits only ever get set: a driver may not clear one (section 2.1.1), and
   * DEVICE_NEEDS_RESET is the device's own. FEATURES_OK stays clear when the features do not suit,
   * DRIVER_OK when FEATURES_OK is missing or a ready queue cannot start. 0 is a reset.
   */
  setStatus(status: number): void {
    if (status === 0) {
      this.reset();
      return;
    }
    let added = status & 0xff & ~STATUS.DEVICE_NEEDS_RESET & ~this.status;
    if ((added & STATUS.FEATURES_OK) !== 0 && !this.featuresAcceptable(this.driverFeatures))
      added &= ~STATUS.FEATURES_OK;
    if (((this.status | added) & STATUS.FEATURES_OK) === 0) added &= ~STATUS.DRIVER_OK;
    this.status |= added & ~STATUS.DRIVER_OK;
    if ((added & STATUS.FEATURES_OK) !== 0) this.featuresAccepted();
    if ((added & STATUS.DRIVER_OK) !== 0) this.startDevice();
  }

  /** DRIVER_OK is being set: start every ready queue. */
  startDevice(): void {
    if (!this.broken && !this.startQueues()) {
      this.needsReset('a ready queue cannot start');
      return;
    }
    this.status |= STATUS.DRIVER_OK;
    if (this.broken) this.notifyConfig();
    else this.started();
  }

  /** DRIVER_OK is set and the queues run. */
  started(): void {}

  /** Start every ready queue that does not run; nothing starts while suspended. False when one cannot start. */
  startQueues(): boolean {
    if (this.suspended) return true;
    for (const queue of this.queues)
      if (queue.ready && queue.ring === null && !this.startQueue(queue)) return false;
    return true;
  }

  /** Set DEVICE_NEEDS_RESET, stop everything, and tell the driver if it is running (section 2.1.2). */
  needsReset(why: string): void {
    if (this.broken) return;
    this.broken = true;
    this.failure = why;
    this.status |= STATUS.DEVICE_NEEDS_RESET;
    this.notifyConfig();
  }

  /** (ability `fault`) Enter an error state that only a reset leaves. */
  fail(): void {
    this.needsReset('forced by the back end');
  }

  // ── reset, suspend, resume ────────────────────────────────────────────────────────────────────
  /** Back to the state after creation, mappings excepted. Nothing in flight is finished or reported. */
  reset(): number {
    this.status = 0;
    this.driverFeatures = 0n;
    this.suspended = false;
    this.broken = false;
    this.failure = undefined;
    this.configCallback = null;
    this.configSignalDue = false;
    this.cursor = 0;
    for (const queue of this.queues) queue.reset();
    this.translation.resetGroups();
    this.dirty?.stop();
    this.applyDeferredChanges();
    this.deviceReset();
    return 0;
  }

  /** Reset what belongs to the device type. */
  deviceReset(): void {}

  /** Stop taking buffers and finish those taken; all state stays and no notification comes any more. */
  suspend(): number {
    if (this.suspended) return 0;
    for (const queue of this.queues) this.stopQueue(queue);
    this.suspended = true;
    return 0;
  }

  /** Go on where each queue stood, looking at every ready queue once: kicks may have come meanwhile. */
  resume(): number {
    if (!this.suspended) return 0;
    this.suspended = false;
    if (this.driverOk && !this.broken && !this.startQueues()) this.needsReset('a ready queue cannot start');
    this.applyDeferredChanges();
    if (this.configSignalDue) {
      this.configSignalDue = false;
      this.notifyConfig();
    }
    return 0;
  }

  /** Release everything: from here on the device is silent. */
  free(): void {
    this.reset();
    this.translation.clearAll();
  }
}
