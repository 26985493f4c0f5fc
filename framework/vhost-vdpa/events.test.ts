import { describe, expect, it } from 'vitest';
import type { VdpaCallback } from '../device.ts';
import { EventFd } from './eventfd.ts';
import { bytes, rig, state } from './test-kit.ts';
import { IOCTL } from './uapi.ts';

/** A node with an owner; what the parent was given as callbacks. */
function wired() {
  const given: VdpaCallback[] = [];
  const config: VdpaCallback[] = [];
  const all = rig({
    ops: {
      setVqCb: (_: number, cb: VdpaCallback) => given.push({ ...cb }),
      setConfigCb: (cb: VdpaCallback) => config.push({ ...cb }),
    },
  });
  all.file.ioctl(IOCTL.SET_OWNER);
  all.log.length = 0;
  return { ...all, given, config };
}

describe('eventfd', () => {
  it('counts, wakes, and is read empty', () => {
    const event = new EventFd();
    let woken = 0;
    const end = event.wait(() => woken++);
    event.signal();
    event.signal(4n);
    expect([woken, event.count, event.read(), event.read()]).toEqual([2, 5n, 5n, -11]);
    end();
    event.signal();
    expect(woken).toBe(2);
    const full = new EventFd(2n ** 64n - 2n);
    full.signal();
    expect(full.count).toBe(2n ** 64n - 2n);
  });
});

describe('kicks', () => {
  it('every signal is one, the counter stays, and one that came before counts at once', () => {
    const { file, process, log } = wired();
    const { fd, event } = process.files.eventfd();
    file.ioctl(IOCTL.SET_VRING_KICK, state(2, fd));
    event.signal();
    event.signal();
    expect(log).toEqual(['kickVq(2)', 'kickVq(2)']);
    expect(event.count).toBe(2n);
    file.ioctl(IOCTL.SET_VRING_KICK, state(1, fd));
    expect(log.at(-1)).toBe('kickVq(1)');
    event.signal();
    expect(log.slice(-2)).toEqual(['kickVq(2)', 'kickVq(1)']);
  });

  it('stop when the eventfd is taken away or replaced, and survive a reset and a closed descriptor', () => {
    const { file, process, log } = wired();
    const first = process.files.eventfd();
    const second = process.files.eventfd();
    file.ioctl(IOCTL.SET_VRING_KICK, state(0, first.fd));
    file.ioctl(IOCTL.SET_STATUS, bytes([1, 0]));
    process.files.close(first.fd);
    first.event.signal();
    expect(log.filter((line) => line.startsWith('kick'))).toHaveLength(1);
    file.ioctl(IOCTL.SET_VRING_KICK, state(0, second.fd));
    first.event.signal();
    second.event.signal();
    expect(log.filter((line) => line.startsWith('kick'))).toHaveLength(2);
    file.ioctl(IOCTL.SET_VRING_KICK, state(0, -1));
    second.event.signal();
    expect(log.filter((line) => line.startsWith('kick'))).toHaveLength(2);
  });
});

describe('calls', () => {
  it('callback and trigger both signal the eventfd; -1 gives the parent nothing to call', () => {
    const { file, process, given } = wired();
    const { fd, event } = process.files.eventfd();
    file.ioctl(IOCTL.SET_VRING_CALL, state(0, fd));
    given[0].callback!();
    given[0].trigger!();
    expect(event.count).toBe(2n);
    file.ioctl(IOCTL.SET_VRING_CALL, state(0, -1));
    expect(given[1]).toEqual({ callback: null, trigger: undefined });
    given[0].callback!();
    expect(event.count).toBe(2n);
  });

  it('a reset leaves the eventfd with vhost, but the parent has to be told again', () => {
    const { file, process, given } = wired();
    const { fd, event } = process.files.eventfd();
    file.ioctl(IOCTL.SET_VRING_CALL, state(0, fd));
    file.ioctl(IOCTL.SET_STATUS, bytes([1, 0]));
    expect(given).toHaveLength(1);
    expect(file.vrings[0].call).toBe(event);
  });

  it('configuration changes: the parent always has a callback, the eventfd may be missing', () => {
    const { file, process, config } = wired();
    const { fd, event } = process.files.eventfd();
    expect(file.ioctl(IOCTL.SET_CONFIG_CALL)).toBe(-14);
    expect(file.ioctl(IOCTL.SET_CONFIG_CALL, bytes([4, 1234]))).toBe(-9);
    expect(file.ioctl(IOCTL.SET_CONFIG_CALL, bytes([4, process.files.open({})]))).toBe(-22);
    expect(config).toEqual([]);
    file.ioctl(IOCTL.SET_CONFIG_CALL, bytes([4, fd]));
    config[0].callback!();
    file.ioctl(IOCTL.SET_CONFIG_CALL, bytes([4, -1]));
    expect(config[1].callback).not.toBe(null);
    config[1].callback!();
    expect(event.count).toBe(1n);
  });
});
