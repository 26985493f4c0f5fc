import { DEVICE_TYPES, type DeviceType } from '../specs/virtio-1.1/device-ids.ts';
import type { VdpaDevice } from './device.ts';
import type { ManagementAccess } from './management/access.ts';
import type { DirtyTracking } from './memory/dirty.ts';
import type { DevicePort } from './memory/host-memory.ts';
import type { SharedMemory } from './memory/shared-memory.ts';
import type { FrameMeta, PacketPeer, PeerCaps } from './peer.ts';
import type { PostedDriver } from './transport/posted.ts';
import type { Transport } from './transport/transport.ts';

/**
 * What a parent can show or be told, beyond the contract. A case that needs an ability which the parent
 * does not have is skipped with that reason.
 *
 * - `pump`: the device works only inside `kickVq`, `setStatus` and `pump()`; it has no time of its own
 * - `track`: device stores to memory are seen one by one, in order
 * - `rtrack`: device loads are seen as well
 * - `perm-map`: mapping permissions are enforced
 * - `slow`: one request can be held back (`backend.hold`)
 * - `cfg-change`: the back end can change a configuration field (`backend.changeConfig`)
 * - `fault`: the back end can force an unrecoverable error (`backend.fail`)
 * - `power-cut`: the back end can lose everything that is not on stable storage (`backend.powerCut`)
 * - `vq-state`: `setVqState` accepts positions other than the initial one
 * - `drvfeat`: `getDriverFeatures` tells what is in force
 * - `not-pci`: the device is known not to be a PCI function
 * - `shared-irq`: an interrupt does not tell queues apart, so a callback may come where nothing was used
 * - `management`: devices can be made, shown and removed through the netlink family `vdpa` (`management`)
 * - `dirty`: the pages that the device writes are marked in a log (`dirty` of the instance)
 * - `emulates-status`: the device status is kept by the parent, for a device that has none of its own
 * - `emulates-features`: the parent decides whether a set of features is valid, not the device
 * - `emulates-config`: the configuration space is the parent's own
 * - `no-disable`: a queue that is ready stays so until a reset (virtio-pci without a queue reset)
 * - `early-ready`: queues are made ready before DRIVER_OK or not at all (no ENABLE_AFTER_DRIVER_OK)
 */
export const ABILITIES = [
  'pump',
  'track',
  'rtrack',
  'perm-map',
  'slow',
  'cfg-change',
  'fault',
  'power-cut',
  'vq-state',
  'drvfeat',
  'not-pci',
  'shared-irq',
  'no-disable',
  'early-ready',
  'dirty',
  'management',
  'emulates-status',
  'emulates-features',
  'emulates-config',
] as const;
export type Ability = (typeof ABILITIES)[number];

/** Control of what lies behind the device; every method belongs to the ability of the same meaning. */
export interface BackendControl {
  /** (`cfg-change`) Store `bytes` at `offset` of the configuration space as a change made by the device. */
  changeConfig?(offset: number, bytes: Uint8Array): void;
  /** (`slow`) Hold back the completion of the next `count` requests of queue `idx` until `release`. */
  hold?(idx: number, count: number): void;
  /** (`slow`) Let go of everything held back. */
  release?(): void;
  /** (`fault`) Enter an error state that only a reset can leave. */
  fail?(): void;
  /** (`power-cut`) Lose volatile data, then come back with what was on stable storage. */
  powerCut?(): void;
  /** Give away what lies behind the device, which is done with. */
  backing?(): DeviceBacking;
  /** Take over what lay behind another one, frames excepted; called once, before DRIVER_OK. */
  adopt?(backing: DeviceBacking): void;
}

/**
 * What lies behind a device and stays what it is when another device takes its place, as shared storage or a network
 * does: the disk, the carrier, frames that are still on their way.
 */
export interface DeviceBacking {
  /** Pages of 4096 bytes by number: on stable storage, and written but not stable yet. */
  readonly disk?: { stable: [number, Uint8Array][]; cache: [number, Uint8Array][] };
  /** Fields of the configuration space that the back end decides: [offset, bytes]. */
  readonly config: readonly (readonly [number, Uint8Array])[];
  /** Frames for the driver that it has not got, oldest first; whoever migrates sends them again. */
  readonly frames?: readonly { readonly bytes: Uint8Array; readonly meta: FrameMeta | undefined }[];
}

/** What a parent declares about the device so that declared values can be compared with reported ones. */
export interface DeclaredFacts {
  /** blk: capacity in 512-byte sectors. */
  capacity?: number;
  /** blk: stored data survives a power cut once it is stable. */
  persistent?: boolean;
  /** net: the MAC address that the device was created with, as 6 bytes in hex. */
  mac?: string;
  mtu?: number;
  maxVirtqueuePairs?: number;
}

/** Given to a parent when a device is created. */
export interface ParentEnvironment {
  /** The device's way to host memory, by physical address as handed over in `dmaMap` and `setMap`. */
  readonly port: DevicePort;
  /** Seed for everything the device draws at random; same seed, same behaviour. */
  readonly seed: number;
  /** Options of the target, as `name=value` pairs from the command line or a `targets` file. */
  readonly options: Readonly<Record<string, string>>;
  /** What `memory` of the definition provided: host memory as a device outside this process reaches it. */
  readonly memory?: SharedMemory;
}

/**
 * Thrown by an op for which what lies between parent and device has no means: it cannot be asked, or refuses by
 * itself what the device was to get. The device is not to blame, and the case is skipped.
 */
export class NoMeans extends Error {
  readonly code = 'NO_MEANS';
}

/** A device under test, with what surrounds it. */
export interface ParentInstance {
  readonly device: VdpaDevice;
  readonly abilities: readonly Ability[];
  /** The network on the far side of a net device. */
  readonly peer?: PacketPeer;
  readonly backend?: BackendControl;
  /** (`dirty`) Tracking of the pages that the device writes. */
  readonly dirty?: DirtyTracking;
  readonly facts?: DeclaredFacts;
  /** (`management`) The system that the device belongs to. */
  readonly management?: ManagementAccess;
  /** What the device stands on, for cases about registers and capabilities. */
  readonly transport?: Transport;
  /** A way to send whole sessions ahead; while it is in use, `device` must not be. */
  readonly posted?: PostedDriver;
  /**
   * (`pump`) Do at most `budget` units of work (one buffer or one event each). Returns the units done;
   * 0 means idle. A device that always finds more to do is a finding, so `budget` must be respected.
   */
  pump?(budget: number): number;
  /**
   * (a device with time of its own, instead of `pump`) Wait at most about `ms` milliseconds until it gives a sign,
   * and call the callbacks that are due. Returns whether it gave one. Waiting in vain proves only what the parent
   * makes sure of: that the device was let run meanwhile, e.g. by an answer that it gave to something else.
   * `calm`: the driver misses nothing and has broken no rule, so a short look will do.
   * @throws DeviceFailure when the device has died or answers no more
   */
  wait?(ms: number, calm: boolean): boolean;
  /**
   * (with `wait`) Whether the device is known to be at work at this moment, as a process that runs or waits for its
   * disk; then a wait in vain proves nothing. Not for devices that are always busy.
   */
  busy?(): boolean;
  dispose?(): void;
}

/** One option that a parent understands. */
export interface ParentOption {
  readonly name: string;
  readonly description: string;
  readonly default?: string;
}

/** A parent as registered: how to make devices of it. */
export interface ParentDefinition {
  /** Name for `--target`, lower case with hyphens. */
  readonly name: string;
  /** Device type: decides which cases apply. */
  readonly deviceType: DeviceType;
  readonly description: string;
  readonly options?: readonly ParentOption[];
  /** Further options of any name are handed on to what lies below; `create` or `specialise` checks them. */
  readonly openOptions?: boolean;
  /** It is there for this ability alone: cases that do not need it do not apply. */
  readonly only?: Ability;
  /** Its devices lie outside the suite (a program, a socket, a device file): none is made to list it. */
  readonly external?: boolean;
  /** What its targets name serves one driver at a time: they get one worker, however many there may be. */
  readonly exclusive?: boolean;
  /**
   * The definition that these options call for, where one parent stands for many devices. Its `create` gets the
   * same options.
   * @throws Error, with a `hint` where there is one, when the options call for nothing that exists
   */
  specialise?(options: Readonly<Record<string, string>>): ParentDefinition;
  /** Peer that the instances offer, for listing without creating a device. */
  readonly peer?: PeerCaps;
  /**
   * (devices outside this process) Memory of `size` bytes that its devices reach. One is made for each worker and
   * serves one device after the other.
   */
  memory?(size: number, options: Readonly<Record<string, string>>): SharedMemory;
  create(environment: ParentEnvironment): ParentInstance;
}

/**
 * Declare a parent. A module that is named with `--target ./my-parent.ts` exports one as `parent`.
 *
 * @throws TypeError when a required member is missing or has the wrong type.
 */
export function defineParent(definition: ParentDefinition): ParentDefinition {
  const problems: string[] = [];
  if (typeof definition?.name !== 'string' || !/^[a-z][a-z0-9-]*$/.test(definition.name))
    problems.push(
      `name must be lower case letters, digits and hyphens, got ${JSON.stringify(definition?.name)}`,
    );
  if (!DEVICE_TYPES.includes(definition?.deviceType))
    problems.push(
      `deviceType must be one of ${DEVICE_TYPES.join(', ')}, got ${JSON.stringify(definition?.deviceType)}`,
    );
  if (typeof definition?.create !== 'function') problems.push('create must be a function');
  if (problems.length > 0) throw new TypeError(`not a parent: ${problems.join('; ')}`);
  return definition;
}
