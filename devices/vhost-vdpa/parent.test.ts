import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERRNO, PERM, type Perm } from '../../framework/device.ts';
import { NoMeans } from '../../framework/parent.ts';
import { type NodeHandle, VhostVdpaClient } from '../../framework/vhost-vdpa/client.ts';
import { BACKEND_F, IOCTL, IOTLB } from '../../framework/vhost-vdpa/uapi.ts';
import { DeviceFile, DeviceFileError } from './device-file.ts';
import { VhostVdpaOps } from './ops.ts';
import { abilitiesOf, factsOf, pathOf, vhostVdpa } from './parent.ts';
import { Signals } from './signals.ts';
import type { NodeTraits } from './traits.ts';

const TRAITS: NodeTraits = {
  deviceId: 2,
  features: 0n,
  nvqs: 2,
  ngroups: 1,
  nas: 1,
  numMax: 256,
  configSize: 60,
  config: new Uint8Array(60),
  iovaRange: { first: 0, last: 0xffff_ffff },
  backend: BACKEND_F.IOTLB_MSG_V2 | BACKEND_F.IOTLB_BATCH | BACKEND_F.IOTLB_ASID,
  groups: false,
  descGroups: false,
  sizes: false,
  positions: false,
  maybePci: true,
};

/** A node that notes what it is asked and answers with `errors`. */
class NotingNode implements NodeHandle {
  readonly log: string[] = [];
  readonly errors = new Map<number, number>();
  status = 0;

  ioctl(command: number, argument?: Uint8Array): number {
    const name = Object.entries(IOCTL).find(([, number]) => number === command)?.[0] ?? String(command);
    this.log.push(name);
    const error = this.errors.get(command);
    if (error !== undefined) return -error;
    if (command === IOCTL.GET_STATUS && argument) argument[0] = this.status;
    if (command === IOCTL.SET_STATUS && argument) this.status = argument[0];
    return 0;
  }
  write(message: Uint8Array): number {
    const view = new DataView(message.buffer, message.byteOffset);
    const kind = Object.entries(IOTLB).find(([, type]) => type === message[33])?.[0];
    this.log.push(
      `${kind} ${view.getUint32(4, true)} 0x${view.getBigUint64(8, true).toString(16)} 0x${view.getBigUint64(24, true).toString(16)}`,
    );
    return message.length;
  }
  close(): void {}
}

function opsOn(node: NotingNode, traits: Partial<NodeTraits> = {}) {
  return new VhostVdpaOps(new VhostVdpaClient(node), { ...TRAITS, ...traits }, new Signals(), 0x7000_0000n);
}

describe('ops through a node', () => {
  it('map guest memory at its place in this process', () => {
    const node = new NotingNode();
    expect(opsOn(node).dmaMap(0, 0x4000_0000, 0x1000, 0x2000, PERM.RW as Perm)).toBe(0);
    expect(node.log).toEqual(['UPDATE 0 0x40000000 0x70002000']);
  });

  it('map again after a reset that takes mappings along, in one batch', () => {
    const node = new NotingNode();
    const ops = opsOn(node);
    ops.dmaMap(0, 0x4000_0000, 0x1000, 0, PERM.RW);
    ops.dmaMap(0, 0x8000_0000, 0x1000, 0x1000, PERM.RO);
    ops.dmaUnmap(0, 0x4000_0000, 0x1000);
    node.log.length = 0;
    expect(ops.reset()).toBe(0);
    expect(node.log).toEqual([
      'SET_STATUS',
      'BATCH_BEGIN 0 0x0 0x0',
      'INVALIDATE 0 0x80000000 0x0',
      'UPDATE 0 0x80000000 0x70001000',
      'BATCH_END 0 0x0 0x0',
    ]);
  });

  it('leave mappings alone where they outlive a reset', () => {
    const node = new NotingNode();
    const ops = opsOn(node, { backend: TRAITS.backend | BACKEND_F.IOTLB_PERSIST });
    ops.dmaMap(0, 0x4000_0000, 0x1000, 0, PERM.RW);
    node.log.length = 0;
    ops.reset();
    expect(node.log).toEqual(['SET_STATUS']);
  });

  it('do not blame the device for what the kernel refuses by itself', () => {
    const node = new NotingNode();
    const ops = opsOn(node);
    node.status = 0xf;
    node.errors.set(IOCTL.SET_STATUS, ERRNO.EINVAL);
    expect(() => ops.setStatus(3)).toThrow(NoMeans);
    node.errors.set(IOCTL.SET_FEATURES, ERRNO.EBUSY);
    expect(() => ops.setDriverFeatures(1n)).toThrow(NoMeans);
    node.errors.set(IOCTL.SET_VRING_NUM, ERRNO.EINVAL);
    expect(() => ops.setVqNum(0, 3)).toThrow(NoMeans);
    node.errors.set(IOCTL.SET_VRING_ADDR, ERRNO.EINVAL);
    expect(() => ops.setVqAddress(0, 0, 1, 0)).toThrow(NoMeans);
    expect(ops.setVqAddress(0, 0, 2, 4)).toBe(-ERRNO.EINVAL);
    node.errors.set(IOCTL.SET_VRING_ENABLE, ERRNO.ENOBUFS);
    expect(() => ops.setVqReady(7, false)).toThrow(NoMeans);
    expect(() => ops.getVqReady()).toThrow(NoMeans);
  });

  it('return what the device refuses', () => {
    const node = new NotingNode();
    const ops = opsOn(node);
    node.errors.set(IOCTL.SET_FEATURES, ERRNO.EINVAL);
    expect(ops.setDriverFeatures(1n)).toBe(-ERRNO.EINVAL);
    node.errors.set(IOCTL.SET_VRING_BASE, ERRNO.EOPNOTSUPP);
    const state = { split: { availIndex: 5 } } as Parameters<typeof ops.setVqState>[1];
    state.packed = { lastAvailIdx: 0, lastAvailCounter: 1, lastUsedIdx: 0, lastUsedCounter: 1 };
    expect(ops.setVqState(0, state)).toBe(-ERRNO.EOPNOTSUPP);
  });

  it('stay inside the configuration space', () => {
    const node = new NotingNode();
    const ops = opsOn(node);
    ops.getConfig(60, new Uint8Array(4));
    ops.setConfig(64, new Uint8Array(4));
    expect(node.log).toEqual([]);
    ops.getConfig(58, new Uint8Array(4));
    expect(node.log).toEqual(['GET_CONFIG']);
  });

  it('exist only where kernel and parent have the command', () => {
    expect(opsOn(new NotingNode()).suspend).toBeUndefined();
    const ops = opsOn(new NotingNode(), {
      backend: TRAITS.backend | BACKEND_F.SUSPEND,
      groups: true,
      nas: 2,
    });
    expect(ops.suspend?.()).toBe(0);
    expect(ops.resume).toBeUndefined();
    expect(ops.getVqGroup?.(0)).toBeTypeOf('number');
    expect(ops.setGroupAsid?.(0, 1)).toBe(0);
  });
});

describe('the target', () => {
  it('names its node by path, and options beside it', () => {
    expect(pathOf({ '/dev/vhost-vdpa-3': '', mac: '52:54:00:aa:bb:cc' })).toBe('/dev/vhost-vdpa-3');
    expect(() => pathOf({})).toThrow('no node is named');
    expect(() => pathOf({ '/a': '', '/b': '' })).toThrow('several nodes');
    expect(() => pathOf({ '/a': '', speed: '1' })).toThrow('no option speed');
  });

  it('declares what the user knows', () => {
    expect(factsOf({ mac: '52:54:00:AA:BB:CC', mtu: '1500' })).toEqual({ mac: '525400aabbcc', mtu: 1500 });
    expect(abilitiesOf({ ...TRAITS, positions: true, maybePci: false }, {})).toEqual([
      'vq-state',
      'not-pci',
      'early-ready',
    ]);
    const backend = TRAITS.backend | BACKEND_F.ENABLE_AFTER_DRIVER_OK;
    expect(abilitiesOf({ ...TRAITS, backend }, { 'perm-map': 'yes' })).toEqual(['perm-map']);
  });

  it('says what is missing when the node cannot be used', () => {
    const missing = join(tmpdir(), `no-node-${process.pid}`);
    const attempt = () => vhostVdpa.specialise!({ [missing]: '' });
    expect(attempt).toThrow(DeviceFileError);
    expect(attempt).toThrow('cannot be opened');
  });

  it.runIf(process.platform === 'linux' && existsSync('node_modules/koffi'))(
    'tells a plain file from a node',
    () => {
      const plain = join(tmpdir(), `plain-${process.pid}`);
      writeFileSync(plain, '');
      try {
        expect(new DeviceFile(plain).ioctl(IOCTL.GET_DEVICE_ID, new Uint8Array(4))).toBe(-ERRNO.ENOTTY);
        expect(() => vhostVdpa.specialise!({ [plain]: '' })).toThrow('SET_OWNER failed with errno 25');
      } finally {
        rmSync(plain);
      }
    },
  );
});
