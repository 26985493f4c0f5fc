import {
  type Ability,
  type DeclaredFacts,
  defineParent,
  type ParentDefinition,
  type ParentEnvironment,
  type ParentInstance,
} from '../../framework/parent.ts';
import type { Transport } from '../../framework/transport/transport.ts';
import { VirtioMmioDevice } from '../virtio-pci/driver/mmio-device.ts';
import { VirtioPciDevice } from '../virtio-pci/driver/pci-device.ts';
import { RegisterPoster } from '../virtio-pci/driver/posted-driver.ts';
import { QemuActivity } from './activity.ts';
import { DEVICE_NAMES } from './devices.ts';
import type { QemuMachine } from './machine.ts';
import { QEMU_PEER, type QemuPeer } from './net-peer.ts';
import { OPTIONS, type QemuSettings, readOptions } from './options.ts';
import { QemuRam } from './ram.ts';

const ABILITIES: readonly Ability[] = ['drvfeat'];

/** The parent driver over the registers of a machine's device. */
interface Driver {
  readonly device: VirtioPciDevice | VirtioMmioDevice;
  readonly transport: Transport;
  /** A round trip to the device: everything sent so far was carried out, and the main loop went round. */
  readonly turn: () => void;
}

/** Drivers are kept with their machine, so that not every session has to find everything out again. */
const drivers = new WeakMap<QemuMachine, Driver>();

/** The driver of a machine, as after probing. */
function driverOf(machine: QemuMachine): Driver {
  const known = drivers.get(machine);
  if (known !== undefined && !machine.touched) {
    machine.freshen();
    const { transport } = known;
    if (transport.kind === 'pci') {
      transport.plan.mode = machine.settings.interrupts;
      transport.plan.config = undefined;
      transport.plan.queues.clear();
    }
    known.device.reset();
    return known;
  }
  machine.prepare();
  const fresh = probe(machine);
  drivers.set(machine, fresh);
  return fresh;
}

function probe(machine: QemuMachine): Driver {
  const { access, settings } = machine;
  if (access.kind === 'pci') {
    const plan = { mode: settings.interrupts, queues: new Map<number, number>() };
    const device = new VirtioPciDevice(access, plan);
    device.alone = true;
    losesFrames(device, machine);
    return { device, turn: recentStatus(device, machine), transport: { kind: 'pci', access, plan } };
  }
  const plan = { mode: 'line' as const };
  const device = new VirtioMmioDevice(access, plan);
  losesFrames(device, machine);
  return { device, turn: recentStatus(device, machine), transport: { kind: 'mmio', access, plan } };
}

/** Have a reset of `device` lose the frames that are on their way to it. */
function losesFrames(device: VirtioPciDevice | VirtioMmioDevice, { peer }: QemuMachine): void {
  if (peer === null) return;
  const reset = device.reset.bind(device);
  device.reset = () => {
    const result = reset();
    peer.discard();
    return result;
  };
}

/** Times that a status is told again before the device is asked anew. */
const MOST_RECENT = 32;

/**
 * Have `device` tell the status that it read last for as long as nothing else was sent to QEMU: whoever asks so soon
 * again cannot tell the difference, and is spared a round trip. Returns what reads it for certain.
 */
function recentStatus(device: VirtioPciDevice | VirtioMmioDevice, { qtest }: QemuMachine): () => void {
  const read = device.readStatus.bind(device);
  let [status, serial, told] = [0, -1, 0];
  const ask = () => {
    status = read();
    serial = qtest.serial;
    told = 0;
  };
  device.readStatus = () => {
    if (serial !== qtest.serial || ++told > MOST_RECENT) ask();
    return status;
  };
  return ask;
}

/** One session with the device of a machine. */
class QemuInstance implements ParentInstance {
  readonly device: VirtioPciDevice | VirtioMmioDevice;
  readonly #transport: Transport;
  readonly abilities: readonly Ability[];
  readonly peer: QemuPeer | undefined;
  readonly facts: DeclaredFacts;
  readonly posted: RegisterPoster;
  readonly #machine: QemuMachine;
  readonly #activity: QemuActivity;
  #signs = 0;

  constructor(machine: QemuMachine) {
    this.#machine = machine;
    const { settings } = machine;
    const { device, transport, turn } = driverOf(machine);
    this.device = device;
    this.#transport = transport;
    const { transport: kind } = settings;
    this.abilities = [
      ...ABILITIES,
      kind === 'mmio' ? 'not-pci' : 'no-disable',
      ...(device.sharedInterrupts ? (['shared-irq'] as const) : []),
    ];
    this.peer = machine.peer ?? undefined;
    this.facts = factsOf(settings);
    this.posted = new RegisterPoster(device, machine.access);
    this.#activity = new QemuActivity(machine, device.nvqs, turn);
    this.#count();
  }

  /** Whoever takes the registers in hand may leave anything behind: the next session starts from power on. */
  get transport(): Transport {
    this.#machine.touched = true;
    if (this.device instanceof VirtioPciDevice) this.device.alone = false;
    return this.#transport;
  }

  /** Waits until the device gives a sign: an interrupt, or at least one callback. */
  wait(ms: number, calm: boolean): boolean {
    this.#signs = 0;
    const transport = this.#transport;
    if (transport.kind === 'pci') this.#machine.interrupts!.watchesLine = transport.plan.mode === 'intx';
    return this.#activity.wait(ms, calm, () => {
      this.device.poll();
      if (this.peer?.exchange()) this.#signs++;
      return this.#signs > 0;
    });
  }

  dispose(): void {
    if (!this.#machine.usable) return;
    this.device.reset();
    // Whatever the last steps set off has come to its end, or shows here.
    this.#machine.qtest.turn();
  }

  /** Calls are signs of life as well. */
  #count(): void {
    const sign = () => {
      this.#signs++;
    };
    if (this.#machine.access.kind === 'pci') this.#machine.access.interrupts.onSign = sign;
    else this.#machine.access.onSign = sign;
  }
}

function factsOf({ kind, capacity, properties }: QemuSettings): DeclaredFacts {
  if (kind.type === 'blk') return { capacity };
  if (kind.type === 'net')
    return {
      mac: (properties.mac ?? kind.properties!.mac).replaceAll(':', '').toLowerCase(),
      ...(properties.host_mtu ? { mtu: Number(properties.host_mtu) } : {}),
    };
  return {};
}

/** The definition for one QEMU device with its properties. */
function definitionOf(options: Readonly<Record<string, string>>): ParentDefinition {
  const settings = readOptions(options);
  return {
    name: 'qemu',
    deviceType: settings.kind.type,
    description: `QEMU ${settings.device} over ${settings.transport === 'pci' ? 'virtio-pci' : 'virtio-mmio'}`,
    options: OPTIONS,
    openOptions: true,
    external: true,
    ...(settings.kind.net ? { peer: QEMU_PEER } : {}),
    memory: (size) => new QemuRam(size, settings),
    create: ({ memory }: ParentEnvironment) => new QemuInstance((memory as QemuRam).machine()),
  };
}

/** QEMU's virtio devices: `qemu:virtio-blk-pci`, `qemu:virtio-net-pci,packed=on`, `qemu:virtio-rng-device`. */
export const qemu = defineParent({
  name: 'qemu',
  deviceType: 'other',
  description: `a virtio device of QEMU, without a guest: qemu:DEVICE,property=value,…; DEVICE is one of ${DEVICE_NAMES.join(', ')}`,
  options: OPTIONS,
  openOptions: true,
  external: true,
  specialise: definitionOf,
  create: (environment) => definitionOf(environment.options).create(environment),
});
