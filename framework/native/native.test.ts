import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Child, isRunning } from './child.ts';
import { NativeError, PeerClosedError, SystemError, TimeLimitError } from './errors.ts';
import { EventFd } from './eventfd.ts';
import { closeFd, dupFd, POLL, poll, readSome, tryRead, writeAll } from './fd.ts';
import { ioctl, ioctlNumber } from './ioctl.ts';
import { loadKoffi } from './libc.ts';
import { Mapping } from './mapping.ts';
import { createMemfd } from './memfd.ts';
import { Resources } from './resources.ts';
import { acceptUnix, connectUnix, listenUnix, receiveMessage, sendMessage, socketPair } from './socket.ts';

const use = (test: (owner: Resources) => void) => () => {
  const owner = new Resources();
  try {
    test(owner);
  } finally {
    owner.dispose();
  }
};
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe('koffi', () => {
  it('is asked for when it is missing', () => {
    const missing = () => {
      throw new Error("Cannot find module 'koffi'");
    };
    expect(() => loadKoffi(missing)).toThrow(NativeError);
    expect(() => loadKoffi(missing)).toThrow(/need the package koffi.*Cannot find/);
  });
});

describe('memory', () => {
  it(
    'is the same through two mappings of one memfd',
    use((owner) => {
      const fd = owner.ownFd(createMemfd('test', 8192));
      const [a, b] = [owner.own(new Mapping(fd, 8192)), owner.own(new Mapping(fd, 4096, 4096))];
      const word = new Int32Array(a.buffer);
      Atomics.store(word, 1024, 7);
      expect(Atomics.add(new Int32Array(b.buffer), 0, 5)).toBe(7);
      expect(word[1024]).toBe(12);
    }),
  );

  it(
    'says what failed and what is gone',
    use((owner) => {
      expect(() => new Mapping(999_999, 4096)).toThrow(/mmap\(fd 999999, 4096 bytes at 0\): EBADF \(9\)/);
      const fd = owner.ownFd(createMemfd('test', 4096));
      const mapping = new Mapping(fd, 4096);
      mapping.dispose();
      mapping.dispose();
      expect(() => mapping.buffer).toThrow(NativeError);
    }),
  );
});

describe('eventfd', () => {
  it(
    'counts signals, and waits with a limit',
    use((owner) => {
      const event = owner.own(new EventFd());
      expect(event.drain()).toBe(0);
      expect(event.wait(1)).toBe(false);
      event.signal();
      event.signal();
      expect(event.wait(1000)).toBe(true);
      expect([event.drain(), event.drain()]).toEqual([2, 0]);
    }),
  );
});

describe('descriptors', () => {
  it(
    'read and write with limits',
    use((owner) => {
      const { ours, theirs } = socketPair();
      owner.ownFd(ours);
      const copy = owner.ownFd(dupFd(theirs, 100));
      expect(copy).toBeGreaterThanOrEqual(100);
      closeFd(theirs);
      const into = new Uint8Array(16);
      expect(tryRead(ours, into)).toBe(0);
      expect(() => readSome(ours, into, 1)).toThrow(TimeLimitError);
      writeAll(copy, Buffer.from('hello'), 1000);
      expect(text(into.subarray(0, readSome(ours, into, 1000)))).toBe('hello');
      expect(() => writeAll(ours, new Uint8Array(8 << 20), 1)).toThrow(TimeLimitError);
      owner.release(copy);
      expect(() => writeAll(ours, new Uint8Array(1), 1000)).toThrow(PeerClosedError);
    }),
  );

  it(
    'are watched together',
    use((owner) => {
      const [a, b] = [owner.own(new EventFd()), owner.own(new EventFd())];
      b.signal();
      const entries = [
        { fd: a.fd, events: POLL.IN, happened: 0 },
        { fd: b.fd, events: POLL.IN, happened: 0 },
      ];
      expect(poll(entries, 1000)).toBe(1);
      expect(entries.map((one) => one.happened)).toEqual([0, POLL.IN]);
    }),
  );

  it(
    'take ioctls',
    use((owner) => {
      const { ours, theirs } = socketPair();
      owner.ownFd(ours);
      owner.ownFd(theirs);
      writeAll(theirs, new Uint8Array(5), 1000);
      const FIONREAD = 0x541b;
      const count = new Int32Array(1);
      ioctl(ours, FIONREAD, new Uint8Array(count.buffer));
      expect(count[0]).toBe(5);
      expect(() => ioctl(ours, ioctlNumber(2, 0xaf, 0, 8), new Uint8Array(8), 'VHOST_GET_FEATURES')).toThrow(
        /ioctl\(VHOST_GET_FEATURES\): ENOTTY/,
      );
    }),
  );
});

describe('sockets', () => {
  it(
    'pass descriptors',
    use((owner) => {
      const path = `@vdpa-cts-test-${process.pid}-${performance.now()}`;
      expect(() => connectUnix(path, 1000)).toThrow(SystemError);
      const listener = owner.ownFd(listenUnix(path));
      expect(() => acceptUnix(listener, 1)).toThrow(TimeLimitError);
      const client = owner.ownFd(connectUnix(path, 1000));
      const server = owner.ownFd(acceptUnix(listener, 1000));
      expect(() => receiveMessage(server, 100, 1)).toThrow(TimeLimitError);
      const event = owner.own(new EventFd());
      sendMessage(client, Buffer.from('two'), [event.fd, event.fd], 1000);
      sendMessage(client, Buffer.from(' none'), [], 1000);
      const first = receiveMessage(server, 3, 1000);
      for (const fd of first.fds) owner.ownFd(fd);
      expect(text(first.bytes)).toBe('two');
      expect(first.fds).toHaveLength(2);
      expect(receiveMessage(server, 100, 1000)).toMatchObject({ fds: [] });
      event.signal();
      const count = new Uint8Array(8);
      expect(tryRead(first.fds[1], count)).toBe(8);
      owner.release(client);
      expect(() => receiveMessage(server, 100, 1000)).toThrow(PeerClosedError);
    }),
  );
});

describe('children', () => {
  it(
    'get the descriptors they were promised, even where numbers cross',
    use((owner) => {
      const a = owner.ownFd(createMemfd('a', 10));
      const b = owner.ownFd(createMemfd('b', 20));
      const look = `stat -L -c %s /proc/self/fd/${a} /proc/self/fd/${b}; exit 7`;
      const child = owner.own(new Child('sh', ['-c', look], { fds: { [a]: b, [b]: a } }));
      expect(child.wait(20_000)).toEqual({ code: 7, signal: null });
      expect(child.output()).toBe('20\n10\n');
    }),
  );

  it(
    'are seen to die, with signal and output',
    use((owner) => {
      const child = owner.own(new Child('sh', ['-c', 'echo ready >&2; kill -SEGV $$']));
      expect(child.wait(20_000)).toEqual({ code: null, signal: 11 });
      expect(child.output()).toContain('ready');
      expect(() => new Child('no-such-program', [])).toThrow(/no program no-such-program/);
    }),
  );

  it(
    'end with their owner',
    use((owner) => {
      const child = new Child('sleep', ['1000']);
      expect(child.wait(1)).toBeNull();
      expect(isRunning(child.pid)).toBe(true);
      owner.own(child);
      owner.dispose();
      expect(isRunning(child.pid)).toBe(false);
    }),
  );
});

describe('set-ups', () => {
  // A process of its own: other tests open descriptors in this one.
  it('leave no descriptor and no mapping behind', () => {
    const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', 'tools/native-set-ups.ts', '500'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    const { times, before, after } = JSON.parse(stdout);
    expect(times).toBe(500);
    // The loader opens and closes one of its own.
    expect(Math.abs(after.descriptors - before.descriptors)).toBeLessThan(5);
    expect(after.shared).toBe(0);
  });
});
