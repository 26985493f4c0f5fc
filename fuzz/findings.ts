import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { History } from '../conformance/history/history.ts';
import { makeFolder } from '../specs/make-folder.ts';
import { bucketId } from './as-case.ts';
import { writeWhole } from './corpus.ts';
import type { FoundBug } from './protocol.ts';
import type { Reproduced } from './shrink.ts';

/** One bug in the summary of a campaign. */
export interface Bug {
  id: string;
  bucket: string;
  requirement: string;
  expected: string;
  actual: string;
  /** Steps of the shrunk counterexample, and how many there were. */
  steps: number;
  originalSteps: number;
  /** Sequences that hit it. */
  hits: number;
  /** Seed of the campaign and number of the sequence that hit it first. */
  seed: number;
  at: number;
  target: string;
  /** How often it showed in a fresh process; devices outside the suite only. */
  reproduced?: Reproduced;
  files: { case: string; history: string; whole: string };
}

/** Version of `findings.json`. */
const VERSION = 1;

/**
 * What a campaign has found, kept on disk from the moment it is printed: `findings.json`, and for each bug a
 * case (`<id>.yaml`), its history (`<id>.history.json`) and the sequence that hit it, unshrunk (`<id>.whole.yaml`).
 */
export class Findings {
  readonly folder: string;
  readonly bugs = new Map<string, Bug>();
  readonly #complain: (problem: string) => void;

  constructor(folder: string, complain: (problem: string) => void) {
    this.folder = folder;
    this.#complain = complain;
    try {
      const data = JSON.parse(readFileSync(join(folder, 'findings.json'), 'utf8')) as {
        version: number;
        bugs: Bug[];
      };
      if (data.version === VERSION) for (const bug of data.bugs) this.bugs.set(bug.bucket, bug);
    } catch {
      // A campaign that begins here.
    }
  }

  /** Note a bug; its files are on disk, or their text was printed, when this returns. */
  add(found: FoundBug, seed: number, target: string): Bug {
    const id = bucketId(found.bucket);
    const file = (ending: string) => join(this.folder, `${id}.${ending}`);
    const files = { case: file('yaml'), history: file('history.json'), whole: file('whole.yaml') };
    const bug: Bug = {
      id,
      bucket: found.bucket,
      requirement: found.finding.requirement,
      expected: found.finding.expected,
      actual: found.finding.actual,
      steps: found.sequence.steps.length,
      originalSteps: found.original.steps.length,
      hits: this.bugs.get(found.bucket)?.hits ?? 0,
      seed,
      at: found.at,
      target,
      ...(found.reproduced ? { reproduced: found.reproduced } : {}),
      files,
    };
    this.bugs.set(found.bucket, bug);
    try {
      makeFolder(this.folder);
      writeWhole(files.case, found.yaml);
      writeWhole(files.whole, found.whole);
      writeWhole(files.history, `${JSON.stringify(found.history)}\n`);
    } catch (error) {
      this.#complain(
        `${this.folder} cannot be written (${(error as Error).message}); the case is printed instead:\n${found.yaml}`,
      );
    }
    this.save();
    return bug;
  }

  /** Note that a worker was lost: `history` has the steps that it was at, where they are known. */
  lose(why: string, seed: number, at: number, target: string, history: History | null): Bug {
    const bucket = `INV-ALIVE | ${why.replace(/\d+/g, '#')}`;
    const id = history === null ? '' : bucketId(bucket);
    const known = this.bugs.get(bucket);
    const bug: Bug = known ?? {
      id,
      bucket,
      requirement: 'INV-ALIVE',
      expected: 'the device survives',
      actual: why,
      steps: history?.steps.length ?? 0,
      originalSteps: history?.steps.length ?? 0,
      hits: 0,
      seed,
      at,
      target,
      files: {
        case: '',
        whole: '',
        history: history === null ? '' : join(this.folder, `${id}.history.json`),
      },
    };
    bug.hits++;
    this.bugs.set(bucket, bug);
    if (known === undefined && history !== null) {
      try {
        makeFolder(this.folder);
        writeWhole(bug.files.history, `${JSON.stringify(history)}\n`);
      } catch (error) {
        this.#complain(`${this.folder} cannot be written (${(error as Error).message})`);
      }
    }
    this.save();
    return bug;
  }

  /** Count further hits of known bugs. */
  hit(counts: Readonly<Record<string, number>>): void {
    for (const [bucket, n] of Object.entries(counts)) {
      const bug = this.bugs.get(bucket);
      if (bug) bug.hits += n;
    }
  }

  /** Take over what another campaign found; of two counterexamples for one bucket the shorter one stays. */
  merge(other: Findings): void {
    for (const bug of other.bugs.values()) {
      const own = this.bugs.get(bug.bucket);
      const shorter = own === undefined || bug.steps < own.steps ? bug : own;
      this.bugs.set(bug.bucket, { ...shorter, hits: (own?.hits ?? 0) + bug.hits });
    }
  }

  save(): void {
    try {
      makeFolder(this.folder);
      writeWhole(
        join(this.folder, 'findings.json'),
        `${JSON.stringify({ version: VERSION, bugs: [...this.bugs.values()] }, null, 1)}\n`,
      );
    } catch (error) {
      this.#complain(`${this.folder} cannot be written: ${(error as Error).message}`);
    }
  }
}
