/**
 * Bundle the command line and its workers into `dist/`, so that they start without a compiler.
 * Runs on `npm ci` (prepare) and whenever `bin/vdpa-cts.mjs` finds a source newer than the build.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildReportClient } from '../reports/html/build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

export async function buildAll() {
  await build({
    absWorkingDir: root,
    entryPoints: [
      './cli.ts',
      './worker.ts',
      './fuzz-worker.ts',
      './prove-worker.ts',
      './ring-bench-worker.ts',
      './lab-agent.ts',
      './vduse-worker.ts',
      './api.ts',
    ],
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    // Puts exported numbers into the code; with them and without fields that start as undefined
    // (useDefineForClassFields in tsconfig.json) rings take half the time.
    minifySyntax: true,
    sourcemap: true,
    chunkNames: 'chunk-[hash]',
    logLevel: 'warning',
  });
  const { js, css } = await buildReportClient();
  mkdirSync(`${root}dist`, { recursive: true });
  writeFileSync(`${root}dist/report-client.js`, js);
  writeFileSync(`${root}dist/report-client.css`, css);
  writeFileSync(`${root}dist/stamp`, new Date().toISOString());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAll();
