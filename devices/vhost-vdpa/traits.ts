import { existsSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { initialVqState, type VdpaIovaRange } from '../../framework/device.ts';
import { VhostVdpaClient } from '../../framework/vhost-vdpa/client.ts';
import { BACKEND_F } from '../../framework/vhost-vdpa/uapi.ts';
import { DeviceFile, DeviceFileError } from './device-file.ts';

/** What a node tells about itself and its device once; it does not change. */
export interface NodeTraits {
  readonly deviceId: number;
  readonly features: bigint;
  readonly nvqs: number;
  readonly ngroups: number;
  readonly nas: number;
  readonly numMax: number;
  readonly configSize: number;
  /** The configuration space as it was found. */
  readonly config: Uint8Array;
  readonly iovaRange: VdpaIovaRange;
  /** Backend features that were offered and are acknowledged (`BACKEND_F`). */
  readonly backend: bigint;
  /** Commands of the uAPI that kernel and parent have. */
  readonly groups: boolean;
  readonly descGroups: boolean;
  readonly sizes: boolean;
  /** Queues take starting positions other than the initial one. */
  readonly positions: boolean;
  /** False when sysfs shows that the device is no PCI function; true also when that is not known. */
  readonly maybePci: boolean;
}

/** All backend features that this client knows how to live with. */
const KNOWN = Object.values(BACKEND_F).reduce((all, bit) => all | bit, 0n);

/** @throws DeviceFileError when a request failed that every kernel with vhost-vdpa answers */
function must(what: string, path: string, result: number): number {
  if (result >= 0) return result;
  throw new DeviceFileError(
    `${path}: ${what} failed with errno ${-result}`,
    'is it a node of vhost-vdpa, and the kernel 6.1 or newer?',
  );
}

/** Open a node, become its owner and acknowledge what it offers. Returns the client; closing it resets the device. */
export function openClient(path: string): { client: VhostVdpaClient; backend: bigint } {
  const file = new DeviceFile(path);
  const client = new VhostVdpaClient(file);
  try {
    must('SET_OWNER', path, client.setOwner());
    const backend = client.backendFeatures() & KNOWN;
    must('SET_BACKEND_FEATURES', path, client.setBackendFeatures(backend));
    return { client, backend };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Look at a node: open it, ask, close it again. @throws DeviceFileError */
export function readTraits(path: string): NodeTraits {
  const { client, backend } = openClient(path);
  try {
    const range = client.iovaRange();
    const nas = client.spaceCount();
    const ngroups = client.groupCount();
    const configSize = must('GET_CONFIG_SIZE', path, client.configSize());
    return {
      deviceId: must('GET_DEVICE_ID', path, client.deviceId()),
      features: client.features(),
      nvqs: must('GET_VQS_COUNT', path, client.queueCount()),
      // Kernels before 5.19 know neither groups nor address spaces.
      ngroups: Math.max(1, ngroups),
      nas: Math.max(1, nas),
      numMax: must('GET_VRING_NUM', path, client.vringNum()),
      configSize,
      config: readConfig(client, configSize),
      iovaRange: typeof range === 'number' ? { first: 0, last: Number.MAX_SAFE_INTEGER } : range,
      backend,
      groups: client.group(0) >= 0,
      descGroups: client.descGroup(0) >= 0,
      sizes: client.size(0) >= 0,
      positions: takesPositions(client),
      maybePci: maybePci(path),
    };
  } finally {
    client.close();
  }
}

function readConfig(client: VhostVdpaClient, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  if (size > 0) client.readConfig(0, bytes);
  return bytes;
}

/**
 * A device that let a driver write what it should not keeps that beyond a reset: put back what was found at first,
 * so that one case does not spoil the next.
 */
export function restoreConfig(client: VhostVdpaClient, { config }: NodeTraits): void {
  const now = readConfig(client, config.length);
  if (Buffer.compare(now, config) !== 0) client.writeConfig(0, config);
}

/** Whether a queue of a fresh device takes a starting position in its middle. */
function takesPositions(client: VhostVdpaClient): boolean {
  const state = initialVqState();
  state.split.availIndex = 5;
  return client.setBase(0, state, 'split') >= 0;
}

/** The node in sysfs lies below the device that it stands for. */
function maybePci(path: string): boolean {
  const place = `/sys/class/vhost-vdpa/${basename(path)}`;
  return !existsSync(place) || /\/pci[0-9a-f]{4}:/.test(realpathSync(place));
}
