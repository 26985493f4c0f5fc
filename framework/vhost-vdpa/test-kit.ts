import type { VdpaConfigOps, VdpaDevice } from '../device.ts';
import { PAGE } from '../memory/guest-memory.ts';
import { VhostVdpaNode } from './node.ts';
import type { OpenFile } from './open-file.ts';
import { UserProcess } from './process.ts';
import type { ReleaseName } from './release.ts';

/** Every op call of a parent, as `op(arguments)`. */
export type Log = string[];

/** What a parent for tests is made of. */
export interface FakeOptions {
  ops?: Partial<Record<keyof VdpaConfigOps, unknown>>;
  nvqs?: number;
  ngroups?: number;
  nas?: number;
  useVa?: boolean;
  release?: ReleaseName;
  /** RLIMIT_MEMLOCK of the process. */
  memlock?: number;
}

const show = (value: unknown): string => {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (value instanceof Uint8Array) return `[${value}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  if ('callback' in value) return value.callback === null ? 'none' : 'callback';
  if ('physical' in value) return 'mm';
  return JSON.stringify(value);
};

/** A parent that does as it is told, and writes down what that was: three queues, two groups, two spaces. */
export function fakeDevice(log: Log, options: FakeOptions = {}): VdpaDevice {
  let status = 0;
  let features = 0n;
  const plain: Partial<VdpaConfigOps> = {
    setVqAddress: () => 0,
    setVqNum() {},
    kickVq() {},
    setVqCb() {},
    setVqReady() {},
    getVqReady: () => false,
    setVqState: () => 0,
    getVqState: (_, state) => {
      state.split.availIndex = 0x1234;
      state.packed = { lastAvailIdx: 5, lastAvailCounter: 1, lastUsedIdx: 3, lastUsedCounter: 0 };
      return 0;
    },
    getVqSize: () => 64,
    getVqAlign: () => 4096,
    getVqGroup: (idx) => (idx === 2 ? 1 : 0),
    getDeviceFeatures: () => 0xf_0000_0001n,
    setDriverFeatures: (value) => {
      features = value;
      return 0;
    },
    getDriverFeatures: () => features,
    setConfigCb() {},
    getVqNumMax: () => 256,
    getDeviceId: () => 1,
    getVendorId: () => 0,
    getStatus: () => status,
    setStatus: (value) => {
      status = value;
    },
    reset: () => {
      status = 0;
      features = 0n;
      return 0;
    },
    suspend: () => 0,
    resume: () => 0,
    getConfigSize: () => 16,
    getConfig: (offset, buf) => {
      for (let i = 0; i < buf.length; i++) buf[i] = offset + i;
    },
    setConfig() {},
    getIovaRange: () => ({ first: 0x1000, last: 0xffff_ffff_ffff }),
    setGroupAsid: () => 0,
    dmaMap: () => 0,
    dmaUnmap: () => 0,
    resetMap: () => 0,
  };
  const all: Record<string, unknown> = { ...plain, ...options.ops };
  const ops: Record<string, unknown> = {};
  for (const [op, action] of Object.entries(all)) {
    if (typeof action !== 'function') continue;
    ops[op] = (...args: unknown[]) => {
      log.push(
        `${op}(${args
          .filter((one) => one !== undefined)
          .map(show)
          .join(', ')})`,
      );
      return action(...args);
    };
  }
  const { nvqs = 3, ngroups = 2, nas = 2, useVa } = options;
  return { name: 'vdpa0', nvqs, ngroups, nas, useVa, ops: ops as unknown as VdpaConfigOps };
}

/** Where {@link rig} puts 64 pages of the process, at physical address 0x10_0000. */
export const USER = 0x7000_0000;
export const PHYSICAL = 0x10_0000;

/** A parent for tests behind an open node, with a process that has memory. The log starts empty. */
export function rig(options: FakeOptions = {}) {
  const log: Log = [];
  const device = fakeDevice(log, options);
  const node = new VhostVdpaNode(device, 0, options.release);
  const process = new UserProcess(options.memlock);
  process.memory.map({
    start: USER,
    size: 64 * PAGE,
    pages: PHYSICAL,
    kind: 'shared-file',
    writable: true,
    file: 'ram',
    offset: 0,
  });
  const file = node.open(process) as OpenFile;
  log.length = 0;
  return { log, device, node, process, file };
}

/** A little-endian argument: numbers by size in bytes. */
export function bytes(...fields: readonly (readonly [1 | 2 | 4 | 8, number | bigint])[]): Uint8Array {
  const total = fields.reduce((sum, [size]) => sum + size, 0);
  const out = new Uint8Array(total);
  let at = 0;
  for (const [size, value] of fields) {
    let left = BigInt.asUintN(64, BigInt(value));
    for (let i = 0; i < size; i++, left >>= 8n) out[at + i] = Number(left & 0xffn);
    at += size;
  }
  return out;
}

/** `vhost_vring_state`. */
export const state = (index: number, num: number) => bytes([4, index], [4, num]);
