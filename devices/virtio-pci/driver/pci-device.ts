import { ERRNO, type Iova } from '../../../framework/device.ts';
import type { AccessSize, PciAccess } from '../../../framework/transport/access.ts';
import { NO_VECTOR, type PciInterruptPlan } from '../../../framework/transport/transport.ts';
import { deviceId } from '../../../specs/virtio-1.1/device-ids.ts';
import { EVERY_FEATURE } from '../../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../../specs/virtio-1.1/status.ts';
import { findStructures, type Structures } from './capabilities.ts';
import { halves, offsetsOf } from './registers.ts';
import { ProbeError, TransportDevice } from './transport-device.ts';
import { MsixTable } from './vectors.ts';

const COMMON = offsetsOf('pci-common-cfg');
const COMMAND = 0x04;
const IO_MEMORY_MASTER = 7;
const INTX_DISABLE = 1 << 10;
const MODERN_ID = 0x1040;
const QUEUE_INTERRUPT = 1;
const CONFIG_INTERRUPT = 2;

/** Device types that transitional PCI device ids stand for (section 4.1.2). */
const TRANSITIONAL: Readonly<Record<number, number>> = {
  4096: deviceId('net'),
  4097: deviceId('blk'),
  4098: deviceId('balloon'),
  4099: deviceId('console'),
  4100: deviceId('scsi'),
  4101: deviceId('entropy'),
  4105: deviceId('9p'),
};

/** A vDPA parent over a modern virtio PCI function (section 4.1), however it is reached. */
export class VirtioPciDevice extends TransportDevice {
  readonly access: PciAccess;
  readonly plan: PciInterruptPlan;
  readonly structures: Structures;
  readonly nvqs: number;
  readonly #msix: MsixTable | null;
  /** Address of each queue's notifications, in the BAR of the structure; looked up once. */
  readonly #doorbells: number[] = [];
  /** Which queues a vector stands for; the configuration is -1. */
  #events = new Map<number, number[]>();
  #mode: PciInterruptPlan['mode'] = 'msix';
  #configMapped = false;
  /** Nobody else writes to the function: what stands in its registers need not be written again. */
  alone = false;

  /** Features that the device may offer at most. */
  readonly #provisioned: bigint;

  /** @throws ProbeError when it is no virtio function or lacks what the driver needs */
  constructor(access: PciAccess, plan: PciInterruptPlan, name = 'vdpa0', provisioned = EVERY_FEATURE) {
    super(name, access.dma);
    this.#provisioned = provisioned;
    this.access = access;
    this.plan = plan;
    const command = access.readConfig(COMMAND, 2) & ~INTX_DISABLE;
    access.writeConfig(COMMAND, 2, command | IO_MEMORY_MASTER);
    this.structures = findStructures(access);
    const { msix } = this.structures;
    this.#msix = msix === null ? null : new MsixTable(access, msix);
    this.nvqs = this.#get('num_queues', 2);
    if (this.nvqs === 0) throw new ProbeError('a device without queues');
    access.interrupts.onMessage = (vector) => this.#message(vector);
    access.interrupts.onIntx = () => this.#intx();
    this.probed();
  }

  // ── registers ─────────────────────────────────────────────────────────────────────────────────
  readStatus(): number {
    return this.#get('device_status', 1);
  }
  writeStatus(value: number): void {
    this.#set('device_status', 1, value);
  }
  readDeviceFeatures(word: number): number {
    this.#set('device_feature_select', 4, word);
    return this.#get('device_feature', 4);
  }
  override getDeviceFeatures(): bigint {
    let low = 0;
    this.#set('device_feature_select', 4, 0);
    this.#getSoon('device_feature', 4, (value) => {
      low = value;
    });
    const high = this.readDeviceFeatures(1);
    return (BigInt(low) | (BigInt(high) << 32n)) & this.#provisioned;
  }
  readStatusSoon(take: (value: number) => void): void {
    this.#getSoon('device_status', 1, take);
  }
  readDeviceFeaturesSoon(word: number, take: (value: number) => void): void {
    this.#set('device_feature_select', 4, word);
    this.#getSoon('device_feature', 4, take);
  }
  readDriverFeatures(word: number): number {
    this.#set('driver_feature_select', 4, word);
    return this.#get('driver_feature', 4);
  }
  writeDriverFeatures(word: number, value: number): void {
    this.#setWords('driver_feature_select', [word, value]);
  }
  readQueueSize(idx: number): number {
    this.#select(idx);
    return this.#get('queue_size', 2);
  }
  writeQueueSize(idx: number, num: number): void {
    this.#select(idx);
    this.#set('queue_size', 2, num & 0xffff);
  }
  writeQueueAreas(idx: number, areas: readonly [Iova, Iova, Iova]): void {
    this.#select(idx);
    this.#setAreas(areas);
  }
  startQueue(idx: number, num: number, areas: readonly [Iova, Iova, Iova]): void {
    this.#select(idx);
    this.#set('queue_size', 2, num);
    this.#setAreas(areas);
    this.#set('queue_enable', 2, 1);
  }
  /** Six words in a row: low and high of descriptors, driver area, device area. */
  #setAreas(areas: readonly [Iova, Iova, Iova]): void {
    this.#setWords('queue_desc', areas.flatMap(halves));
  }
  readQueueEnabled(idx: number): boolean {
    this.#select(idx);
    return this.#get('queue_enable', 2) === 1;
  }
  writeQueueEnabled(idx: number, on: boolean): void {
    this.#select(idx);
    this.#set('queue_enable', 2, on ? 1 : 0);
  }
  readConfigRegister(offset: number, size: AccessSize): number {
    const { device } = this.structures;
    return device === null ? 0 : this.access.readBar(device.bar, device.offset + offset, size);
  }
  writeConfigRegister(offset: number, size: AccessSize, value: number): void {
    const { device } = this.structures;
    if (device !== null) this.access.writeBar(device.bar, device.offset + offset, size, value);
  }
  protected override readConfiguration(places: readonly (readonly [number, AccessSize])[]) {
    const { device, common } = this.structures;
    if (device === null || device.bar !== common.bar || this.access.readMany === undefined)
      return super.readConfiguration(places);
    const generation = [common.offset + COMMON.config_generation, 1] as const;
    const [before, ...values] = this.access.readMany(device.bar, [
      generation,
      ...places.map(([at, size]) => [device.offset + at, size] as const),
      generation,
    ]);
    return { before, after: values.pop()!, values };
  }
  getGeneration(): number {
    return this.#get('config_generation', 1);
  }
  getConfigSize(): number {
    return this.structures.device?.length ?? 0;
  }
  /** Virtio device type that the PCI device id stands for (section 4.1.2); 0 for none. */
  getDeviceId(): number {
    const id = this.access.readConfig(0x02, 2);
    return TRANSITIONAL[id] ?? (id > MODERN_ID ? id - MODERN_ID : 0);
  }
  /** Subsystem vendor. */
  getVendorId(): number {
    return this.access.readConfig(0x2c, 2);
  }

  // ── notifications (section 4.1.5.2) ───────────────────────────────────────────────────────────
  notify(idx: number): void {
    this.access.writeBar(this.structures.notify.bar, this.#doorbell(idx), 2, idx);
  }
  notifyWithData(data: number): void {
    this.access.writeBar(this.structures.notify.bar, this.#doorbell(data & 0xffff), 4, data);
  }
  #doorbell(idx: number): number {
    let address = this.#doorbells[idx];
    if (address === undefined) {
      this.#select(idx);
      const { offset, multiplier } = this.structures.notify;
      address = offset + this.#get('queue_notify_off', 2) * multiplier;
      this.#doorbells[idx] = address;
    }
    return address;
  }

  // ── interrupts (sections 4.1.5.1.2, 4.1.5.3 and 4.1.5.4) ──────────────────────────────────────
  /** Vector of queue `idx`, -EINVAL when it has none. */
  getVqIrq(idx: number): number {
    const running = (this.readStatus() & STATUS.DRIVER_OK) !== 0;
    for (const [vector, events] of running ? this.#events : []) if (events.includes(idx)) return vector;
    return -ERRNO.EINVAL;
  }
  get sharedInterrupts(): boolean {
    return this.plan.mode !== 'msix' || this.#msix === null || this.#msix.count <= this.nvqs;
  }
  prepareQueue(idx: number): void {
    if (this.#mode !== 'msix') return;
    const vector = this.plan.queues.get(idx) ?? this.#queueVector(idx);
    this.#select(idx);
    this.#map('queue_msix_vector', vector, idx);
  }
  startInterrupts(): void {
    if (this.#mode !== 'msix' || this.#configMapped) return;
    this.#configMapped = true;
    this.#map('msix_config', this.plan.config ?? 0, -1);
  }
  forgetInterrupts(): void {
    this.#mode = this.#msix === null && this.plan.mode === 'msix' ? 'intx' : this.plan.mode;
    const msix = this.#mode === 'msix';
    if (!this.alone || this.#msix?.enabled !== msix) this.#msix?.enable(msix);
    this.#msix?.drain();
    this.#events = new Map();
    this.#configMapped = false;
  }
  poll(): void {
    this.access.interrupts.poll();
  }
  pause(): void {
    this.access.pause?.();
  }

  /** One vector for each queue behind that of the configuration, or one for all where there are too few. */
  #queueVector(idx: number): number {
    const count = this.#msix?.count ?? 0;
    if (count > this.nvqs) return idx + 1;
    return count > 1 ? 1 : 0;
  }
  /** Map an event to a vector, and see that the device took it (4.1.5.1.2.2). */
  #map(register: string, vector: number, event: number): void {
    this.#msix?.program(vector);
    this.#set(register, 2, vector);
    if (vector === NO_VECTOR) return;
    const all = this.#events;
    this.#getSoon(register, 2, (taken) => {
      if (taken !== vector) return;
      const events = all.get(vector);
      if (events === undefined) all.set(vector, [event]);
      else events.push(event);
    });
  }
  #message(vector: number): void {
    for (const event of this.#events.get(vector) ?? [])
      if (event < 0) this.configInterrupt();
      else this.queueInterrupt(event);
  }
  #intx(): void {
    const { isr } = this.structures;
    if (this.#mode !== 'intx' || isr === null) return;
    const bits = this.access.readBar(isr.bar, isr.offset, 1);
    if ((bits & QUEUE_INTERRUPT) !== 0) this.queueInterrupt();
    if ((bits & CONFIG_INTERRUPT) !== 0) this.configInterrupt();
  }

  #select(idx: number): void {
    this.#set('queue_select', 2, idx);
  }
  #get(name: string, size: AccessSize): number {
    const { bar, offset } = this.structures.common;
    return this.access.readBar(bar, offset + COMMON[name], size);
  }
  /** The value some time before the next one that is waited for. */
  #getSoon(name: string, size: AccessSize, take: (value: number) => void): void {
    const { bar, offset } = this.structures.common;
    if (this.access.readBarSoon === undefined) take(this.#get(name, size));
    else this.access.readBarSoon(bar, offset + COMMON[name], size, take);
  }
  #set(name: string, size: AccessSize, value: number): void {
    const { bar, offset } = this.structures.common;
    this.access.writeBar(bar, offset + COMMON[name], size, value);
  }
  #setWords(name: string, words: readonly number[]): void {
    const { bar, offset } = this.structures.common;
    const at = offset + COMMON[name];
    if (this.access.writeWords) this.access.writeWords(bar, at, words);
    else for (const [i, word] of words.entries()) this.access.writeBar(bar, at + 4 * i, 4, word);
  }
}
