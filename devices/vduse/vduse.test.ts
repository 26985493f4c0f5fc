import { afterAll, describe, expect, it } from 'vitest';
import { ERRNO, initialVqState, PERM } from '../../framework/device.ts';
import { DeviceFailure } from '../../framework/device-failure.ts';
import { HostMemory } from '../../framework/memory/host-memory.ts';
import { F_ACCESS_PLATFORM, F_VERSION_1 } from '../../specs/virtio-1.1/features.ts';
import { STATUS } from '../../specs/virtio-1.1/status.ts';
import { endIdleDaemons, idleDaemons } from './kernel/daemon-thread.ts';
import type { VduseDevice } from './kernel/vduse-device.ts';
import { vduseBlk } from './parents.ts';

const READY = STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK;

function make(options: Record<string, string> = {}) {
  const memory = new HostMemory(1 << 16);
  const instance = vduseBlk.create({ port: memory.port(), seed: 1, options });
  const device = instance.device as VduseDevice;
  return { memory, instance, device };
}

/** Bring up a split queue of 8 with a FLUSH-like request of an unknown type, kicked. Returns the last status. */
function bringUp({ device, memory }: ReturnType<typeof make>): number {
  device.setMap(0, [{ iova: 0x10000, size: 0x8000, addr: 0, perm: PERM.RW }]);
  device.setDriverFeatures(F_VERSION_1 | F_ACCESS_PLATFORM);
  device.setStatus(READY);
  device.setVqNum(0, 8);
  device.setVqAddress(0, 0x10000, 0x11000, 0x12000);
  device.setVqReady(0, true);
  device.setStatus(READY | STATUS.DRIVER_OK);
  const { view } = memory;
  view.setUint32(0x3000, 0xff, true);
  view.setUint32(0, 0x13000, true);
  view.setUint32(8, 16, true);
  view.setUint16(12, 1, true);
  view.setUint16(14, 1, true);
  view.setUint32(16, 0x13100, true);
  view.setUint32(24, 1, true);
  view.setUint16(28, 2, true);
  view.setUint8(0x3100, 0xaa);
  view.setUint16(0x1002, 1, true);
  device.kickVq(0);
  return device.getStatus();
}

afterAll(() => endIdleDaemons());

describe('a daemon that works', () => {
  it('serves a request, and its thread serves the next device', () => {
    const made = make();
    let calls = 0;
    made.device.setVqCb(0, { callback: () => calls++ });
    expect(bringUp(made)).toBe(READY | STATUS.DRIVER_OK);
    expect(made.instance.pump!(10)).toBe(1);
    expect(made.memory.view.getUint8(0x3100)).toBe(2);
    expect(made.memory.view.getUint16(0x2002, true)).toBe(1);
    expect(calls).toBe(1);
    const state = initialVqState();
    expect(made.device.getVqState(0, state)).toBe(0);
    expect(state.split.availIndex).toBe(1);
    const before = idleDaemons();
    made.instance.dispose!();
    expect(idleDaemons()).toBe(before + 1);
    const next = make();
    expect(idleDaemons()).toBe(before);
    expect(next.device.getStatus()).toBe(0);
    next.instance.dispose!();
  });

  it('refuses FEATURES_OK for features that were not offered, and takes the other bits', () => {
    const { device, instance } = make();
    expect(device.setDriverFeatures(1n << 50n)).toBe(0);
    device.setStatus(READY);
    expect(device.getStatus()).toBe(STATUS.ACKNOWLEDGE | STATUS.DRIVER);
    instance.dispose!();
  });
});

describe('a daemon that works in another way', () => {
  // Bringing up takes four messages: the mappings, the status, the queue, the status.
  it.each(['hesitates', 'eager', 'dies-after:4'])('%s: requests are served', (daemon) => {
    const made = make({ daemon });
    expect(bringUp(made)).toBe(READY | STATUS.DRIVER_OK);
    expect(made.instance.pump!(10)).toBe(1);
    expect(made.memory.view.getUint8(0x3100)).toBe(2);
    made.instance.dispose!();
  });

  it('one that refuses to start is still there', () => {
    const made = make({ daemon: 'refuses' });
    expect(bringUp(made) & STATUS.DRIVER_OK).toBe(0);
    expect(made.instance.pump!(1)).toBe(0);
    expect(made.device.reset()).toBe(0);
    made.instance.dispose!();
  });
});

describe('an update of the mappings', () => {
  const other = [{ iova: 0x20000, size: 0x1000, addr: 0x8000, perm: PERM.RW }];

  it.each([
    ['update-dies', true],
    ['update-stalls', true],
    ['update-lies', true],
    ['update-refuses', false],
  ])('%s: the kernel says so and maps nothing', (daemon, broken) => {
    const made = make({ daemon });
    expect(bringUp(made)).toBe(READY | STATUS.DRIVER_OK);
    made.device.node.timeout = 200;
    expect(made.device.setMap(0, other)).toBe(-ERRNO.EIO);
    expect(made.device.node.broken !== undefined).toBe(broken);
    made.instance.dispose!();
  });
});

describe('a daemon that does not', () => {
  it.each([
    ['lies', {}, 'DEVICE_HUNG'],
    ['stalls', { 'msg-timeout': '2000' }, 'DEVICE_HUNG'],
    ['dies-after:3', {}, 'DEVICE_DIED'],
  ])('%s: the status stays, later requests fail, work ends the case', (daemon, options, code) => {
    const made = make({ daemon, ...options });
    expect(bringUp(made) & STATUS.DRIVER_OK).toBe(0);
    const thrown = (() => {
      try {
        made.instance.pump!(1);
      } catch (error) {
        return error as DeviceFailure;
      }
    })();
    expect(thrown).toBeInstanceOf(DeviceFailure);
    expect(thrown!.code).toBe(code);
    expect(made.device.getVqState(0, initialVqState())).toBe(-ERRNO.EIO);
    expect(made.device.setMap(0, [])).toBe(-ERRNO.EIO);
    expect(made.device.reset()).toBe(-ERRNO.EIO);
    expect(made.device.getStatus()).toBe(0);
    const before = idleDaemons();
    made.instance.dispose!();
    expect(idleDaemons()).toBe(before);
  });

  it('is refused when there is no such way', () => {
    expect(() => make({ daemon: 'sleeps' })).toThrow(/there are dies-after:N .*, stalls, .* eager/);
  });
});
