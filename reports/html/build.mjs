/**
 * Bundles the client of the HTML report. esbuild is loaded on use only: a run that finds the bundle in `dist/`
 * never needs it.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OWN_ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Folders whose files go into the bundle, relative to the root of the project. */
export const CLIENT_SOURCES = ['reports/html/client', 'reports/view', 'reports/results.ts'];

const options = (root) => ({
  absWorkingDir: root,
  entryPoints: { client: 'reports/html/client/main.tsx', style: 'reports/html/client/report.css' },
  outdir: 'dist',
  bundle: true,
  write: false,
  minify: true,
  format: 'iife',
  platform: 'browser',
  target: ['chrome100', 'firefox113', 'safari16.4'],
  charset: 'utf8',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  logLevel: 'warning',
});

const textsOf = ({ outputFiles }) => ({
  js: outputFiles.find(({ path }) => path.endsWith('.js')).text,
  css: outputFiles.find(({ path }) => path.endsWith('.css')).text,
});

/** Bundle the client: script and style sheet as text. */
export async function buildReportClient(root = OWN_ROOT) {
  const { build } = await import('esbuild');
  return textsOf(await build(options(root)));
}

/** The same, synchronously. */
export function buildReportClientSync(root = OWN_ROOT) {
  const { buildSync } = createRequire(join(root, 'package.json'))('esbuild');
  return textsOf(buildSync(options(root)));
}
