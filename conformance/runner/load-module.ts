import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { threadId } from 'node:worker_threads';
import { PROJECT_ROOT } from '../../specs/compile-cache.ts';

/**
 * Load a user's TypeScript or JavaScript module. It is bundled in memory first, so that it needs neither a
 * compiler nor a package of its own: `vdpa-cts` in its imports is this suite.
 * @throws Error with the compiler's message and place when the module does not build
 */
export async function loadUserModule(path: string): Promise<Record<string, unknown>> {
  const { buildSync } = await import('esbuild');
  const built = join(PROJECT_ROOT, 'dist', 'api.js');
  const api = existsSync(built) ? built : join(PROJECT_ROOT, 'api.ts');
  let text: string;
  try {
    const { outputFiles } = buildSync({
      entryPoints: [path],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      sourcemap: 'inline',
      external: [api, pathToFileURL(api).href],
      alias: { 'vdpa-cts': api },
      logLevel: 'silent',
    });
    text = outputFiles[0].text;
  } catch (error) {
    const [first] =
      (error as { errors?: { text: string; location?: { file: string; line: number; column: number } }[] })
        .errors ?? [];
    if (first === undefined) throw error;
    const { location } = first;
    throw new Error(
      location ? `${location.file}:${location.line}:${location.column + 1}: ${first.text}` : first.text,
    );
  }
  const name = `${createHash('sha256').update(text).digest('hex').slice(0, 24)}.mjs`;
  const file = keep(name, text.replaceAll(JSON.stringify(api), JSON.stringify(pathToFileURL(api).href)));
  // From here on, so that the modules of the suite itself pay nothing: stack traces name lines of the source.
  process.setSourceMapsEnabled(true);
  return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
}

/** Write a built module where it can be imported from; several workers may do so at a time. */
function keep(name: string, text: string): string {
  const caches = [
    join(PROJECT_ROOT, 'node_modules', '.cache', 'vdpa-cts', 'parents'),
    join(tmpdir(), 'vdpa-cts-parents'),
  ];
  for (const [i, folder] of caches.entries()) {
    const file = join(folder, name);
    try {
      if (existsSync(file)) return file;
      mkdirSync(folder, { recursive: true });
      const temporary = `${file}.${process.pid}-${threadId}`;
      writeFileSync(temporary, text);
      renameSync(temporary, file);
      return file;
    } catch (error) {
      if (i === caches.length - 1) throw error;
    }
  }
  throw new Error('no folder for built modules');
}
