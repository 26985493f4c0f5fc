import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { makeFolder } from './make-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'vdpa-cts-folder-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it('makes what is missing, and minds nothing that is there', () => {
  const deep = join(root, 'a', 'b', 'c');
  makeFolder(deep);
  makeFolder(deep);
  expect(existsSync(deep)).toBe(true);
});

it('says why a folder cannot be made', () => {
  writeFileSync(join(root, 'file'), '');
  expect(() => makeFolder(join(root, 'file'))).toThrow('EEXIST');
  expect(() => makeFolder(join(root, 'file', 'below'))).toThrow('ENOTDIR');
  expect(() => makeFolder('')).toThrow('ENOENT');
});

it.skipIf(!existsSync('/proc/self'))('ends where nobody can make folders', () => {
  expect(() => makeFolder('/proc/nobody/can')).toThrow('ENOENT');
});
