import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Results } from '../reports/results.ts';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SCRIPT = join(ROOT, 'bin', 'vdpa-cts.mjs');

/** What a command did. */
export interface Outcome {
  code: number | null;
  out: string;
  err: string;
}

/** Start the built command in the root of the project. */
export function start(args: readonly string[]): ChildProcess {
  const { FORCE_COLOR: _, ...env } = process.env;
  return spawn(process.execPath, [SCRIPT, ...args], { cwd: ROOT, env: { ...env, NO_COLOR: '1' } });
}

/** Wait for the end of a command; `watch` sees its standard output as it comes. */
export function ended(child: ChildProcess, watch?: (out: string) => void): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let out = '';
    let err = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      watch?.(out);
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    child.on('error', reject).on('close', (code) => resolve({ code, out, err }));
  });
}

/** Run the built command to its end. */
export const vdpaCts = (...args: string[]): Promise<Outcome> => ended(start(args));

/** A folder for one test; it is gone when the test ends. */
export function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vdpa-cts-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const resultsIn = (folder: string): Results =>
  JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8')) as Results;
