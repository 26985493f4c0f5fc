import type { VdpaDevice } from './device.ts';

/** A driver on the vDPA bus, such as virtio-vdpa or vhost-vdpa. */
export interface VdpaBusDriver<Bound = unknown> {
  readonly name: string;
  /** Take over a device. Throws {@link BusError} when it does not suit. */
  probe(device: VdpaDevice): Bound;
  /**
   * Let go of it. A driver that cannot do so at once, because a process still uses the device, answers `later` and
   * calls `done` when it has; until then the device stays on the bus without being of use to anybody else.
   */
  remove?(device: VdpaDevice, bound: Bound, done: () => void): unknown;
}

/** A refusal of the bus, with the errno that Linux would give. */
export class BusError extends Error {
  readonly code: 'EINVAL' | 'EEXIST' | 'ENODEV' | 'EBUSY' | 'EOPNOTSUPP';
  constructor(code: 'EINVAL' | 'EEXIST' | 'ENODEV' | 'EBUSY' | 'EOPNOTSUPP', message: string) {
    super(message);
    this.code = code;
  }
}

interface Slot {
  readonly device: VdpaDevice;
  override: string | null;
  driver: VdpaBusDriver | null;
  bound: unknown;
  /** The driver is letting go and has not finished. */
  leaving: boolean;
  /** Whoever unregistered the device waits for that. */
  gone: (() => void) | null;
}

/**
 * The vDPA bus: devices and drivers meet here. As in Linux any driver matches any device unless
 * `driverOverride` names one, and drivers that were added are tried in their order when a device comes;
 * registration checks what `__vdpa_alloc_device` and `vdpa_dev_probe` check.
 */
export class VdpaBus {
  /** Bind devices and drivers by themselves as they come (`drivers_autoprobe`). */
  autoprobe = true;
  readonly #slots = new Map<string, Slot>();
  readonly #drivers = new Map<string, VdpaBusDriver>();

  /** Make a driver known; it gets every device that has none. @throws BusError EEXIST on a second of the same name */
  addDriver(driver: VdpaBusDriver): void {
    if (this.#drivers.has(driver.name))
      throw new BusError('EEXIST', `bus driver ${driver.name} is already registered`);
    this.#drivers.set(driver.name, driver);
    if (this.autoprobe) for (const slot of this.#slots.values()) this.#try(slot, driver);
  }

  /** Take a driver away, unbinding all its devices. @throws BusError ENODEV */
  removeDriver(name: string): void {
    if (!this.#drivers.delete(name)) throw new BusError('ENODEV', `no bus driver ${name}`);
    for (const slot of this.#slots.values()) if (slot.driver?.name === name) this.#detach(slot);
  }

  /** Put a device on the bus. @throws BusError EINVAL (malformed ops), EEXIST (name taken) */
  register(device: VdpaDevice): void {
    checkDevice(device);
    if (this.#slots.has(device.name)) throw new BusError('EEXIST', `${device.name} is already on the bus`);
    const slot: Slot = { device, override: null, driver: null, bound: null, leaving: false, gone: null };
    this.#slots.set(device.name, slot);
    if (this.autoprobe) this.#probe(slot);
  }

  /**
   * Take a device off the bus, unbinding its driver first. A driver that cannot let go at once keeps the name taken
   * until it has; `gone` is called when the device is off the bus. @throws BusError ENODEV
   */
  unregister(name: string, gone: () => void = () => {}): void {
    const slot = this.#slot(name);
    slot.gone = () => {
      this.#slots.delete(name);
      gone();
    };
    if (slot.driver === null) this.#finish(slot);
    else this.#detach(slot);
  }

  /** The devices on the bus, without those that are about to leave it. */
  devices(): VdpaDevice[] {
    return [...this.#slots.values()].filter((slot) => slot.gone === null).map((slot) => slot.device);
  }

  /** Name of the driver that holds a device; null when none does. @throws BusError ENODEV */
  driverOf(name: string): string | null {
    return this.#slot(name).driver?.name ?? null;
  }

  /** What the driver of a device made of it. @throws BusError ENODEV */
  boundTo(name: string): unknown {
    return this.#slot(name).bound;
  }

  /** Only the driver of this name may bind to the device from now on; null lifts the restriction. */
  driverOverride(name: string, driver: string | null): void {
    this.#slot(name).override = driver;
  }

  /** Look for a driver for a device that has none (`drivers_probe`). Whether one took it. @throws BusError ENODEV */
  reprobe(name: string): boolean {
    const slot = this.#slot(name);
    if (slot.driver === null) this.#probe(slot);
    return slot.driver !== null;
  }

  /** Bind a device to a driver. @throws BusError ENODEV (also: override), EBUSY (bound already), EINVAL (probe) */
  bind<Bound>(name: string, driver: VdpaBusDriver<Bound>): Bound {
    const slot = this.#slot(name);
    if (!matches(slot, driver))
      throw new BusError('ENODEV', `${name} is reserved for ${slot.override}, not for ${driver.name}`);
    if (slot.driver !== null) throw new BusError('EBUSY', `${name} is bound to ${slot.driver.name}`);
    return this.#attach(slot, driver) as Bound;
  }

  /** Unbind whatever driver holds the device. @throws BusError ENODEV; EBUSY when it is letting go already */
  unbind(name: string): void {
    const slot = this.#slot(name);
    if (slot.leaving) throw new BusError('EBUSY', `${slot.driver!.name} is letting go of ${name} already`);
    if (slot.driver !== null) this.#detach(slot);
  }

  #slot(name: string): Slot {
    const slot = this.#slots.get(name);
    if (slot === undefined || slot.gone !== null)
      throw new BusError('ENODEV', `no device ${name} on the bus`);
    return slot;
  }

  /** Drivers in their order, until one takes the device. */
  #probe(slot: Slot): void {
    for (const driver of this.#drivers.values()) if (this.#try(slot, driver)) return;
  }

  /** Whether `driver` takes the device; what it says against it stays with it. */
  #try(slot: Slot, driver: VdpaBusDriver): boolean {
    if (slot.driver !== null || slot.gone !== null || !matches(slot, driver)) return false;
    try {
      this.#attach(slot, driver);
      return true;
    } catch (error) {
      if (error instanceof BusError) return false;
      throw error;
    }
  }

  #attach(slot: Slot, driver: VdpaBusDriver): unknown {
    const { ops, name } = slot.device;
    const max = ops.getVqNumMax();
    const min = ops.getVqNumMin?.() ?? 1;
    if (max < min)
      throw new BusError('EINVAL', `${name}: largest queue size ${max} is below the smallest, ${min}`);
    const bound = driver.probe(slot.device);
    slot.driver = driver;
    slot.bound = bound;
    return bound;
  }

  #detach(slot: Slot): void {
    if (slot.leaving) return;
    slot.leaving = true;
    const { driver, device, bound } = slot;
    if (driver!.remove?.(device, bound, () => this.#finish(slot)) !== 'later') this.#finish(slot);
  }

  #finish(slot: Slot): void {
    slot.leaving = false;
    slot.driver = null;
    slot.bound = null;
    slot.gone?.();
  }
}

const matches = ({ override }: Slot, { name }: VdpaBusDriver) => override === null || override === name;

const REQUIRED_OPS = [
  'setVqAddress',
  'setVqNum',
  'kickVq',
  'setVqCb',
  'setVqReady',
  'getVqReady',
  'setVqState',
  'getVqState',
  'getVqAlign',
  'getDeviceFeatures',
  'setDriverFeatures',
  'getDriverFeatures',
  'setConfigCb',
  'getVqNumMax',
  'getDeviceId',
  'getVendorId',
  'getStatus',
  'setStatus',
  'reset',
  'getConfigSize',
  'getConfig',
  'setConfig',
] as const;

/** What the vDPA core checks when a device is allocated. @throws BusError EINVAL naming every problem */
export function checkDevice(device: VdpaDevice): void {
  const ops = device?.ops as unknown as Partial<Record<string, unknown>> | undefined;
  if (ops === undefined || ops === null || typeof ops !== 'object')
    throw new BusError('EINVAL', 'the device has no ops');
  const problems: string[] = [];
  for (const op of REQUIRED_OPS) if (typeof ops[op] !== 'function') problems.push(`op ${op} is missing`);
  if ((ops.dmaMap === undefined) !== (ops.dmaUnmap === undefined))
    problems.push('dmaMap and dmaUnmap come together');
  if (device.useVa && !ops.dmaMap && !ops.setMap) problems.push('useVa needs dmaMap or setMap');
  if (!ops.dmaMap && !ops.setMap) {
    if (device.ngroups > 1 || device.nas > 1)
      problems.push('several groups or address spaces need dmaMap or setMap');
  }
  for (const field of ['nvqs', 'ngroups', 'nas'] as const) {
    if (!Number.isInteger(device[field]) || device[field] < 1)
      problems.push(`${field} must be a positive integer`);
  }
  if (problems.length > 0) throw new BusError('EINVAL', `${device.name ?? 'device'}: ${problems.join('; ')}`);
}
