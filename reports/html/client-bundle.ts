import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../specs/compile-cache.ts';
import { buildReportClientSync, CLIENT_SOURCES, type ReportClient } from './build.mjs';

let loaded: ReportClient | undefined;

/** The client as built into `dist/`, or bundled now when that is missing or older than its sources. */
export function reportClient(): ReportClient {
  loaded ??= builtClient() ?? buildReportClientSync(PROJECT_ROOT);
  return loaded;
}

function builtClient(): ReportClient | undefined {
  const js = join(PROJECT_ROOT, 'dist', 'report-client.js');
  const css = join(PROJECT_ROOT, 'dist', 'report-client.css');
  if (!existsSync(js) || !existsSync(css)) return undefined;
  const built = Math.min(statSync(js).mtimeMs, statSync(css).mtimeMs);
  const sources = CLIENT_SOURCES.map((name) => join(PROJECT_ROOT, name)).filter(existsSync);
  if (sources.some((path) => newest(path) > built)) return undefined;
  return { js: readFileSync(js, 'utf8'), css: readFileSync(css, 'utf8') };
}

function newest(path: string): number {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  const entries = readdirSync(path, { recursive: true }).map(
    (name) => statSync(join(path, String(name))).mtimeMs,
  );
  return Math.max(0, ...entries);
}
