import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';
import { NativeError, SystemError } from './errors.ts';

type KoffiModule = typeof Koffi;

/** The functions of the C library that the native layer calls; buffers are passed by address. */
export interface Libc {
  memfd_create(name: string, flags: number): number;
  ftruncate(fd: number, length: number): number;
  mmap(at: bigint | null, length: number, prot: number, flags: number, fd: number, offset: number): bigint;
  munmap(at: bigint, length: number): number;
  eventfd(initial: number, flags: number): number;
  poll(fds: Uint8Array, count: number, ms: number): number;
  read(fd: number, into: Uint8Array, length: number): number;
  write(fd: number, from: Uint8Array, length: number): number;
  pread(fd: number, into: Uint8Array, length: number, offset: number): number;
  lseek(fd: number, offset: number, whence: number): number;
  close(fd: number): number;
  fcntl(fd: number, command: number, type: 'int', value: number): number;
  ioctl(fd: number, request: number, type: 'void *', argument: Uint8Array | null): number;
  ioctlInt(fd: number, request: number, type: 'long', argument: number): number;
  socket(domain: number, type: number, protocol: number): number;
  socketpair(domain: number, type: number, protocol: number, fds: Uint8Array): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array): number;
  accept4(fd: number, address: null, length: null, flags: number): number;
  sendmsg(fd: number, message: Uint8Array, flags: number): number;
  recvmsg(fd: number, message: Uint8Array, flags: number): number;
  posix_spawn(
    pid: Uint8Array,
    path: string,
    actions: Uint8Array,
    attributes: Uint8Array,
    argv: (string | null)[],
    envp: (string | null)[],
  ): number;
  posix_spawn_file_actions_init(actions: Uint8Array): number;
  posix_spawn_file_actions_destroy(actions: Uint8Array): number;
  posix_spawn_file_actions_adddup2(actions: Uint8Array, from: number, to: number): number;
  posix_spawn_file_actions_addopen(
    actions: Uint8Array,
    fd: number,
    path: string,
    flags: number,
    mode: number,
  ): number;
  posix_spawnattr_init(attributes: Uint8Array): number;
  posix_spawnattr_destroy(attributes: Uint8Array): number;
  posix_spawnattr_setflags(attributes: Uint8Array, flags: number): number;
  posix_spawnattr_setpgroup(attributes: Uint8Array, group: number): number;
  posix_spawnattr_setsigdefault(attributes: Uint8Array, set: Uint8Array): number;
  posix_spawnattr_setsigmask(attributes: Uint8Array, set: Uint8Array): number;
  waitpid(pid: number, status: Uint8Array, options: number): number;
  syscall(number: number, t1: 'long', a: number, t2: 'long', b: number): number;
}

/** C declarations of {@link Libc}, in the words of koffi. */
const DECLARATIONS: Readonly<Record<keyof Libc, string>> = {
  memfd_create: 'int memfd_create(const char *name, unsigned int flags)',
  ftruncate: 'int ftruncate(int fd, int64_t length)',
  mmap: 'uintptr_t mmap(void *at, size_t length, int prot, int flags, int fd, int64_t offset)',
  munmap: 'int munmap(uintptr_t at, size_t length)',
  eventfd: 'int eventfd(unsigned int initial, int flags)',
  poll: 'int poll(void *fds, unsigned long count, int ms)',
  read: 'int64_t read(int fd, void *into, size_t length)',
  write: 'int64_t write(int fd, const void *from, size_t length)',
  pread: 'int64_t pread(int fd, void *into, size_t length, int64_t offset)',
  lseek: 'int64_t lseek(int fd, int64_t offset, int whence)',
  close: 'int close(int fd)',
  fcntl: 'int fcntl(int fd, int command, ...)',
  ioctl: 'int ioctl(int fd, unsigned long request, ...)',
  ioctlInt: 'int ioctl(int fd, unsigned long request, ...)',
  socket: 'int socket(int domain, int type, int protocol)',
  socketpair: 'int socketpair(int domain, int type, int protocol, void *fds)',
  bind: 'int bind(int fd, const void *address, unsigned int length)',
  connect: 'int connect(int fd, const void *address, unsigned int length)',
  getsockname: 'int getsockname(int fd, void *address, void *length)',
  setsockopt: 'int setsockopt(int fd, int level, int option, const void *value, unsigned int length)',
  listen: 'int listen(int fd, int backlog)',
  getsockopt: 'int getsockopt(int fd, int level, int name, void *value, void *length)',
  accept4: 'int accept4(int fd, void *address, void *length, int flags)',
  sendmsg: 'int64_t sendmsg(int fd, const void *message, int flags)',
  recvmsg: 'int64_t recvmsg(int fd, void *message, int flags)',
  posix_spawn:
    'int posix_spawn(void *pid, const char *path, const void *actions, const void *attributes, const char **argv, const char **envp)',
  posix_spawn_file_actions_init: 'int posix_spawn_file_actions_init(void *actions)',
  posix_spawn_file_actions_destroy: 'int posix_spawn_file_actions_destroy(void *actions)',
  posix_spawn_file_actions_adddup2: 'int posix_spawn_file_actions_adddup2(void *actions, int from, int to)',
  posix_spawn_file_actions_addopen:
    'int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, unsigned int mode)',
  posix_spawnattr_init: 'int posix_spawnattr_init(void *attributes)',
  posix_spawnattr_destroy: 'int posix_spawnattr_destroy(void *attributes)',
  posix_spawnattr_setflags: 'int posix_spawnattr_setflags(void *attributes, short flags)',
  posix_spawnattr_setpgroup: 'int posix_spawnattr_setpgroup(void *attributes, int group)',
  posix_spawnattr_setsigdefault: 'int posix_spawnattr_setsigdefault(void *attributes, const void *set)',
  posix_spawnattr_setsigmask: 'int posix_spawnattr_setsigmask(void *attributes, const void *set)',
  waitpid: 'int waitpid(int pid, void *status, int options)',
  syscall: 'long syscall(long number, ...)',
};

let loaded: { koffi: KoffiModule; libc: Libc } | undefined;

/**
 * koffi and the C library, loaded at the first call.
 * @throws NativeError when this is not Linux or koffi is not installed
 */
export function native(): { koffi: KoffiModule; libc: Libc } {
  loaded ??= load();
  return loaded;
}

function load(): { koffi: KoffiModule; libc: Libc } {
  if (process.platform !== 'linux')
    throw new NativeError(
      `real devices are reached on Linux only, not on ${process.platform}`,
      'in-process targets work everywhere: `vdpa-cts targets`',
    );
  const koffi = loadKoffi(createRequire(import.meta.url));
  const library = koffi.load(null);
  const libc: Record<string, unknown> = {};
  for (const [name, declaration] of Object.entries(DECLARATIONS)) libc[name] = library.func(declaration);
  return { koffi, libc: libc as unknown as Libc };
}

/** Load koffi with `require`; tests give one of their own. */
export function loadKoffi(require: (name: string) => unknown): KoffiModule {
  try {
    return require('koffi') as KoffiModule;
  } catch (error) {
    throw new NativeError(
      `real devices need the package koffi, which cannot be loaded: ${(error as Error).message.split('\n')[0]}`,
      'it is an optional dependency: `npm install --include=optional`, or `npm install koffi`',
    );
  }
}

const EINTR = 4;

/**
 * The result of a system call, repeated while signals interrupt it.
 * @throws SystemError when it is negative
 */
export function check(call: string, what: string | number, run: (libc: Libc) => number): number {
  for (;;) {
    const result = attempt(run);
    if (result >= 0) return result;
    if (result !== -EINTR) throw new SystemError(call, String(what), -result);
  }
}

/** The result of a system call, or its errno, negated. */
export function attempt(run: (libc: Libc) => number): number {
  const { koffi, libc } = native();
  const result = run(libc);
  return result < 0 ? -koffi.errno() : result;
}
