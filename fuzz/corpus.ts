import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../specs/make-folder.ts';
import { Coverage } from './coverage.ts';
import { type Bench, record } from './execute.ts';
import type { Sequence } from './sequence.ts';

const FILE = /^[0-9a-f]{8}\.json$/;

/** Name of a sequence's file: a digest of its steps, so that the same one is stored once. */
function nameOf({ steps }: Sequence): string {
  const text = JSON.stringify(steps.map(({ name, args }) => [name, args]));
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return `${(hash >>> 0).toString(16).padStart(8, '0')}.json`;
}

/** Write `path` so that a reader, or a crash, never sees half of it. @throws NodeJS.ErrnoException */
export function writeWhole(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** A folder of sequences worth mutating, one JSON file each. */
export class CorpusFolder {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** All readable sequences in the order of their names; broken files are reported and left alone. */
  load(complain: (problem: string) => void): Sequence[] {
    let names: string[];
    try {
      names = readdirSync(this.folder)
        .filter((name) => FILE.test(name))
        .sort();
    } catch {
      return [];
    }
    return names.flatMap((name) => {
      try {
        const data = JSON.parse(readFileSync(join(this.folder, name), 'utf8')) as Sequence;
        if (!Array.isArray(data.steps) || !data.steps.every((step) => typeof step?.name === 'string'))
          throw new Error('no steps');
        return [data];
      } catch (error) {
        complain(`${join(this.folder, name)} is not a sequence: ${(error as Error).message}`);
        return [];
      }
    });
  }

  /** Store sequences. @throws NodeJS.ErrnoException when the folder cannot be written */
  save(sequences: readonly Sequence[]): void {
    if (sequences.length === 0) return;
    makeFolder(this.folder);
    for (const sequence of sequences)
      writeWhole(join(this.folder, nameOf(sequence)), `${JSON.stringify(sequence)}\n`);
  }
}

/** The sequences of `corpus` that together cover all that it covers: shortest first, each adding something. */
export function minimise(corpus: readonly Sequence[], bench: Bench): Sequence[] {
  const coverage = new Coverage();
  return [...corpus]
    .sort((a, b) => a.steps.length - b.steps.length)
    .filter((sequence) => coverage.add(record(sequence, bench).events) > 0);
}
