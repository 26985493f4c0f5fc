import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { PROJECT_ROOT } from '../../specs/compile-cache.ts';
import { requirements } from '../../specs/requirements.ts';

/** What the suite reads at run time, besides its build; a loaded catalogue comes with each job. */
const DATA = ['package.json', 'specs'];

/** Compiled data that the guest need not compile again, which takes long under emulation. */
const COMPILED = 'node_modules/.cache/vdpa-cts';

const isData = (path: string) => !/\.(?:ts|tsx|mjs)$/.test(path);

/** CommonJS packages in the bundle ask for Node's own modules by `require`. */
const BANNER =
  "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);";

/**
 * The suite as one folder that runs without `node_modules`: data, and the agent with all packages in one file
 * (koffi is in the guest). It keeps what the suite compiles and caches from run to run.
 */
export async function prepareSuite(cache: string): Promise<string> {
  const suite = join(cache, 'suite');
  requirements();
  mkdirSync(join(suite, COMPILED), { recursive: true });
  for (const name of readdirSync(join(PROJECT_ROOT, COMPILED)).filter((one) => /^requirements-/.test(one)))
    cpSync(join(PROJECT_ROOT, COMPILED, name), join(suite, COMPILED, name));
  for (const name of DATA) {
    const fresh = join(suite, `${name}.${process.pid}`);
    const place = join(suite, name);
    mkdirSync(join(place, '..'), { recursive: true });
    cpSync(join(PROJECT_ROOT, name), fresh, { recursive: true, filter: isData });
    rmSync(place, { recursive: true, force: true });
    renameSync(fresh, place);
  }
  const built = join(PROJECT_ROOT, 'dist/lab-agent.js');
  const bundle = join(suite, 'dist/lab-agent.js');
  if (!existsSync(bundle) || statSync(bundle).mtimeMs <= newestIn(join(PROJECT_ROOT, 'dist'))) {
    await build({
      entryPoints: [built],
      outfile: bundle,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      external: ['koffi', 'esbuild'],
      banner: { js: BANNER },
      logLevel: 'error',
    });
  }
  writeFileSync(join(suite, 'dist/package.json'), '{"type":"module"}\n');
  return suite;
}

const newestIn = (folder: string): number =>
  Math.max(...readdirSync(folder).map((name) => statSync(join(folder, name)).mtimeMs));
