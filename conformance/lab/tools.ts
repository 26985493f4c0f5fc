import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { LabError } from './lab-error.ts';

/** Programs that the lab calls, with the Debian package that holds each. */
export const BUILD_TOOLS: Readonly<Record<string, string>> = {
  'apt-get': 'apt',
  'apt-cache': 'apt',
  dpkg: 'dpkg',
  tar: 'tar',
  xz: 'xz-utils',
  make: 'make',
  gcc: 'gcc',
  ldd: 'libc-bin',
};
export const RUN_TOOLS: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-storage-daemon': 'qemu-system-common',
};

/** Absolute path of a program on the PATH, or null. */
export function which(name: string): string | null {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']) {
    if (folder === '') continue;
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** @throws LabError that names the Debian packages of all programs that are missing */
export function requireTools(tools: Readonly<Record<string, string>>): void {
  const missing = Object.keys(tools).filter((name) => which(name) === null);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((name) => tools[name]))];
  throw new LabError(
    `the lab needs ${missing.join(', ')}, not found on the PATH`,
    `apt-get install ${packages.join(' ')}`,
  );
}

/**
 * Start a program that the kernel ends when this process dies, however it dies (`setpriv --pdeathsig`, util-linux).
 * Without setpriv it is started plainly, and only an orderly end of this process ends it.
 */
export function spawnTied(name: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  return which('setpriv') === null
    ? spawn(name, args, options)
    : spawn('setpriv', ['--pdeathsig', 'KILL', name, ...args], options);
}

export interface ToolOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
  /** Milliseconds. */
  limit?: number;
}

/**
 * Run a program to its end and return what it printed on standard output.
 * @throws LabError with the last lines of its output when it fails or takes too long
 */
export function run(name: string, args: readonly string[], options: ToolOptions = {}): Promise<string> {
  const { cwd, env, signal, limit = 600_000 } = options;
  return new Promise((resolve, reject) => {
    // A group of its own, so that what it has started ends with it.
    const child = spawnTied(name, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let out = '';
    let tail = '';
    let why = '';
    const stop = (reason: string) => {
      why = reason;
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    };
    const timer = setTimeout(() => stop(`took longer than ${limit / 1000} s`), limit);
    const abort = () => stop('was interrupted');
    signal?.addEventListener('abort', abort);
    const keep = (chunk: Buffer) => {
      tail = (tail + chunk.toString()).slice(-2000);
    };
    child.stdout!.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      keep(chunk);
    });
    child.stderr!.on('data', keep);
    const end = (code: number | null, how: string) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      if (code === 0) return resolve(out);
      const lines = tail.trim().split('\n').slice(-8).join('\n    ');
      reject(
        new LabError(
          `${name} ${why || how}${lines ? `:\n    ${lines}` : ''}`,
          `the command was: ${[name, ...args].join(' ')}`,
        ),
      );
    };
    child.on('error', (error) => end(null, `cannot be started: ${error.message}`));
    child.on('close', (code, cause) =>
      end(code, cause === null ? `failed with code ${code}` : `was ended by ${cause}`),
    );
  });
}
