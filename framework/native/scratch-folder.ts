import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';

/** Waits for the end of its input, which this process holds, and removes the folder. */
const GUARD = 'cat >/dev/null; rm -rf "$0"';

/** A folder for files of a child, as its sockets. It is gone when it is disposed of, or when this process is gone. */
export class ScratchFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'vdpa-cts-'));
  readonly #guard: ChildProcessByStdio<Writable, null, null>;

  constructor() {
    this.#guard = spawn('sh', ['-c', GUARD, this.path], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#guard.unref();
    // A guard that was killed is no reason to end.
    this.#guard.on('error', () => {});
    this.#guard.stdin.on('error', () => {});
  }

  dispose(): void {
    rmSync(this.path, { recursive: true, force: true });
    this.#guard.stdin.destroy();
  }
}
