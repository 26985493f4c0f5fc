import type { VdpaDevice } from './device.ts';

/** A driver on the vDPA bus, such as virtio-vdpa or vhost-vdpa. */
export interface VdpaBusDriver<Bound = unknown> {
  readonly name: string;
  /** Take over a device. Throws {@link BusError} when it does not suit. */
  probe(device: VdpaDevice): Bound;
  /** Let go of it. */
  remove?(device: VdpaDevice, bound: Bound): void;
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
}

/**
 * The vDPA bus: devices and drivers meet here. As in Linux any driver matches any device unless
 * `driverOverride` names one; registration checks what `__vdpa_alloc_device` and `vdpa_dev_probe` check.
 */
export class VdpaBus {
  readonly #slots = new Map<string, Slot>();
  readonly #drivers = new Map<string, VdpaBusDriver>();

  /** Make a driver known. @throws BusError EEXIST on a second driver of the same name */
  addDriver(driver: VdpaBusDriver): void {
    if (this.#drivers.has(driver.name))
      throw new BusError('EEXIST', `bus driver ${driver.name} is already registered`);
    this.#drivers.set(driver.name, driver);
  }

  /** Put a device on the bus. @throws BusError EINVAL (malformed ops), EEXIST (name taken) */
  register(device: VdpaDevice): void {
    checkDevice(device);
    if (this.#slots.has(device.name)) throw new BusError('EEXIST', `${device.name} is already on the bus`);
    this.#slots.set(device.name, { device, override: null, driver: null, bound: null });
  }

  /** Take a device off the bus, unbinding its driver first. @throws BusError ENODEV */
  unregister(name: string): void {
    this.unbind(name);
    this.#slots.delete(name);
  }

  devices(): VdpaDevice[] {
    return [...this.#slots.values()].map((slot) => slot.device);
  }

  /** Only the driver of this name may bind to the device; null lifts the restriction. */
  driverOverride(name: string, driver: string | null): void {
    this.#slot(name).override = driver;
  }

  /** Bind a device to a driver. @throws BusError ENODEV, EBUSY (bound already), EINVAL (override, probe) */
  bind<Bound>(name: string, driver: VdpaBusDriver<Bound>): Bound {
    const slot = this.#slot(name);
    if (slot.driver !== null) throw new BusError('EBUSY', `${name} is bound to ${slot.driver.name}`);
    if (slot.override !== null && slot.override !== driver.name)
      throw new BusError('EINVAL', `${name} is reserved for ${slot.override}, not for ${driver.name}`);
    const { ops } = slot.device;
    const max = ops.getVqNumMax();
    const min = ops.getVqNumMin?.() ?? 1;
    if (max < min)
      throw new BusError('EINVAL', `${name}: largest queue size ${max} is below the smallest, ${min}`);
    const bound = driver.probe(slot.device);
    slot.driver = driver;
    slot.bound = bound;
    return bound;
  }

  /** Unbind whatever driver holds the device. @throws BusError ENODEV */
  unbind(name: string): void {
    const slot = this.#slot(name);
    slot.driver?.remove?.(slot.device, slot.bound);
    slot.driver = null;
    slot.bound = null;
  }

  #slot(name: string): Slot {
    const slot = this.#slots.get(name);
    if (slot === undefined) throw new BusError('ENODEV', `no device ${name} on the bus`);
    return slot;
  }
}

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
  const problems: string[] = REQUIRED_OPS.filter((op) => typeof ops[op] !== 'function').map(
    (op) => `op ${op} is missing`,
  );
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
