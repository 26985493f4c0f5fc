import type { BoundDevice, BusDriverName } from '../../framework/bound-device.ts';
import type { VdpaConfigOps, VdpaDevice, VdpaIovaRange } from '../../framework/device.ts';
import { GuestMemory, PAGE, type Region } from '../../framework/memory/guest-memory.ts';
import type { SharedMemory } from '../../framework/memory/shared-memory.ts';
import { shadowed } from '../../framework/migration/shadow-parent.ts';
import type { ParentDefinition, ParentInstance } from '../../framework/parent.ts';
import type { UserProcess } from '../../framework/vhost-vdpa/process.ts';
import { bitMask, EVERY_FEATURE, F_NOTIFICATION_DATA } from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import { recordThrow } from '../history/parent-throw.ts';
import { RecordedOps } from '../history/recorded-ops.ts';
import { Recorder } from '../history/recorder.ts';
import type { RequestPlan } from '../kits/kit.ts';
import { type Binding, bindDevice } from './bind.ts';
import { SessionBuffers } from './buffers.ts';
import { Comparison } from './comparison.ts';
import type { Destinations } from './destinations.ts';
import { SessionMemory } from './memory.ts';
import { SessionQueues } from './queues.ts';
import { ParentLacks, StopSteps } from './stop-steps.ts';
import { workFor, workUntilIdle } from './work.ts';

export interface SessionOptions {
  seed: number;
  options?: Readonly<Record<string, string>>;
  /** Record device loads as well. */
  traceReads?: boolean;
  /** Byte that device-writable memory is filled with. */
  poison?: number;
  /** Memory to use again; it is reset first. */
  guest?: GuestMemory;
  /** Bus driver between driver and device (default virtio-vdpa). */
  driver?: BusDriverName;
  /** The device works behind shadow virtqueues, so that one without positions can be migrated. */
  shadow?: boolean;
  /** Where the session may migrate to (default: nowhere). */
  destinations?: Destinations;
}

/** A device that is made and bound. */
export interface Attached {
  readonly instance: ParentInstance;
  readonly recorded: RecordedOps;
  readonly binding: Binding;
}

/** Where the monitor's own memory is mapped for a parent. */
const PRIVATE = 2 ** 45;

/** First memory block for a device outside the process: few mappings, so that the table seldom changes while it runs. */
const OUTSIDE_BLOCK = 256 << 10;

/**
 * One run against one fresh device: the device on a bus, bound to a bus driver, memory that is mapped, the
 * driver's queues and buffers, and the history of it all. Steps are written against this.
 */
export class Session {
  readonly recorder: Recorder;
  /** The device; another one after a migration, and so what follows. */
  instance: ParentInstance;
  /** The ops as the parent gets them, written into the history; `quiet` leaves harness chores out. */
  recorded: RecordedOps;
  /** The ops as the bus driver lets a driver reach them. */
  ops: VdpaConfigOps;
  virtio: BoundDevice;
  readonly memory: SessionMemory;
  readonly queues: SessionQueues;
  readonly buffers: SessionBuffers;
  /** How stores of a device are seen that are not traced; null for devices in process. */
  readonly comparison: Comparison | null = null;
  readonly deviceType: ParentDefinition['deviceType'];
  readonly poison: number;
  readonly seed: number;
  /** What is behind the requests of this session, by serial number of their buffer. */
  readonly plans = new Map<number, RequestPlan>();
  /** Values kept by steps under a name (`save:`). */
  readonly saved = new Map<string, unknown>();
  #features = 0n;
  #featuresText = '0x0';
  /** NOTIFICATION_DATA is in force. */
  notificationData = false;
  /** What has to be undone when the session ends, last first. */
  readonly cleanups: (() => void)[] = [];
  /** Features that `bring-up` accepts when offered: the `needs` of the case. */
  wanted = 0n;
  configIrqs = 0;
  /** The driver broke a rule since the last reset. */
  breached = false;
  /** Suspended by a step and not resumed or reset since. */
  suspended = false;
  /** Interrupts of the transport are left to steps or mapped to nothing: no callbacks are registered for them. */
  deaf = { queues: false, config: false };
  /** Index of the step that runs now. */
  step = 0;
  readonly #driver: BusDriverName;
  #binding: Binding;
  readonly #guest: GuestMemory;
  /** Targets to migrate to. */
  readonly destinations: Destinations | null;
  /** Features that every device offers to which the session may migrate. */
  common = EVERY_FEATURE;
  #unplugged = false;
  #configEpoch = 0;
  #offered: bigint | null = null;

  constructor(definition: ParentDefinition, options: SessionOptions) {
    const guest = options.guest ?? new GuestMemory(8 << 20);
    guest.reset();
    this.seed = options.seed;
    this.deviceType = definition.deviceType;
    this.poison = options.poison ?? 0xa5;
    this.recorder = new Recorder(guest.host, options.traceReads ?? false);
    const target = options.options ?? {};
    const exchange = definition.memory && guest.share(definition, (size) => definition.memory!(size, target));
    this.#guest = guest;
    this.#driver = options.driver ?? 'virtio-vdpa';
    this.destinations = options.destinations ?? null;
    const { instance, recorded, binding } = this.attach(
      definition,
      target,
      exchange?.shared,
      options.shadow ? 0 : undefined,
    );
    this.instance = instance;
    this.recorded = recorded;
    this.#binding = binding;
    this.virtio = binding.device;
    this.ops = this.virtio.ops;
    this.memory = new SessionMemory(guest, this.virtio, this.recorder, exchange ? OUTSIDE_BLOCK : undefined);
    this.buffers = new SessionBuffers(this);
    this.queues = new SessionQueues(this);
    if (exchange) {
      const comparison = new Comparison(this, guest, exchange);
      this.comparison = comparison;
      this.recorded.before = () => comparison.sync();
    }
  }

  /** Memory of the monitor's own, at addresses within `range` that no RAM block has. */
  #privateRoom(size: number, range: VdpaIovaRange): Region {
    const { pa } = this.#guest.addBlock(size);
    this.recorder.hide({ pa, size });
    const top = Math.floor((range.last + 1 - this.#guest.host.size) / PAGE) * PAGE;
    return { pa, iova: Math.min(PRIVATE, top) + pa, size };
  }

  /**
   * Make a device of `definition` on a port of its own and bind the bus driver to it; behind shadow virtqueues when
   * `shift` is given, by which its addresses then differ.
   */
  attach(
    definition: ParentDefinition,
    options: Readonly<Record<string, string>>,
    memory?: SharedMemory,
    shift?: number,
  ): Attached {
    const port = this.#guest.host.port();
    port.trace(this.recorder);
    const { seed } = this;
    const parent =
      shift === undefined
        ? definition
        : shadowed(definition, (size, range) => this.#privateRoom(size, range), shift);
    const instance = this.guarded('create', () =>
      parent.create({ port, seed, options, ...(memory ? { memory } : {}) }),
    );
    if (typeof instance?.device?.ops !== 'object' || !Array.isArray(instance.abilities))
      throw new TypeError('`create` must return an object with `device`, which has `ops`, and `abilities`');
    this.#guest.range ??= this.guarded('getIovaRange', () => instance.device.ops.getIovaRange?.());
    const recorded = RecordedOps.of(instance.device.ops, this.recorder);
    const { name, nvqs, ngroups, nas, useVa } = instance.device;
    const device: VdpaDevice = { name, nvqs, ngroups, nas, useVa, ops: recorded };
    recorded.quiet++;
    const binding = bindDevice(device, this.#driver, this.#guest, (why) => this.lacks(why));
    recorded.quiet--;
    return { instance, recorded, binding };
  }

  /** `attached` is the device of the session from here on. */
  adopt({ instance, recorded, binding }: Attached): void {
    this.instance = instance;
    this.recorded = recorded;
    this.#binding = binding;
    this.virtio = binding.device;
    this.ops = this.virtio.ops;
    this.#offered = null;
  }

  /** Run parent code that is not an op; an exception becomes part of the history. */
  guarded<T>(what: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      recordThrow(this.recorder, what, error);
    }
  }

  /** Let the device work until it is idle. Returns the units of work done. */
  quiet(): number {
    return workUntilIdle(this);
  }

  /** Let the device do at most `units` units of work; one with time of its own does what it likes. */
  pump(units: number): void {
    workFor(this, units);
  }

  /** Reset the device; queues and buffers of the old session are forgotten, their memory is not reused. */
  reset(): number[] {
    const { reads } = this.virtio.reset();
    this.comparison?.sync();
    this.forget(reads.at(-1) === 0);
    return reads;
  }

  /** The device was reset, `done` as its status tells: forget queues and buffers; their memory is not reused. */
  forget(done = true): void {
    if (done) this.recorder.push({ k: 'reset-done' });
    this.comparison?.forget();
    this.queues.forget();
    this.buffers.forget();
    this.features = 0n;
    this.breached = false;
    this.suspended = false;
  }

  /** Register the configuration callback (or clear it); calls of an earlier one are marked `old`. */
  listenConfig(on: boolean): void {
    if (!on && this.#driver === 'vhost-vdpa')
      this.lacks('vhost-vdpa gives the parent a configuration callback even when nobody listens');
    const callback = this.configCallback(on);
    this.virtio.onConfigChange(on ? callback : null);
  }

  /** A fresh configuration callback; calls of earlier ones are marked `old`, and so are its own unless it is `on`. */
  configCallback(on = true): () => void {
    const epoch = ++this.#configEpoch;
    return () => {
      this.configIrqs++;
      this.recorded.quiet++;
      const status = this.ops.getStatus();
      this.recorded.quiet--;
      this.recorder.push({
        k: 'config-irq',
        status,
        ...(epoch === this.#configEpoch && on ? {} : { old: true }),
      });
    };
  }

  /** What a kit or a step remembers for this session under `key`, made on first use. */
  state<T>(key: string, make: () => T): T {
    let value = this.saved.get(key) as T | undefined;
    if (value === undefined) {
      value = make();
      this.saved.set(key, value);
    }
    return value;
  }

  /** The offer of the device, read once; it does not change (4.1.4.3.1). */
  get offered(): bigint {
    if (this.#offered === null) {
      this.recorded.quiet++;
      this.#offered = this.ops.getDeviceFeatures();
      this.recorded.quiet--;
    }
    return this.#offered;
  }

  /** The device status, without a trace in the history. */
  status(): number {
    this.recorded.quiet++;
    const status = this.ops.getStatus();
    this.recorded.quiet--;
    return status;
  }

  /** Whether requests must be served now: DRIVER_OK, no need of a reset, and no rule broken by the driver. */
  runs(): boolean {
    const bits = STATUS.DRIVER_OK | STATUS.DEVICE_NEEDS_RESET;
    return (
      (this.status() & bits) === STATUS.DRIVER_OK &&
      !this.breached &&
      !this.suspended &&
      this.queues.disabled.size === 0
    );
  }

  /** Features in force, as the driver accepted them. */
  get features(): bigint {
    return this.#features;
  }
  set features(features: bigint) {
    if (features === this.#features) return;
    this.#features = features;
    this.#featuresText = `0x${features.toString(16)}`;
    this.notificationData = (features & F_NOTIFICATION_DATA) !== 0n;
  }
  /** The same as histories have it. */
  get featuresText(): string {
    return this.#featuresText;
  }

  /** Whether a feature is in force, by name. */
  has(feature: string): boolean {
    return (this.features & bitMask([feature])) !== 0n;
  }

  /** From here on the driver has broken a rule. */
  breach(what: string): void {
    this.breached = true;
    this.recorder.push({ k: 'breach', what });
  }

  /** Record what the step that runs now saw. */
  observe(value: unknown): void {
    this.recorder.push({ k: 'obs', i: this.step, v: value });
  }

  /** End the steps: they cannot be carried out, so nothing is learnt. */
  stop(why: string): never {
    throw new StopSteps(why);
  }

  /** End the steps: the parent offers no means for them, and the case is skipped. */
  lacks(why: string): never {
    throw new ParentLacks(why);
  }

  /** The process that drives the device; null unless it is driven through vhost-vdpa. */
  get process(): UserProcess | null {
    return this.#binding.process;
  }

  /** Take the device off the bus and delete it, whatever is under way. */
  unplug(): void {
    this.#binding.unplug();
    this.#unplugged = true;
    this.guarded('dispose', () => this.instance.dispose?.());
    this.recorder.push({ k: 'reset-done' });
    this.queues.forget();
  }

  dispose(): void {
    for (let undo = this.cleanups.pop(); undo !== undefined; undo = this.cleanups.pop()) undo();
    if (this.#unplugged) return;
    this.instance.dispose?.();
  }
}
