import type { Iova } from '../../../framework/device.ts';
import type { AccessSize, MmioAccess } from '../../../framework/transport/access.ts';
import type { MmioTransport } from '../../../framework/transport/transport.ts';
import type { ConfigDevice } from '../../../specs/virtio-1.1/config-space.ts';
import { deviceName } from '../../../specs/virtio-1.1/device-ids.ts';
import { fieldsEnd } from './config-accesses.ts';
import { halves, offsetsOf } from './registers.ts';
import { ProbeError, TransportDevice } from './transport-device.ts';

const REG = offsetsOf('mmio');
/** `virt`, little-endian (section 4.2.2). */
const MAGIC = 0x74726976;
const VERSION = 2;
const QUEUE_INTERRUPT = 1;
const CONFIG_INTERRUPT = 2;
/** Queues that a driver looks for: the register page does not tell how many there are. */
const MOST_QUEUES = 1024;

/** A vDPA parent over a virtio-mmio device, version 2 (section 4.2). */
export class VirtioMmioDevice extends TransportDevice {
  readonly access: MmioAccess;
  readonly plan: MmioTransport['plan'];
  readonly nvqs: number;
  readonly sharedInterrupts = true;
  #mode: MmioTransport['plan']['mode'] = 'line';

  /** @throws ProbeError when the page is none of a virtio-mmio device of version 2 */
  constructor(access: MmioAccess, plan: MmioTransport['plan'], name = 'vdpa0') {
    super(name, access.dma);
    this.access = access;
    this.plan = plan;
    const magic = this.#get('MagicValue');
    if (magic !== MAGIC) throw new ProbeError(`no virtio-mmio device: magic 0x${magic.toString(16)}`);
    const version = this.#get('Version');
    if (version !== VERSION) throw new ProbeError(`virtio-mmio version ${version}, not ${VERSION}`);
    if (this.#get('DeviceID') === 0) throw new ProbeError('a placeholder without a device (DeviceID 0)');
    this.nvqs = this.#countQueues();
    if (this.nvqs === 0) throw new ProbeError('a device without queues');
    access.onLine = () => this.#interrupt();
    this.probed();
  }

  /** Queues from 0 on that have a size (section 4.2.2: 0 when the queue is not available). */
  #countQueues(): number {
    let count = 0;
    while (count < MOST_QUEUES && this.readQueueSize(count) > 0) count++;
    return count;
  }

  // ── registers (section 4.2.2) ─────────────────────────────────────────────────────────────────
  readStatus(): number {
    return this.#get('Status');
  }
  writeStatus(value: number): void {
    this.#set('Status', value);
  }
  readDeviceFeatures(word: number): number {
    this.#set('DeviceFeaturesSel', word);
    return this.#get('DeviceFeatures');
  }
  readStatusSoon(take: (value: number) => void): void {
    this.#getSoon('Status', take);
  }
  readDeviceFeaturesSoon(word: number, take: (value: number) => void): void {
    this.#set('DeviceFeaturesSel', word);
    this.#getSoon('DeviceFeatures', take);
  }
  /** What was written: the register cannot be read. */
  readDriverFeatures(word: number): number {
    return this.#written[word];
  }
  readonly #written: [number, number] = [0, 0];
  writeDriverFeatures(word: number, value: number): void {
    this.#set('DriverFeaturesSel', word);
    this.#set('DriverFeatures', value);
    this.#written[word] = value;
  }
  /** The maximum, whatever was written: the size itself cannot be read. */
  readQueueSize(idx: number): number {
    this.#set('QueueSel', idx);
    return this.#get('QueueNumMax');
  }
  writeQueueSize(idx: number, num: number): void {
    this.#set('QueueSel', idx);
    this.#set('QueueNum', num >>> 0);
  }
  writeQueueAreas(idx: number, areas: readonly [Iova, Iova, Iova]): void {
    this.#set('QueueSel', idx);
    this.#setAreas(areas);
  }
  startQueue(idx: number, num: number, areas: readonly [Iova, Iova, Iova]): void {
    this.#set('QueueSel', idx);
    this.#set('QueueNum', num);
    this.#setAreas(areas);
    this.#set('QueueReady', 1);
  }
  #setAreas(areas: readonly [Iova, Iova, Iova]): void {
    for (const [i, name] of ['QueueDesc', 'QueueDriver', 'QueueDevice'].entries()) {
      const [low, high] = halves(areas[i]);
      this.#set(`${name}Low`, low);
      this.#set(`${name}High`, high);
    }
  }
  readQueueEnabled(idx: number): boolean {
    this.#set('QueueSel', idx);
    return this.#get('QueueReady') === 1;
  }
  /** After a 0 the device may have something to finish: wait until it reads back (section 4.2.2). */
  writeQueueEnabled(idx: number, on: boolean): void {
    this.#set('QueueSel', idx);
    this.#set('QueueReady', on ? 1 : 0);
    for (let poll = 0; !on && poll < MOST_QUEUES && this.#get('QueueReady') !== 0; poll++) this.pause();
  }
  readConfigRegister(offset: number, size: AccessSize): number {
    return this.access.read(REG.Config + offset, size);
  }
  writeConfigRegister(offset: number, size: AccessSize, value: number): void {
    this.access.write(REG.Config + offset, size, value);
  }
  notify(idx: number): void {
    this.#set('QueueNotify', idx);
  }
  notifyWithData(data: number): void {
    this.#set('QueueNotify', data);
  }
  protected override readConfiguration(places: readonly (readonly [number, AccessSize])[]) {
    if (this.access.readMany === undefined) return super.readConfiguration(places);
    const generation = [REG.ConfigGeneration, 4] as const;
    const [before, ...values] = this.access.readMany([
      generation,
      ...places.map(([at, size]) => [REG.Config + at, size] as const),
      generation,
    ]);
    return { before, after: values.pop()!, values };
  }
  getGeneration(): number {
    return this.#get('ConfigGeneration');
  }
  /** Up to the last field that the offered features bring: the page does not tell how much there is. */
  getConfigSize(): number {
    const room = this.access.size - REG.Config;
    const device = deviceName(this.getDeviceId()) as ConfigDevice;
    return Math.min(room, fieldsEnd(device, this.getDeviceFeatures()) || room);
  }
  getDeviceId(): number {
    return this.#get('DeviceID');
  }
  getVendorId(): number {
    return this.#get('VendorID');
  }

  // ── interrupts (section 4.2.3.4) ──────────────────────────────────────────────────────────────
  /** A device may keep what stood in the address registers before a reset; the contract forgets it. */
  prepareQueue(idx: number): void {
    if (!this.queues[idx].placed) this.writeQueueAreas(idx, [0, 0, 0]);
  }
  startInterrupts(): void {}
  forgetInterrupts(): void {
    this.#mode = this.plan.mode;
  }
  poll(): void {
    this.access.poll();
  }
  pause(): void {
    this.access.pause?.();
  }
  #interrupt(): void {
    if (this.#mode !== 'line') return;
    const bits = this.#get('InterruptStatus');
    // A line that is up for nothing: there is nothing to acknowledge.
    if (bits === 0) return;
    this.#set('InterruptACK', bits);
    if ((bits & QUEUE_INTERRUPT) !== 0) this.queueInterrupt();
    if ((bits & CONFIG_INTERRUPT) !== 0) this.configInterrupt();
  }

  #get(name: string): number {
    return this.access.read(REG[name], 4);
  }
  /** The value some time before the next one that is waited for. */
  #getSoon(name: string, take: (value: number) => void): void {
    if (this.access.readSoon === undefined) take(this.#get(name));
    else this.access.readSoon(REG[name], 4, take);
  }
  #set(name: string, value: number): void {
    this.access.write(REG[name], 4, value);
  }
}
