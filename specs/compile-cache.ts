import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { threadId } from 'node:worker_threads';

/** Root of the project: the folder that holds package.json, from source as well as from the build. */
export const PROJECT_ROOT = fileURLToPath(new URL('..', import.meta.url));

const FOLDER = join(PROJECT_ROOT, 'node_modules', '.cache', 'vdpa-cts');

/**
 * Keep what `make` computes on disk under `key`; the key must contain a digest of all input. A cache that
 * cannot be read or written is not an error, only slower.
 */
export function cached<T>(key: string, make: () => T): T {
  const path = join(FOLDER, `${key}.json`);
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    const value = make();
    try {
      mkdirSync(FOLDER, { recursive: true });
      const temporary = `${path}.${process.pid}-${threadId}`;
      writeFileSync(temporary, JSON.stringify(value));
      renameSync(temporary, path);
    } catch {
      // A read-only checkout works, it just parses again next time.
    }
    return value;
  }
}
