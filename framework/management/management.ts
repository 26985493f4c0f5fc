import type { VdpaRelease } from '../../specs/vdpa/netlink.ts';
import { BusError, VdpaBus } from '../bus.ts';
import type { VdpaDevice } from '../device.ts';
import { NL_ERRNO as E } from '../netlink/netlink-error.ts';
import type { ParentInstance } from '../parent.ts';
import { checkAgainst, checkClasses, checkFeatures } from './attribute-checks.ts';
import type { DeviceAttributes, ManagementDevice } from './management-device.ts';
import { ManagementError } from './management-error.ts';

/** A device that was made by a management device. */
export interface ManagedDevice {
  readonly device: VdpaDevice;
  readonly instance: ParentInstance;
  readonly by: ManagementDevice;
  /** What was asked for, later changes included. */
  readonly attributes: DeviceAttributes;
}

/** What names a management device: its name, with its bus if it has one. */
export interface ManagementHandle {
  readonly bus?: string;
  readonly name?: string;
}

/** Virtio device id of a network device. */
const NET = 1;

/**
 * Management of vDPA devices (the management half of `drivers/vdpa/vdpa.c`): which management devices there
 * are, and devices made, shown and removed by name. Checks come in the kernel's order; refusals are
 * {@link ManagementError} with its errno and text.
 */
export class Management {
  readonly bus: VdpaBus;
  /** Kernel release whose checks apply. */
  readonly release: VdpaRelease;
  readonly #devices = new Map<string, ManagementDevice>();
  readonly #managed = new Map<string, ManagedDevice>();

  constructor(release: VdpaRelease = '6.12', bus = new VdpaBus()) {
    this.release = release;
    this.bus = bus;
  }

  // ── management devices ────────────────────────────────────────────────────────────────────────
  /** Make a management device known. @throws ManagementError EINVAL, EEXIST */
  register(device: ManagementDevice): void {
    if (typeof device.devAdd !== 'function' || typeof device.devDel !== 'function')
      throw new ManagementError(E.EINVAL, 'a management device needs devAdd and devDel');
    const handle = handleText(device);
    if (this.#devices.has(handle)) throw new ManagementError(E.EEXIST, `${handle} is known already`);
    this.#devices.set(handle, device);
  }

  /** Forget a management device and remove all devices that it made. */
  unregister(device: ManagementDevice): void {
    if (this.#devices.get(handleText(device)) !== device) return;
    this.#devices.delete(handleText(device));
    for (const managed of [...this.#managed.values()]) if (managed.by === device) this.#remove(managed);
  }

  /** In the order of registration. */
  managementDevices(): ManagementDevice[] {
    return [...this.#devices.values()];
  }

  /**
   * The management device of this handle. One with a bus is found only with that bus, one without only
   * without. @throws ManagementError EINVAL without a name, ENODEV
   */
  find({ bus, name }: ManagementHandle, text: string): ManagementDevice {
    if (name === undefined) throw new ManagementError(E.EINVAL, text);
    const device = this.managementDevices().find((one) => one.name === name && one.bus === bus);
    if (device === undefined) throw new ManagementError(E.ENODEV, text);
    return device;
  }

  // ── devices ───────────────────────────────────────────────────────────────────────────────────
  /** Every device on the bus, in the order of their registration. */
  devices(): VdpaDevice[] {
    return this.bus.devices();
  }

  /** The device of this name as its management device made it; undefined for one that nobody manages. */
  managed(name: string): ManagedDevice | undefined {
    return this.#managed.get(name);
  }

  /** The device of this name. @throws ManagementError ENODEV */
  device(name: string): VdpaDevice {
    const device = this.devices().find((one) => one.name === name);
    if (device === undefined) throw new ManagementError(E.ENODEV, 'device not found');
    return device;
  }

  /**
   * Make a device and put it on the bus.
   *
   * @param name a `/` becomes `!`, as names in sysfs want it
   * @param admin the caller has CAP_NET_ADMIN
   * @throws ManagementError with the kernel's errno and text, or with what the parent answered
   */
  add(handle: ManagementHandle, name: string, attributes: DeviceAttributes, admin = true): ManagedDevice {
    if (attributes.maxVqPairs === 0)
      throw new ManagementError(E.EINVAL, 'At least one pair of VQs is required');
    if (this.release !== '6.1') checkFeatures(attributes);
    const net = attributes.mac ?? attributes.mtu ?? attributes.maxVqPairs;
    if (net !== undefined && !admin) throw new ManagementError(E.EPERM);
    const by = this.find(handle, 'Fail to find the specified management device');
    checkAgainst(by, attributes, this.release);
    if (this.release !== '6.1') checkClasses(by, attributes);
    const busName = this.busName(name);
    if (busName === '') throw new ManagementError(E.EINVAL);
    const instance = by.devAdd(busName, attributes);
    if (typeof instance === 'number') throw new ManagementError(-instance);
    try {
      this.bus.register(instance.device);
    } catch (error) {
      by.devDel(instance);
      if (error instanceof BusError) throw new ManagementError(E[error.code]);
      throw error;
    }
    const managed = { device: instance.device, instance, by, attributes };
    this.#managed.set(instance.device.name, managed);
    return managed;
  }

  /** The name of a device on the bus: as names in sysfs want it. */
  busName(name: string): string {
    return name.replaceAll('/', '!');
  }

  /** Remove a device. @throws ManagementError ENODEV, EINVAL for one that nobody manages */
  del(name: string): void {
    this.device(name);
    const managed = this.#managed.get(name);
    if (managed === undefined)
      throw new ManagementError(E.EINVAL, 'Only user created device can be deleted by user');
    this.#remove(managed);
  }

  /**
   * Change the MAC address of a network device. Returns a remark that goes with the success, if there is one.
   * @throws ManagementError ENODEV, EINVAL, EOPNOTSUPP, or what the parent answered
   */
  set(name: string, attributes: DeviceAttributes): string | undefined {
    this.device(name);
    const managed = this.#managed.get(name);
    if (managed === undefined) throw new ManagementError(E.EINVAL, 'unmanaged vdpa device');
    const { by, instance } = managed;
    // The kernel reports success here and says in words that nothing was done.
    if (!by.classes.includes(NET)) return `${name} device not supported`;
    if (attributes.mac === undefined) throw new ManagementError(E.EOPNOTSUPP);
    if (!isUnicast(attributes.mac)) throw new ManagementError(E.EOPNOTSUPP, 'Invalid MAC address');
    if (by.devSetAttributes === undefined)
      throw new ManagementError(E.EOPNOTSUPP, 'Operation not supported by the device.');
    const result = by.devSetAttributes(instance, attributes);
    if (result < 0) throw new ManagementError(-result);
    this.#managed.set(name, { ...managed, attributes: { ...managed.attributes, mac: attributes.mac } });
    return undefined;
  }

  #remove({ device, instance, by }: ManagedDevice): void {
    this.bus.unregister(device.name);
    this.#managed.delete(device.name);
    by.devDel(instance);
  }
}

const handleText = ({ bus, name }: ManagementDevice) => (bus === undefined ? name : `${bus}/${name}`);

/** A station's own address: neither all zero nor a group. */
const isUnicast = (mac: Uint8Array) => (mac[0] & 1) === 0 && mac.some((byte) => byte !== 0);
