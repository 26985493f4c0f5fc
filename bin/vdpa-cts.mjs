#!/usr/bin/env node
/** The command: starts the build in `dist/`, bringing it up to date first when a source is newer. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const FOLDERS = ['specs', 'framework', 'devices', 'conformance', 'fuzz', 'reports', 'cli', 'tools'];
const SOURCE = /\.(ts|tsx|mjs|css)$/;

function newest() {
  const entries = readdirSync(root).filter((name) => SOURCE.test(name));
  let latest = Math.max(...entries.map((name) => statSync(join(root, name)).mtimeMs));
  for (const folder of FOLDERS) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !SOURCE.test(entry.name) || entry.name.endsWith('.test.ts')) continue;
      latest = Math.max(latest, statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs);
    }
  }
  return latest;
}

const stamp = join(root, 'dist', 'stamp');
if (!existsSync(stamp) || (existsSync(join(root, '.git')) && statSync(stamp).mtimeMs < newest())) {
  const { buildAll } = await import(pathToFileURL(join(root, 'tools', 'build.mjs')).href);
  await buildAll();
}
const { main } = await import(pathToFileURL(join(root, 'dist', 'cli.js')).href);
process.exitCode = await main(process.argv.slice(2));
