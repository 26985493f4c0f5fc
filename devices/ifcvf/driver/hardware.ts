import type { Iova } from '../../../framework/device.ts';
import type { AccessSize, PciAccess } from '../../../framework/transport/access.ts';

/** BARs that the driver maps. */
const BARS = [0, 2, 4];
const LIVE_MIGRATION_BAR = 4;
const VENDOR_CAPABILITY = 0x09;
const MSIX_CAPABILITY = 0x11;
const TYPE = { common: 1, notify: 2, isr: 3, device: 4 } as const;
const VIRTIO_VENDOR = 0x1af4;
const COMMAND_MEMORY_MASTER = 6;

/** Common configuration of virtio 1.0 and later, by name in `struct virtio_pci_common_cfg`: offset, width. */
const COMMON = {
  device_feature_select: [0x00, 4],
  device_feature: [0x04, 4],
  guest_feature_select: [0x08, 4],
  guest_feature: [0x0c, 4],
  msix_config: [0x10, 2],
  num_queues: [0x12, 2],
  device_status: [0x14, 1],
  config_generation: [0x15, 1],
  queue_select: [0x16, 2],
  queue_size: [0x18, 2],
  queue_msix_vector: [0x1a, 2],
  queue_enable: [0x1c, 2],
  queue_notify_off: [0x1e, 2],
  queue_desc: [0x20, 4],
  queue_avail: [0x28, 4],
  queue_used: [0x30, 4],
} as const satisfies Record<string, readonly [number, AccessSize]>;
type CommonRegister = keyof typeof COMMON;

interface Place {
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
}

/** The function is none that this driver knows, or lacks a structure. */
export class IfcvfProbeError extends Error {
  readonly code = 'IFCVF_PROBE_FAILED';
}

/** The registers of an IFCVF virtual function, by what they are for: `ifcvf_base.c` of Linux. */
export class IfcvfHardware {
  readonly access: PciAccess;
  readonly type: number;
  readonly subsystemVendor: number;
  readonly queueCount: number;
  /** Bytes of the device configuration. */
  readonly configSize: number;
  /** Configuration space offset of MSI-X; 0: it has none. */
  readonly msixAt: number;
  readonly multiplier: number;
  readonly #places: Record<keyof typeof TYPE, Place>;
  readonly #doorbells: number[] = [];

  /** @throws IfcvfProbeError when it is no such function */
  constructor(access: PciAccess) {
    this.access = access;
    const vendor = access.readConfig(0x00, 2);
    const id = access.readConfig(0x02, 2);
    this.subsystemVendor = access.readConfig(0x2c, 2);
    if (vendor !== VIRTIO_VENDOR || id < 0x1000 || id > 0x107f)
      throw new IfcvfProbeError(`no virtio function: ${vendor.toString(16)}:${id.toString(16)}`);
    this.type = id < 0x1040 ? access.readConfig(0x2e, 2) : id - 0x1040;
    access.writeConfig(0x04, 2, access.readConfig(0x04, 2) | COMMAND_MEMORY_MASTER);
    const found = this.#capabilities();
    this.#places = found.places;
    this.multiplier = found.multiplier;
    this.msixAt = found.msixAt;
    this.configSize = this.#places.device.length;
    this.queueCount = this.get('num_queues');
    for (let q = 0; q < this.queueCount; q++) {
      this.set('queue_select', q);
      this.#doorbells.push(this.#places.notify.offset + this.get('queue_notify_off') * this.multiplier);
    }
  }

  // ── common configuration ──────────────────────────────────────────────────────────────────────
  get(name: CommonRegister): number {
    const [at, size] = COMMON[name];
    const { bar, offset } = this.#places.common;
    return this.access.readBar(bar, offset + at, size);
  }
  set(name: CommonRegister, value: number): void {
    const [at, size] = COMMON[name];
    const { bar, offset } = this.#places.common;
    this.access.writeBar(bar, offset + at, size, value);
  }
  /** A register of queue `q`. */
  getOf(q: number, name: CommonRegister): number {
    this.set('queue_select', q);
    return this.get(name);
  }
  setOf(q: number, name: CommonRegister, value: number): void {
    this.set('queue_select', q);
    this.set(name, value);
  }
  /** Addresses of the three areas, each as two writes, the low half first. */
  setAreas(q: number, areas: readonly [Iova, Iova, Iova]): void {
    this.set('queue_select', q);
    const { bar, offset } = this.#places.common;
    for (const [i, name] of (['queue_desc', 'queue_avail', 'queue_used'] as const).entries()) {
      const at = offset + COMMON[name][0];
      this.access.writeBar(bar, at, 4, areas[i] >>> 0);
      this.access.writeBar(bar, at + 4, 4, Math.floor(areas[i] / 2 ** 32) >>> 0);
    }
  }
  features(which: 'device' | 'guest'): bigint {
    let value = 0n;
    for (const word of [0, 1]) {
      this.set(`${which}_feature_select`, word);
      value |= BigInt(this.get(`${which}_feature`)) << BigInt(32 * word);
    }
    return value;
  }
  setFeatures(features: bigint): void {
    for (const word of [0, 1]) {
      this.set('guest_feature_select', word);
      this.set('guest_feature', Number(BigInt.asUintN(32, features >> BigInt(32 * word))));
    }
  }

  // ── the other structures ──────────────────────────────────────────────────────────────────────
  notify(q: number): void {
    this.access.writeBar(this.#places.notify.bar, this.#doorbells[q], 2, q);
  }
  notifyWithData(data: number): void {
    this.access.writeBar(this.#places.notify.bar, this.#doorbells[data & 0xffff], 4, data);
  }
  readIsr(): number {
    return this.access.readBar(this.#places.isr.bar, this.#places.isr.offset, 1);
  }
  readConfigByte(offset: number): number {
    const { bar, offset: base } = this.#places.device;
    return this.access.readBar(bar, base + offset, 1);
  }
  writeConfigByte(offset: number, value: number): void {
    const { bar, offset: base } = this.#places.device;
    this.access.writeBar(bar, base + offset, 1, value);
  }
  readMigration(offset: number, size: AccessSize): number {
    return this.access.readBar(LIVE_MIGRATION_BAR, offset, size);
  }
  writeMigration(offset: number, size: AccessSize, value: number): void {
    this.access.writeBar(LIVE_MIGRATION_BAR, offset, size, value);
  }

  /** Where the structures are: the last usable capability of each kind wins. */
  #capabilities() {
    const { access } = this;
    const places: Partial<Record<keyof typeof TYPE, Place>> = {};
    const seen = new Set<number>();
    let multiplier = 0;
    let msixAt = 0;
    for (
      let at = access.readConfig(0x34, 1);
      at >= 0x40 && !seen.has(at);
      at = access.readConfig(at + 1, 1)
    ) {
      seen.add(at);
      const id = access.readConfig(at, 1);
      if (id === MSIX_CAPABILITY) msixAt = at;
      if (id !== VENDOR_CAPABILITY) continue;
      const type = access.readConfig(at + 3, 1);
      const place = {
        bar: access.readConfig(at + 4, 1),
        offset: access.readConfig(at + 8, 4),
        length: access.readConfig(at + 12, 4),
      };
      const size = BARS.includes(place.bar) ? (access.bars[place.bar]?.size ?? 0) : 0;
      if (place.offset + place.length > size) continue;
      for (const name of Object.keys(TYPE) as (keyof typeof TYPE)[])
        if (TYPE[name] === type) places[name] = place;
      if (type === TYPE.notify) multiplier = access.readConfig(at + 16, 4);
    }
    const { common, notify, isr, device } = places;
    if (!common || !notify || !isr || !device)
      throw new IfcvfProbeError(
        'a structure is missing: common, notify, isr and device configuration are needed',
      );
    if (!access.bars[LIVE_MIGRATION_BAR])
      throw new IfcvfProbeError('no live-migration region: BAR 4 is missing');
    return { places: { common, notify, isr, device }, multiplier, msixAt };
  }
}
