import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { UsageError } from '../../../conformance/commands/context.ts';
import { linuxSystem, type ManagedSystem } from '../../../devices/management/linux.ts';
import { VDPA_RELEASES, type VdpaRelease } from '../../../specs/vdpa/netlink.ts';
import type { DeviceAttributes } from '../management-device.ts';

/** Version of the state file; it moves when a reader of the old one would misread the new one. */
export const STATE_VERSION = 1;

/** A device as it was asked for. Numbers are decimal, features and MAC hexadecimal. */
interface SavedDevice {
  name: string;
  mgmtdev: string;
  bus?: string;
  features?: string;
  mac?: string;
  mtu?: number;
  maxVqPairs?: number;
}

/** What is kept of a system between two commands. */
interface SavedState {
  version: typeof STATE_VERSION;
  release: VdpaRelease;
  /** In the order in which they were added. */
  devices: SavedDevice[];
}

/**
 * The system that a state file describes, its devices made anew; a fresh one when the file does not exist.
 *
 * @param release kernel release of a fresh system; the file's counts when this is undefined
 * @throws UsageError for a file that cannot be read or says something else than `release`
 */
export function loadSystem(
  path: string,
  release: VdpaRelease | undefined,
  fresh: VdpaRelease,
): ManagedSystem {
  if (!existsSync(path)) return linuxSystem(release ?? fresh);
  const state = readState(path);
  if (release !== undefined && release !== state.release)
    throw new UsageError(
      `${path} holds a system of Linux ${state.release}, not ${release}`,
      'leave out --release, or name another file',
    );
  const system = linuxSystem(state.release);
  for (const { name, mgmtdev, bus, ...rest } of state.devices) {
    try {
      system.management.add(
        { name: mgmtdev, ...(bus === undefined ? {} : { bus }) },
        name,
        attributesOf(rest),
      );
    } catch (error) {
      throw unusable(path, `device ${name} cannot be made: ${(error as Error).message}`);
    }
  }
  return system;
}

/** Write the devices of `system` to a state file, whole or not at all. @throws UsageError */
export function saveSystem(path: string, { management }: ManagedSystem): void {
  const state: SavedState = {
    version: STATE_VERSION,
    release: management.release,
    devices: management.devices().flatMap((device) => {
      const managed = management.managed(device.name);
      if (managed === undefined) return [];
      const { by, attributes } = managed;
      return [
        {
          name: device.name,
          mgmtdev: by.name,
          ...(by.bus === undefined ? {} : { bus: by.bus }),
          ...savedAttributes(attributes),
        },
      ];
    }),
  };
  const temporary = `${path}.${process.pid}`;
  try {
    writeFileSync(temporary, `${JSON.stringify(state, null, 2)}\n`);
    renameSync(temporary, path);
  } catch (error) {
    throw new UsageError(
      `the state cannot be kept in ${path}: ${(error as Error).message}`,
      'name a file in a folder that can be written to',
    );
  }
}

function readState(path: string): SavedState {
  let state: Partial<SavedState>;
  try {
    state = JSON.parse(readFileSync(path, 'utf8')) as Partial<SavedState>;
  } catch (error) {
    throw unusable(path, (error as Error).message);
  }
  const known = VDPA_RELEASES.includes(state?.release as VdpaRelease);
  if (state?.version !== STATE_VERSION || !known || !Array.isArray(state.devices))
    throw unusable(path, `it is no state of version ${STATE_VERSION}`);
  const named = ({ name, mgmtdev }: SavedDevice) => typeof name === 'string' && typeof mgmtdev === 'string';
  if (!state.devices.every((device) => typeof device === 'object' && device !== null && named(device)))
    throw unusable(path, 'a device lacks its name or management device');
  return state as SavedState;
}

const unusable = (path: string, why: string) =>
  new UsageError(`${path} cannot be used: ${why}`, 'remove it to begin with a fresh system');

function savedAttributes({ features, mac, mtu, maxVqPairs }: DeviceAttributes) {
  return {
    ...(features === undefined ? {} : { features: `0x${features.toString(16)}` }),
    ...(mac === undefined ? {} : { mac: Buffer.from(mac).toString('hex') }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(maxVqPairs === undefined ? {} : { maxVqPairs }),
  };
}

function attributesOf({ features, mac, mtu, maxVqPairs }: Omit<SavedDevice, 'name' | 'mgmtdev' | 'bus'>) {
  return {
    ...(features === undefined ? {} : { features: BigInt(features) }),
    ...(mac === undefined ? {} : { mac: Uint8Array.from(Buffer.from(mac, 'hex')) }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(maxVqPairs === undefined ? {} : { maxVqPairs }),
  };
}
