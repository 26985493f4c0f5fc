import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { 'vdpa-cts': fileURLToPath(new URL('./api.ts', import.meta.url)) } },
  test: {
    include: ['**/*.test.ts', '**/*.test.tsx'],
    exclude: ['**/node_modules/**', 'dist/**', 'out/**', 'coverage/**'],
    globalSetup: ['tests/build-once.ts'],
    pool: 'threads',
    // Half of the time a file waits for a process of its own, so two fit on a small machine.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // No test depends on speed: these limits only end what would never end.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    coverage: {
      provider: 'v8',
      include: [
        '{specs,framework,devices,conformance,fuzz,reports}/**/*.{ts,tsx}',
        'api.ts',
        'cli.ts',
        'cli/**/*.ts',
        'parents.ts',
      ],
      exclude: ['**/*.test.{ts,tsx}', 'reports/html/client/**', 'dist/**', 'out/**'],
      reporter: ['text-summary', 'json-summary', 'html'],
    },
  },
});
