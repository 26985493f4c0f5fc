import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { NativeError, SystemError } from './errors.ts';
import { closeFd, dupFd, setAppend, waitReadable } from './fd.ts';
import { attempt, check, type Libc, native } from './libc.ts';
import { createMemfd } from './memfd.ts';
import { Resources } from './resources.ts';

const SYS_PIDFD_OPEN = 434;
const WNOHANG = 1;
const POSIX_SPAWN_SETPGROUP = 2;
const POSIX_SPAWN_SETSIGDEF = 4;
const POSIX_SPAWN_SETSIGMASK = 8;
const O_RDWR = 2;

/** Numbers from here on are free to hold descriptors while a child's table is put together. */
const PARKED = 200;
/** Bytes at the end of a child's output that {@link Child.output} shows. */
const OUTPUT = 64 << 10;

/** How a child came to its end: exit code, or the signal that ended it. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: number | null;
}

export interface SpawnOptions {
  /** Descriptors of the child: its number → ours. 0, 1 and 2 are `/dev/null` or, for output, kept in memory. */
  readonly fds?: Readonly<Record<number, number>>;
  /** Environment; default: ours. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Path of `name` on the PATH, or of `name` itself when it has a slash; undefined when it cannot be run. */
export function findProgram(name: string): string | undefined {
  const candidates = name.includes('/')
    ? [name]
    : (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name));
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Names of the signals that a program dies of by its own fault, or is ended with. */
const SIGNALS: Readonly<Record<number, string>> = {
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  15: 'SIGTERM',
};

/** A signal by its name where it is a usual one. */
export const signalName = (signal: number): string => SIGNALS[signal] ?? `signal ${signal}`;

/** Runs only while its parent is the process that asked for it: the suite may have died before. */
const GUARD = '[ "$PPID" = "$1" ] || exit 125; shift; exec "$@"';

/**
 * A process that the suite started and watches, without an event loop. It is killed by the kernel when the
 * thread that started it ends, however that happens (`PR_SET_PDEATHSIG`, set by setpriv(1)): a worker takes
 * its devices with it, and `kill -9` of the suite leaves no orphan. It has a process group of its own, so that
 * Ctrl-C reaches the suite only.
 */
export class Child {
  readonly pid: number;
  readonly program: string;
  readonly #resources = new Resources();
  readonly #pidfd: number;
  readonly #output: number;
  #status: ExitStatus | null = null;

  /**
   * Start `program` (a path, or a name on the PATH) with `args`. Returns at once.
   * @throws NativeError when the program or setpriv is missing, SystemError
   */
  constructor(program: string, args: readonly string[], options: SpawnOptions = {}) {
    const path = findProgram(program);
    if (path === undefined)
      throw new NativeError(`there is no program ${program}`, 'install it, or name its path');
    const guard = findProgram('setpriv');
    if (guard === undefined)
      throw new NativeError(
        'there is no program setpriv',
        'install util-linux: it ends children with the suite',
      );
    this.program = path;
    try {
      this.#output = this.#resources.ownFd(createMemfd('child-output', 0));
      setAppend(this.#output);
      const argv = [
        guard,
        '--pdeathsig',
        'KILL',
        '/bin/sh',
        '-c',
        GUARD,
        'sh',
        String(process.pid),
        path,
        ...args,
      ];
      this.pid = spawn(
        argv,
        { 1: this.#output, 2: this.#output, ...options.fds },
        options.env ?? process.env,
      );
    } catch (error) {
      this.#resources.dispose();
      throw error;
    }
    this.#pidfd = this.#resources.ownFd(
      check('pidfd_open', this.pid, (c) => c.syscall(SYS_PIDFD_OPEN, 'long', this.pid, 'long', 0)),
    );
  }

  /** A descriptor that is readable once the child has ended, for {@link poll}. */
  get pidfd(): number {
    return this.#pidfd;
  }

  /** How it ended; null while it runs. */
  get status(): ExitStatus | null {
    if (this.#status === null) this.#reap();
    return this.#status;
  }

  /** Wait for its end, at most `ms` milliseconds. Returns {@link status}. */
  wait(ms: number): ExitStatus | null {
    if (this.#status === null && waitReadable(this.#pidfd, ms)) this.#reap();
    return this.#status;
  }

  /** Bytes that it wrote to standard output and standard error so far. */
  written(): number {
    return check('lseek', 'output', (c) => c.lseek(this.#output, 0, 2));
  }

  /** What it wrote there from byte `from` on: the last 64 KiB of it. */
  output(from = 0): string {
    const size = this.written();
    const bytes = new Uint8Array(Math.max(0, Math.min(size - from, OUTPUT)));
    if (bytes.length === 0) return '';
    const got = check('pread', 'output', (c) =>
      c.pread(this.#output, bytes, bytes.length, size - bytes.length),
    );
    return Buffer.from(bytes.subarray(0, got)).toString();
  }

  /** Send a signal; nothing happens when it has ended. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    if (this.status !== null) return;
    try {
      process.kill(this.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Kill it, wait for its end and release what belongs to it. */
  dispose(): void {
    if (this.#status === null) {
      this.kill();
      this.wait(10_000);
    }
    this.#resources.dispose();
  }

  #reap(): void {
    const status = new Int32Array(1);
    const bytes = new Uint8Array(status.buffer);
    const got = attempt((c) => c.waitpid(this.pid, bytes, WNOHANG));
    if (got === 0) return;
    if (got < 0) {
      // Somebody else has waited for it: all that is known is that it is gone.
      if (!isRunning(this.pid)) this.#status = { code: null, signal: null };
      return;
    }
    const signal = status[0] & 0x7f;
    this.#status = signal === 0 ? { code: (status[0] >> 8) & 0xff, signal: null } : { code: null, signal };
  }
}

/** Whether a process exists and is not a zombie. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

/** `posix_spawn` with exactly the descriptors `fds`; 0, 1 and 2 default to `/dev/null`. Returns the pid. */
function spawn(
  argv: readonly string[],
  fds: Readonly<Record<number, number>>,
  env: Readonly<Record<string, string | undefined>>,
): number {
  const { libc } = native();
  const actions = new Uint8Array(512);
  const attributes = new Uint8Array(1024);
  const parked: number[] = [];
  libc.posix_spawn_file_actions_init(actions);
  libc.posix_spawnattr_init(attributes);
  try {
    for (const fd of [0, 1, 2]) {
      if (fds[fd] === undefined)
        zero(libc.posix_spawn_file_actions_addopen(actions, fd, '/dev/null', O_RDWR, 0), 'open', `${fd}`);
    }
    for (const [theirs, ours] of Object.entries(fds)) {
      const at = dupFd(ours, PARKED);
      parked.push(at);
      zero(libc.posix_spawn_file_actions_adddup2(actions, at, Number(theirs)), 'dup2', `${ours}`);
    }
    defaultSignals(libc, attributes);
    const pid = new Int32Array(1);
    const environment = Object.entries(env).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${value}`],
    );
    zero(
      libc.posix_spawn(
        new Uint8Array(pid.buffer),
        argv[0],
        actions,
        attributes,
        [...argv, null],
        [...environment, null],
      ),
      'posix_spawn',
      argv[0],
    );
    return pid[0];
  } finally {
    for (const fd of parked) closeFd(fd);
    libc.posix_spawn_file_actions_destroy(actions);
    libc.posix_spawnattr_destroy(attributes);
  }
}

/** A process group of its own, no signal ignored (Node ignores SIGPIPE), none blocked. */
function defaultSignals(libc: Libc, attributes: Uint8Array): void {
  libc.posix_spawnattr_setsigdefault(attributes, new Uint8Array(128).fill(0xff));
  libc.posix_spawnattr_setsigmask(attributes, new Uint8Array(128));
  libc.posix_spawnattr_setpgroup(attributes, 0);
  libc.posix_spawnattr_setflags(
    attributes,
    POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK,
  );
}

/** These functions return the errno itself. */
function zero(error: number, call: string, what: string): void {
  if (error !== 0) throw new SystemError(call, what, error);
}
