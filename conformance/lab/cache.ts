import { existsSync, readdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { makeFolder } from '../../specs/make-folder.ts';

/** Folder that holds what the lab keeps: `--cache`, else `$XDG_CACHE_HOME/vdpa-cts`, else `~/.cache/vdpa-cts`. */
export function cacheFolder(named?: string): string {
  if (named !== undefined) return resolve(named, 'lab');
  const base = process.env.XDG_CACHE_HOME;
  return join(base?.startsWith('/') ? base : join(homedir(), '.cache'), 'vdpa-cts', 'lab');
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/** Names of temporary folders: what they are for and the process that owns them. */
const TEMPORARY = /^(?:build|run)-(\d+)(?:-\d+)?$/;

/** Remove temporary folders of processes that are gone: a killed run cannot do it itself. */
export function sweep(cache: string): void {
  if (!existsSync(cache)) return;
  for (const name of readdirSync(cache)) {
    const owner = TEMPORARY.exec(name)?.[1];
    if (owner !== undefined && !alive(Number(owner)))
      rmSync(join(cache, name), { recursive: true, force: true });
  }
}

/** A folder of this process in the cache, removed by {@link sweep} should the process die. */
export function temporaryFolder(cache: string, kind: 'build' | 'run', serial?: number): string {
  const folder = join(cache, `${kind}-${process.pid}${serial === undefined ? '' : `-${serial}`}`);
  rmSync(folder, { recursive: true, force: true });
  makeFolder(folder);
  return folder;
}
