import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Make `folder` and those above it that are missing. Node's own way to do that never ends on file systems that let
 * nobody make folders, such as /proc. @throws NodeJS.ErrnoException where one cannot be made
 */
export function makeFolder(folder: string): void {
  const missing = make(folder);
  if (missing === null) return;
  const above = dirname(folder);
  if (above === folder) throw missing;
  makeFolder(above);
  const still = make(folder);
  if (still !== null) throw still;
}

/** null: it is there now; else why not: the folder above it is missing. */
function make(folder: string): NodeJS.ErrnoException | null {
  try {
    mkdirSync(folder);
    return null;
  } catch (caught) {
    const error = caught as NodeJS.ErrnoException;
    if (error.code === 'ENOENT') return error;
    if (error.code === 'EEXIST' && statSync(folder).isDirectory()) return null;
    throw error;
  }
}
