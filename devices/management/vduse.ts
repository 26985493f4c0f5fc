import { ERRNO } from '../../framework/device.ts';
import type { ManagementDevice } from '../../framework/management/management-device.ts';
import type { ParentInstance } from '../../framework/parent.ts';
import { deviceId } from '../../specs/virtio-1.1/device-ids.ts';

/** Makes the vDPA device of a VDUSE device; null while a queue of it is not set up. */
export type VduseSource = () => ParentInstance | null;

/**
 * The management device `vduse`: a name is that of a VDUSE device, which a daemon has created before. Until
 * one is offered, nothing can be added.
 */
export class VduseManagement implements ManagementDevice {
  readonly name = 'vduse';
  readonly classes = [deviceId('blk')];
  readonly accepts = [];
  readonly features = 0n;
  readonly maxVqs = 0;
  readonly #sources = new Map<string, VduseSource>();

  /** A daemon has created the VDUSE device `name`. */
  offer(name: string, source: VduseSource): void {
    this.#sources.set(name, source);
  }

  /** The VDUSE device is gone. */
  withdraw(name: string): void {
    this.#sources.delete(name);
  }

  devAdd(name: string): ParentInstance | number {
    return this.#sources.get(name)?.() ?? -ERRNO.EINVAL;
  }

  devDel(instance: ParentInstance): void {
    instance.dispose?.();
  }
}
